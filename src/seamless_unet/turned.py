"""Tiles of an image that is turned, for averaging over the symmetries of the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from seamless_unet.geometry import Geometry, Tile, mirrored


@dataclass(frozen=True)
class Turn:
    """One of the eight rotations and mirrorings of the last two axes: transposed, then reversed."""

    transposed: bool = False
    reversed_y: bool = False
    reversed_x: bool = False

    def of(self, array: NDArray) -> NDArray:
        """Return a view of ``array`` (..., Y, X), turned."""
        if self.transposed:
            array = array.swapaxes(-2, -1)
        return array[..., :: -1 if self.reversed_y else 1, :: -1 if self.reversed_x else 1]

    def indices_before(
        self, indices: Sequence[NDArray[np.intp]], shape: Sequence[int]
    ) -> list[NDArray[np.intp]]:
        """Return which pixels of an array of this shape the ([Z,] Y, X) indices of `of` it mean."""
        *rest, y, x = indices
        height, width = shape[-2:]
        if self.transposed:
            height, width = width, height
        y = height - 1 - y if self.reversed_y else y
        x = width - 1 - x if self.reversed_x else x
        return [*rest, x, y] if self.transposed else [*rest, y, x]


TURNS = tuple(
    Turn(*choice) for choice in product((False, True), repeat=3)
)  # the first does nothing


@dataclass(frozen=True)
class Span:
    """What a tile reads and writes along one axis of a turned image, in pixels.

    Parameters
    ----------
    size
        Of the image.
    first, read
        The first pixel read, which may lie before the image, and how many are read.
    skip
        How many pixels of the network's output come before those that are written.
    start, stop
        What is written.
    """

    size: int
    first: int
    read: int
    skip: int
    start: int
    stop: int

    def indices(self) -> NDArray[np.intp]:
        """Return the pixels read, mirrored into the image."""
        return np.array(mirrored(self.first, self.first + self.read, self.size))

    def reversed(self, geometry: Geometry) -> Span:
        """Return what writes the same seen from the axis' other end.

        There the poolings begin, too, as if the whole turned image were predicted, so that it may
        read up to a step more.
        """
        start, stop = self.size - self.stop, self.size - self.start
        ahead = start % geometry.step
        return Span(
            size=self.size,
            first=start - ahead - geometry.near,
            read=geometry.read_size(stop - start + ahead),
            skip=ahead + (0 if geometry.valid else geometry.near),
            start=start,
            stop=stop,
        )


def spans(tile: Tile, shape: tuple[int, ...], geometry: Geometry, turn: Turn) -> list[Span]:
    """Return what a tile of an image of this shape ([Z,] Y, X) reads and writes, turned."""
    skip = 0 if geometry.valid else geometry.near
    *rest, y, x = (
        Span(size, start - geometry.near, read, skip, start, stop)
        for size, start, stop, read in zip(shape, tile.start, tile.stop, tile.read, strict=True)
    )
    if turn.transposed:
        y, x = x, y
    y = y.reversed(geometry) if turn.reversed_y else y
    x = x.reversed(geometry) if turn.reversed_x else x
    return [*rest, y, x]
