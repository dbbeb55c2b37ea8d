"""One annotated plane or volume, ready to learn from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
        ([Z,] Y, X) int16 class index.
    weight
        ([Z,] Y, X) float32 of Eq. 2, 0 where not annotated.
    source
        Number of the image it comes from, and of the separate image in that (S).
    name
        For people.
    """

    image: NDArray[np.float32]
    labels: NDArray
    target: NDArray[np.int16]
    weight: NDArray[np.float32]
    source: tuple[int, int]
    name: str

    def restricted(self, region: NDArray[np.bool_]) -> Sample:
        """Return this sample annotated in ``region`` only."""
        return dataclasses.replace(self, weight=self.weight * region)
