"""Train a model on one labelled image, and measure it on another one.

python train_from_labels.py IMAGE LABELS TEST_IMAGE TEST_LABELS MODEL [MINUTES]
"""

import sys

from seamless_unet import evaluate, save_model, train
from seamless_unet.image_io import read_image, read_labels
from seamless_unet.stack import segment_stack
from seamless_unet.train import Finished, Validated
from seamless_unet.volumes import fitting_recipe


def main(
    image_path: str,
    labels_path: str,
    test_image_path: str,
    test_labels_path: str,
    model_path: str,
    minutes: str = "5",
) -> None:
    """Train for some minutes, save the model, and print how good it is."""
    image = read_image(image_path)
    labels = read_labels(labels_path, like=image)
    # volumes for crowded stacks, planes for all else
    pair = [image.data], [labels.data]
    config = fitting_recipe("quick", {"minutes": float(minutes)}, *pair, axes=[image.axes])
    for event in train(*pair, config, axes=image.axes, pixel_size=image.pixel_size):
        if isinstance(event, Validated):
            print(f"step {event.step}: validation score {event.score:.3f}")
        elif isinstance(event, Finished):
            model = event.model
    save_model(model, model_path)

    test_image = read_image(test_image_path)
    truth = read_labels(test_labels_path, like=test_image)
    # the last thing it yields is the result; before, it reports its progress
    *_, result = segment_stack(model, test_image.data, test_image.axes)
    print(evaluate(truth.data, result.labels).table())


if __name__ == "__main__":
    if len(sys.argv) not in (6, 7):
        sys.exit(__doc__)
    main(*sys.argv[1:])
