"""Measure how long the weights of Eq. 2 take, against one distance transform of the same image.

Lines of JSON: 1,000 cells in 2048x2048 first, then growing images of the same density, outlines
of the same length in all around more and more objects, objects that are long or in pieces, and
volumes (``pip install numba``). ``outline`` is the number of object pixels beside another value::

    python benchmarks/speed/weight_map.py [--rows cells size count shape volume training]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from side_by_side import emit, most_allocated, ratios, side_by_side

from seamless_unet import nearest_objects
from seamless_unet.config import TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.weight_map import separate_touching, weight_map


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    for row in parser.parse_args().rows:
        ROWS[row]()


def cells(shape: tuple[int, ...], count: int, radius: float = 0.35) -> NDArray[np.int32]:
    """Scatter round objects; the radius counts in their mean distance."""
    seeds = np.zeros(shape, np.int32)
    places = np.random.default_rng(0).choice(seeds.size, count, replace=False)
    seeds.flat[places] = np.arange(1, count + 1)
    distance, nearest = ndi.distance_transform_edt(seeds == 0, return_indices=True)
    reached = distance < radius * (seeds.size / count) ** (1 / seeds.ndim)
    return np.where(reached, seeds[tuple(nearest)], 0).astype(np.int32)


def fibers(size: int, count: int) -> NDArray[np.int32]:
    """Lay straight fibers six pixels wide across a plane."""
    rng = np.random.default_rng(0)
    labels = np.zeros((size, size), np.int32)
    y, x = np.ogrid[:size, :size]
    for number in range(1, count + 1):
        angle, shift = rng.uniform(0, np.pi), rng.uniform(-size / 2, size / 2)
        across = (y - size / 2) * np.cos(angle) + (x - size / 2) * np.sin(angle) - shift
        labels[abs(across) < 3] = number
    return labels


def without_numba(labels: NDArray) -> None:
    with mock.patch.object(nearest_objects, "_compiled", return_value=None):
        weight_map(labels)


def measure(row: str, labels: NDArray, **about: object) -> None:
    ways: dict[str, Callable[[], object]] = {
        "weight_map": lambda: weight_map(labels),
        "distance_transform": lambda: ndi.distance_transform_edt(labels == 0),
    }
    if labels.ndim == 3:
        ways["without numba"] = lambda: without_numba(labels)
        about["numba"] = nearest_objects._compiled() is not None
    measured = side_by_side(ways)
    outline = int(np.count_nonzero((ndi.morphological_gradient(labels, 3) > 0) & (labels > 0)))
    emit(
        row,
        measured,
        shape=labels.shape,
        objects=len(np.unique(labels)) - 1,
        outline=outline,
        us_per_outline_pixel=1e6 * measured["weight_map"].median / outline,
        ratios=ratios(measured, "distance_transform"),
        peak_bytes_per_pixel=most_allocated(lambda: weight_map(labels)) / labels.size,
        **about,
    )


def size_rows() -> None:
    for size in (1000, 2000, 3000, 4096):
        measure("size", cells((size, size), round(size**2 / 4200)))


def count_rows() -> None:
    # n circles of radius r have outlines of 2 pi n r: r is 40 to 5 pixels
    for count in (125, 250, 500, 1000):
        radius = 5000 / count
        measure("count", cells((2048, 2048), count, radius / (2048 / count**0.5)))


def shape_rows() -> None:
    measure("shape", cells((2048, 2048), 1000, 0.6), of="crowded")
    measure("shape", cells((2048, 2048), 1000) * 7919 % 201, of="200 objects in pieces far apart")
    measure("shape", fibers(2048, 50), of="fibers")


def volume_rows() -> None:
    for shape in ((32, 128, 128), (64, 256, 256)):
        measure("weights of a volume", cells(shape, round(np.prod(shape) / 10_000)))


def training_row() -> None:
    """Everything before the first step of a training."""
    labels = cells((2048, 2048), 1000)
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    config = TrainConfig.preset("quick", steps=1)
    emit(
        "training",
        side_by_side(
            {
                "make_dataset": lambda: make_dataset([image], [labels], config),
                "separate_touching": lambda: separate_touching(labels),
                "weight_map": lambda: weight_map(labels),
            }
        ),
    )


ROWS: dict[str, Callable[[], None]] = {
    "cells": lambda: measure("weights of cells", cells((2048, 2048), 1000)),
    "size": size_rows,
    "count": count_rows,
    "shape": shape_rows,
    "volume": volume_rows,
    "training": training_row,
}


if __name__ == "__main__":
    main()
