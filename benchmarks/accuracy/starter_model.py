"""Make the bundled model ``nuclei``: train, test on images set apart, write the card.

``DATA`` is the fluorescence part of the 2018 Data Science Bowl (BBBC038, CC0) as a folder of
SIZE_images.tif / SIZE_labels.tif stacks along S. A fifth of its images is the test part: nothing
is trained on it or chosen by it. Our own drawn samples are trained on too. Example::

    python benchmarks/accuracy/starter_model.py DATA --steps 9000 --seed 0

Fields of `TrainConfig` can be changed, such as ``--device cuda --steps 40000 batch_size=8``.
``--weights FILE`` takes those of an earlier run, and only chooses anew how its probabilities become
objects, by the images that the training held back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from row import command_line, device_name, emit, found_in, keep, parsed, recipe, scores
from splits import Pair, read_split

from seamless_unet.calibrate import calibrate
from seamless_unet.config import WIDTH, TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.image_io import sample_path
from seamless_unet.metrics import Evaluation
from seamless_unet.model_file import Model, load_model, save_model
from seamless_unet.model_info import model_info
from seamless_unet.train import Prepared, Step, Validated, train
from seamless_unet.validate import predict_samples, score

OUTPUT = Path(__file__).parents[2] / "src" / "seamless_unet" / "models" / "nuclei.safetensors"
SAMPLES = ("nuclei", "nuclei_time")
# the default recipe, for longer and from random weights
LONGER = {"validation": 0.05, "start": "scratch", "ema": 0.999, "base_channels": WIDTH[2]}


def sample_pairs(names: Sequence[str] = SAMPLES) -> list[Pair]:
    """Return our own samples, frames of the time-lapse one by one."""
    pairs = []
    for name in names:
        image, labels = (
            tifffile.imread(sample_path(f"{name}{end}.tif")) for end in ("", "_labels")
        )
        if image.ndim == 2:
            image, labels = image[np.newaxis], labels[np.newaxis]
        pairs += [Pair(*parts, name) for parts in zip(image, labels, strict=True)]
    return pairs


def sample_ap(model: Model, name: str) -> float:
    """Return the AP at IoU 0.5 of one of our own samples, which were trained on."""
    pairs = sample_pairs([name])
    return scores(pairs, (found_in(model, pair.image) for pair in pairs))[0].ap50


def learned(chosen: Sequence[Pair], config: TrainConfig, device: str) -> Model:
    """Train, and say how it goes."""
    images, labels = [p.image for p in chosen], [p.labels for p in chosen]
    for event in train(images, labels, config, device=device):
        if isinstance(event, Prepared):
            print(event.summary.text())
        elif isinstance(event, Validated) or (isinstance(event, Step) and event.step % 100 == 0):
            print(event, flush=True)
    return event.model


def with_new_settings(model: Model, chosen: Sequence[Pair], config: TrainConfig) -> Model:
    """Return the model with the settings that a training would choose at its end."""
    dataset = make_dataset([p.image for p in chosen], [p.labels for p in chosen], config)
    begun = model_info(dataset, config, model.info.normalization, {})
    begun = {name: getattr(begun, name) for name in begun.instances if name != "cored"}
    info = dataclasses.replace(model.info, **begun)
    predicted = predict_samples(model.network, info, dataset.validation)
    info, value = calibrate(info, predicted, score(info, predicted))
    training = {**model.info.training, "score": value}
    return Model(dataclasses.replace(info, training=training), model.network)


def about(model: Model, result: Evaluation, images: int, config: TrainConfig) -> Model:
    """Return the model with its card."""
    trained_on = (
        f"{images} fluorescence images of the 2018 Data Science Bowl (BBBC038, CC0) "
        f"and {len(sample_pairs())} drawn samples"
    )
    card = (
        f"Nuclei in fluorescence images, bright on dark, 2-D. Trained on {trained_on}, "
        f"{config.steps} steps. On {result.images} other images of the first kind, which nothing "
        f"was chosen by: AP {result.ap50:.3f} at IoU 0.5, {result.mean_ap:.3f} over IoU 0.5 to "
        "0.95. Crowded and very blurred nuclei are still merged at times."
    )
    training = {**model.info.training, "trained_on": trained_on, "test": result.to_json()}
    training["samples"] = {name: sample_ap(model, name) for name in SAMPLES}
    training["data"] = {**training["data"], "left_out": []}
    info = dataclasses.replace(
        model.info, description=card, licence="CC0-1.0", training=training, channels=("nuclei",)
    )
    return Model(info, model.network)


def main() -> None:
    parser = command_line(__doc__, without=("minutes", "limit", "output"))
    parser.set_defaults(steps=9000)
    parser.add_argument("--weights", type=Path, help="a model of an earlier run: do not train")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--found", type=Path, help="folder to save what was found in")
    arguments = parsed(parser)
    split = read_split(arguments.data)
    chosen = split.training + sample_pairs()
    arguments.changes = LONGER | arguments.changes
    config = recipe(arguments)
    if arguments.weights:
        model = with_new_settings(load_model(arguments.weights), chosen, config)
    else:
        model = learned(chosen, config, arguments.device)
    found = [found_in(model, pair.image, device=arguments.device) for pair in split.test]
    result, each = scores(split.test, found)
    model = about(model, result, len(split.training), config)
    save_model(model, arguments.output)
    keep(arguments.found, None, split.test, found)
    emit(
        "nuclei, bundled model",
        data=arguments.data.name,
        split=f"{len(split.training)} to train, {len(split.test)} to test",
        seed=arguments.seed,
        steps=arguments.steps,
        changes=arguments.changes,
        seconds=model.info.training["seconds"],
        device=device_name(),
        ap50=result.ap50,
        mean_ap=result.mean_ap,
        ap50_per_image=float(np.mean([evaluation.ap50 for evaluation in each])),
        mean_ap_per_image=float(np.mean([evaluation.mean_ap for evaluation in each])),
        bytes=arguments.output.stat().st_size,
        samples=model.info.training["samples"],
        settings=model.info.instances,
    )


if __name__ == "__main__":
    main()
