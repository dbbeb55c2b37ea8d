"""Segment every TIFF file of a folder and list how many objects each one has.

python segment_folder.py FOLDER OUTPUT [MODEL]
"""

import sys
from pathlib import Path

from seamless_unet import load_model
from seamless_unet.file_pairs import find_images
from seamless_unet.image_io import read_image, write_image
from seamless_unet.stack import segment_stack


def main(folder: str, output: str, model_name: str = "nuclei") -> None:
    """Write OUTPUT/NAME_labels.tif for each image; ``nuclei`` is the bundled model."""
    model = load_model(model_name)
    Path(output).mkdir(parents=True, exist_ok=True)
    for path in find_images([folder]):
        try:
            image = read_image(path)
        except (OSError, ValueError) as error:  # the others can be segmented all the same
            print(f"left out: {error}")
            continue
        target = Path(output, f"{image.name}_labels.tif")
        if target.exists():  # made before, or drawn by somebody
            print(f"{target} is there already")
            continue
        # the last thing it yields is the result; before, it reports its progress
        try:
            *_, result = segment_stack(model, image.data, image.axes)
        except ValueError as error:  # such as other channels than the model's
            print(f"left out: {path}: {error}")
            continue
        write_image(
            target,
            result.labels,
            axes=result.axes,
            pixel_size=image.pixel_size,
            frame_interval=image.frame_interval,
        )
        print(f"{image.name}: {result.objects} objects in {image.axes} {image.data.shape}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
