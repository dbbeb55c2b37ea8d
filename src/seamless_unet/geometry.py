"""Sizes of valid convolutions, the halo, and the tiles of an image: plain integers.

A U-Net of depth D is equivariant only to shifts by multiples of 2^D, because each max-pooling
looks at fixed pairs of pixels. So a tile may start only at such a multiple, and the pixels that
a legal output has beyond one are dropped. Tiles cut this way give the same result as the whole
image at once::

    read   |<- near ->|<------- write ------->|<- far ->|
    write             |<------- write ------->|
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """The sizes of one U-Net along one axis, in pixels.

    Parameters
    ----------
    depth
        Number of poolings.
    valid
        Whether the 3x3 convolutions are unpadded, as in the paper.
    linear
        Whether upsampling interpolates linearly, which needs one more coarse pixel per side.

    Examples
    --------
    >>> paper = Geometry(depth=4)
    >>> paper.output_size(572), paper.near, paper.far
    (388, 92, 96)
    """

    depth: int
    valid: bool = True
    linear: bool = False

    @property
    def step(self) -> int:
        """Shifts by multiples of this leave the result unchanged."""
        return 2**self.depth

    def margin(self, level: int = 0) -> int:
        """Return the pixels lost per side between a level's input and its output."""
        margin = 2
        for _ in range(self.depth - level):
            margin = 2 + (2 * margin + self.linear) + 2
        return margin

    def skip_crop(self, level: int) -> int:
        """Return the pixels cropped per side from the skip connection at ``level``."""
        return 2 * self.margin(level + 1) + self.linear

    @property
    def near(self) -> int:
        """Halo read before what a tile writes."""
        if self.valid:
            return self.margin()
        return -(self._first_needed() // self.step) * self.step

    def _first_needed(self, first: int = 0, level: int = 0) -> int:
        """Return the first input pixel that output pixel ``first`` of a padded level depends on.

        Padding shifts the poolings against those of a valid network, so `margin` is not enough.
        """
        if level < self.depth:
            below = self._first_needed((first - 2 - self.linear) // 2, level + 1)
            first = min(first - 2, 2 * below)
        return first - 2

    @property
    def far(self) -> int:
        """Halo read after what a tile writes; what it exceeds `near` by makes the size legal."""
        return self.near + (-4 - 2 * self.near) % self.step if self.valid else self.near

    def output_size(self, size: int) -> int:
        """Return the output size of an input of any ``size``; 0 where it is too small.

        Odd sizes are legal for the network: a pooling drops the last pixel.
        """
        if not self.valid:
            return size
        for _ in range(self.depth):
            size = (size - 4) // 2
        size -= 4
        for _ in range(self.depth):
            size = 2 * (size - self.linear) - 4 if size > 0 else 0
        return max(size, 0)

    def is_legal(self, size: int) -> bool:
        """Whether every pooling gets an even size and at least one step is written."""
        offset = self.near + self.far
        return size >= offset + self.step and (size - offset) % self.step == 0

    def nearest_legal(self, size: int) -> tuple[int, int]:
        """Return the legal sizes around ``size`` (the smallest one twice where it is smaller)."""
        offset = self.near + self.far
        below = max((size - offset) // self.step, 1) * self.step + offset
        above = max(-(-(size - offset) // self.step), 1) * self.step + offset
        return below, above

    def read_size(self, write: int) -> int:
        """Return the smallest legal input that writes at least ``write`` pixels."""
        return -(-max(write, 1) // self.step) * self.step + self.near + self.far

    def write_size(self, read: int) -> int:
        """Return how many pixels a tile that reads ``read`` pixels writes.

        Raises
        ------
        ValueError
            If the size is not legal; the message names the nearest legal ones.
        """
        if not self.is_legal(read):
            below, above = self.nearest_legal(read)
            nearest = f"{below}" if below == above else f"{below} and {above}"
            verb = "is" if below == above else "are"
            raise ValueError(
                f"tile_shape {read} is not a valid input size; nearest {verb} {nearest}"
            )
        return read - self.near - self.far


@dataclass(frozen=True)
class Tile:
    """One piece of an image, per spatial axis in pixels.

    ``start`` to ``stop`` of the image is written; the network reads ``near`` before ``start``
    and then ``read`` pixels in all, beyond the image's border by mirroring.
    """

    start: tuple[int, ...]
    stop: tuple[int, ...]
    read: tuple[int, ...]

    @property
    def write(self) -> tuple[slice, ...]:
        """Where in the image the tile writes."""
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))


def tiles(
    image_shape: Sequence[int], tile_shape: Sequence[int], geometry: Geometry
) -> Iterator[Tile]:
    """Cut an image of any size into tiles that give the same result as the whole.

    Parameters
    ----------
    image_shape, tile_shape
        Spatial sizes in pixels; ``tile_shape`` is what a tile reads.
    geometry
        The network's.

    Raises
    ------
    ValueError
        If ``tile_shape`` is not legal.
    """
    writes = [geometry.write_size(read) for read in tile_shape]
    starts = [range(0, size, write) for size, write in zip(image_shape, writes, strict=True)]
    for start in itertools.product(*starts):
        ends = zip(start, writes, image_shape, strict=True)
        stop = tuple(min(a + write, size) for a, write, size in ends)
        yield Tile(start, stop, tuple(tile_shape))


def mirrored(start: int, stop: int, size: int) -> list[int]:
    """Return the indices ``start`` to ``stop`` of an axis mirrored at both ends without end.

    The edge pixel is not repeated (numpy's ``reflect``).

    Examples
    --------
    >>> mirrored(-2, 6, 4)
    [2, 1, 0, 1, 2, 3, 2, 1]
    >>> mirrored(-2, 2, 1)
    [0, 0, 0, 0]
    """
    period = max(2 * (size - 1), 1)
    return [min(i % period, period - i % period) if size > 1 else 0 for i in range(start, stop)]
