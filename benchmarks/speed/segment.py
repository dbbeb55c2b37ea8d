"""Making objects of probabilities, beside predicting them: does it ever take long? It should not.

    python benchmarks/speed/segment.py [--image IMAGE.tif] [--sizes 2048 4096] [--repeats 5]

A line of JSON per size for the bundled model's probabilities of an image, repeated, and one for
drawn discs (5,400 in 4096 x 4096 pixels): seconds and peak of added memory of `segment` with the
model's settings, without and with seeds, of `evaluate` and of linking two slices, beside bare
`scipy.ndimage.label` and beside predicting as many pixels with a base-32, depth-4 U-Net. That is
measured on 2048 x 2048 pixels, with random weights, on which the time does not depend.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from scipy import ndimage as ndi
from side_by_side import emit, most_allocated, ratios, side_by_side

from seamless_unet.config import UNetConfig
from seamless_unet.image_io import sample_path
from seamless_unet.link import link_slices
from seamless_unet.metrics import evaluate
from seamless_unet.model_file import Model, find_model, load_model
from seamless_unet.model_header import ModelInfo
from seamless_unet.predict import predict
from seamless_unet.segment import segment
from seamless_unet.unet import UNet


def mosaic(tiles: NDArray, size: int) -> NDArray:
    """Return (..., size, size) of (..., Y, X), repeated."""
    repeats = [-(-size // n) for n in tiles.shape[-2:]]
    return np.tile(tiles, (1,) * (tiles.ndim - 2) + tuple(repeats))[..., :size, :size].copy()


def discs(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (3, size, size) probabilities of 5,400 soft discs per 4096 x 4096 pixels."""
    side = round(4096 / 5400**0.5)
    y, x = np.mgrid[:side, :side]
    objects = np.empty((size, size), np.float32)
    for corner in np.ndindex(-(-size // side), -(-size // side)):
        top, left = np.multiply(corner, side)
        cy, cx = side / 2 + rng.uniform(-4, 4, 2)
        soft = 1 / (1 + np.exp(np.hypot(y - cy, x - cx) - rng.uniform(14, 26)))
        window = objects[top : top + side, left : left + side]
        window[:] = soft[: window.shape[0], : window.shape[1]]
    core = objects**4
    return np.stack([1 - objects, objects - core, core])


def seconds_per_pixel(repeats: int, size: int = 2048) -> float:
    """Return how long a base-32, depth-4 U-Net takes to predict."""
    config = UNetConfig(base_channels=32, depth=4)
    model = Model(ModelInfo(config), UNet(config).eval())
    image = np.random.default_rng(0).random((size, size), np.float32)
    return (
        side_by_side({"predict": lambda: predict(model, image)}, repeats)["predict"].median
        / size**2
    )


def measure(kind: str, probabilities: NDArray, per_pixel: float, repeats: int) -> None:
    settings = load_model(find_model("nuclei")).info.instances | {"seed_threshold": None, "neck": 0}
    seeded, necks = settings | {"seed_threshold": 0.5}, settings | {"neck": 2.0}
    labels, others = segment(probabilities, **settings), segment(probabilities, threshold=0.5)
    slices, foreground = np.stack([labels, others]), labels > 0
    ways = {
        "scipy label": lambda: ndi.label(foreground),
        "segment": lambda: segment(probabilities, **settings),
        "segment with seeds": lambda: segment(probabilities, **seeded),
        "segment with necks": lambda: segment(probabilities, **necks),
        "evaluate": lambda: evaluate(labels, others),
        "link two slices": lambda: link_slices(slices),
    }
    measured = side_by_side(ways, repeats)
    emit(
        "segment",
        measured,
        probabilities=kind,
        pixels=list(labels.shape),
        objects=int(labels.max()),
        foreground=float(foreground.mean()),
        predict_seconds=per_pixel * labels.size,
        to_predict={n: way.median / (per_pixel * labels.size) for n, way in measured.items()},
        to_label=ratios(measured, "scipy label"),
        added_bytes_per_pixel={n: most_allocated(way) / labels.size for n, way in ways.items()},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--image", type=Path, default=sample_path("nuclei.tif"), help="Y, X of nuclei"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[2048, 4096])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--predictions", type=int, default=1, help="repeats of predicting")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    tile = predict(load_model(find_model("nuclei")), tifffile.imread(arguments.image))
    per_pixel = seconds_per_pixel(arguments.predictions)
    for size in arguments.sizes:
        measure("predicted", mosaic(tile, size), per_pixel, arguments.repeats)
        drawn = discs(size, np.random.default_rng(0))
        measure("drawn", drawn, per_pixel, arguments.repeats)


if __name__ == "__main__":
    main()
