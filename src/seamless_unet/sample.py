"""One annotated plane or volume, ready to learn from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seamless_unet.config import Annotation


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated plane or volume.

    Parameters
    ----------
    image
        (C, [Z,] Y, X) float32, normalized.
    labels
        ([Z,] Y, X) integers as drawn.
    target
        ([Z,] Y, X) int16 class index, or the number of classes for any but the background.
    weight
        ([Z,] Y, X) float32 of Eq. 2, 0 where not annotated.
    source
        Number of the image it comes from, and of the separate image in that (S).
    name
        For people.
    annotation
        What the labels show; see `TrainConfig`.
    """

    image: NDArray[np.float32]
    labels: NDArray
    target: NDArray[np.int16]
    weight: NDArray[np.float32]
    source: tuple[int, int]
    name: str
    annotation: Annotation = "objects"

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """([Z,] Y, X): where there is something to learn."""
        return self.weight > 0

    def restricted(self, region: NDArray[np.bool_]) -> Sample:
        """Return this sample annotated in ``region`` only."""
        return dataclasses.replace(self, weight=self.weight * region)


def grey_values(samples: Sequence[Sample], foreground: bool) -> NDArray[np.float32]:
    """Return the (C, pixels) normalized grey values of what is annotated as foreground, or not."""
    values = [s.image[:, s.annotated & ((s.target > 0) == foreground)] for s in samples]
    return np.concatenate(values, axis=1)


def evenly(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return the samples, or some of them, evenly spaced, where they have more pixels than that.

    Those of the box around what is annotated count.
    """
    count = max(1, len(samples) * most // max(1, sum(map(_box_size, samples))))
    if count >= len(samples):
        return list(samples)
    return [samples[i] for i in np.linspace(0, len(samples) - 1, count).round().astype(int)]


def _box_size(sample: Sample) -> int:
    axes = range(sample.weight.ndim)
    sides = (sample.annotated.any(axis=tuple(i for i in axes if i != axis)) for axis in axes)
    return math.prod(int(np.ptp(np.flatnonzero(side))) + 1 if side.any() else 0 for side in sides)


def excerpt(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return as `evenly`, where those of more pixels are annotated around their middle only."""
    return evenly([_central(sample, most) for sample in samples], most)


def _central(sample: Sample, most: int) -> Sample:
    """Return a sample, annotated only around the middle of its labels if it has more pixels."""
    labeled = np.argwhere(sample.annotated & (sample.target > 0))
    if sample.weight.size <= most or not len(labeled):
        return sample
    half = int(most ** (1 / sample.weight.ndim) / 2)
    middle = labeled[len(labeled) // 2]
    region = np.zeros(sample.weight.shape, bool)
    region[tuple(slice(max(center - half, 0), center + half) for center in middle)] = True
    return sample.restricted(region)
