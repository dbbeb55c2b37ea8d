"""The demonstration: a bundled sample, segmented by the bundled model and shown in napari."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seamless_unet.image_io import (
    Image,
    check_replaceable,
    read_image,
    read_labels,
    sample_path,
    write_image,
)
from seamless_unet.whole_file import try_to_write

_SAMPLE = "nuclei"


def demo(args: argparse.Namespace) -> dict[str, Any]:
    """Segment the sample, write labels and a picture of them, and open napari if it can."""
    from seamless_unet.metrics import evaluate
    from seamless_unet.model_file import load_model
    from seamless_unet.stack import Segmented, segment_stack

    folder = Path(args.output)
    labels_path, picture_path = folder / f"{_SAMPLE}_labels.tif", folder / f"{_SAMPLE}_overlay.png"
    check_replaceable(labels_path)
    try:
        try_to_write(folder)
    except OSError as error:
        words = f"cannot write into {folder}: {error.strerror}; choose another --output"
        raise OSError(words) from error
    image_path = sample_path(f"{_SAMPLE}.tif")
    image = read_image(image_path)
    truth = read_labels(sample_path(f"{_SAMPLE}_labels.tif"), like=image)
    model = load_model(_SAMPLE)
    *_, segmented = segment_stack(model, image.data, image.axes)
    assert isinstance(segmented, Segmented)
    score = evaluate(truth.data, segmented.labels).matches[0].f1
    write_image(labels_path, segmented.labels, axes=segmented.axes, pixel_size=image.pixel_size)
    write_overlay(picture_path, image, segmented.labels)
    print(f"sample   {image_path}: {' x '.join(map(str, image.data.shape))} pixels")
    print(f"model    {_SAMPLE} (bundled)")
    there = truth.data.max()
    print(f"found    {segmented.objects} nuclei, {there} are there; F1 {score:.3f} at IoU 0.5")
    print(f"labels   {labels_path}")
    print(f"picture  {picture_path}")
    reason = "--no-window" if args.no_window else why_no_window()
    if reason is None:
        print("opening napari; close its window to end")
        # a process of its own: torch and napari's drawing do not get on in one
        window = [sys.executable, "-m", "seamless_unet.demo", str(image_path), str(labels_path)]
        status = subprocess.run(window, check=False).returncode
        reason = f"napari ended with status {status}" if status else None
    if reason is not None:
        print(f"no napari window ({reason}): see the picture instead")
    return {
        "image": str(image_path),
        "labels": str(labels_path),
        "picture": str(picture_path),
        "objects": segmented.objects,
        "f1": score,
        "window": reason is None,
    }


def why_no_window() -> str | None:
    """Return why napari cannot be opened here, or ``None`` if it can."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display"
    if find_spec("napari") is None:
        return "napari is not installed"
    if not any(find_spec(name) for name in ("PyQt6", "PySide6", "PyQt5", "PySide2")):
        return 'no Qt is installed: pip install "napari-seamless-unet[all]"'
    return None


def write_overlay(path: Path, image: Image, labels: Any) -> None:
    """Write a PNG of a (Y, X) image with the outlines of its labels."""
    import numpy as np
    from skimage.io import imsave
    from skimage.segmentation import mark_boundaries

    low, high = np.percentile(image.data, [1, 99.8])
    grey = np.clip((image.data - low) / max(high - low, 1e-9), 0, 1)
    outlined = mark_boundaries(grey, labels, color=(1, 0.85, 0), mode="inner")
    imsave(path, np.round(255 * outlined).astype(np.uint8), check_contrast=False)


def show(image_path: str, labels_path: str) -> None:
    """Open napari with an image and its labels, and return when it is closed."""
    import napari

    image, labels = read_image(image_path), read_labels(labels_path)
    size = [image.pixel_size.get(axis, 1.0) for axis in image.axes]
    viewer = napari.Viewer(title="Seamless U-Net")
    viewer.add_image(image.data, name=image.name, scale=size)
    viewer.add_labels(labels.data, name=labels.name, scale=size)
    napari.run()


if __name__ == "__main__":
    show(*sys.argv[1:])
