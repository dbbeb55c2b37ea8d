"""The images of nuclei and their splits, by image, into a training and a test part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

TEST_PART = 5  # one image of so many is only tested on
TISSUE_TEST = 8  # of 20


@dataclass(frozen=True)
class Pair:
    """An image, its labels, and where in the data they stand."""

    image: NDArray
    labels: NDArray
    name: str


@dataclass(frozen=True)
class Split:
    """By image. Nothing is chosen by the test part, and the bundled model has not seen it."""

    training: list[Pair]
    test: list[Pair]

    def few(self, count: int, seed: int) -> tuple[list[Pair], list[Pair]]:
        """Return so many random images of the test part to learn from, and its others.

        That is what a user has: images that no model of ours has seen.
        """
        return _drawn(self.test, count, seed)

    def development(self, count: int, seed: int) -> tuple[list[Pair], list[Pair]]:
        """Return so many random images of the training part, and its others, to choose by."""
        return _drawn(self.training, count, seed)


def _drawn(pairs: list[Pair], count: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    order = np.random.default_rng(seed).permutation(len(pairs))
    chosen, others = np.split(order, [count])
    return [pairs[i] for i in chosen], [pairs[i] for i in others]


def read_pairs(folder: Path) -> list[Pair]:
    """Return every image of a folder of SIZE_images.tif / SIZE_labels.tif stacks along S."""
    pairs = []
    for path in sorted(folder.glob("*_images.tif")):
        images = tifffile.imread(path)
        labels = tifffile.imread(path.with_name(path.name.replace("images", "labels")))
        if labels.ndim == 2:
            images, labels = images[np.newaxis], labels[np.newaxis]
        size = path.name.removesuffix("_images.tif")
        names = (f"{size} S={number}" for number in range(len(images)))
        pairs += [Pair(*parts) for parts in zip(images, labels, names, strict=True)]
    return pairs


def read_split(folder: Path) -> Split:
    """Return the one split of a folder: a fifth of the images, drawn once, is the test part."""
    pairs = read_pairs(folder)
    order = np.random.default_rng(0).permutation(len(pairs))
    test, training = np.split(order, [len(pairs) // TEST_PART])
    return Split([pairs[i] for i in training], [pairs[i] for i in test])


def read_tissue(folder: Path) -> Split:
    """Return the one split of images.tif (S, Y, X, C) and labels.tif: the last eight are tested on.

    Images are (C, Y, X), in an order drawn once.
    """
    images = np.moveaxis(tifffile.imread(folder / "images.tif"), -1, 1)
    labels = tifffile.imread(folder / "labels.tif")
    order = np.random.default_rng(0).permutation(len(images))
    pairs = [Pair(images[i], labels[i], f"S={i}") for i in order]
    return Split(pairs[:-TISSUE_TEST], pairs[-TISSUE_TEST:])
