"""An array that lies elsewhere, such as in another process: read where and when it is needed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Read = Callable[[list[tuple[int, int]]], NDArray]

_AT_ONCE = 2**26  # bytes that are asked for at a time
_WORTH_A_REQUEST = 2**20  # bytes


@dataclass(frozen=True, eq=False)
class LazyArray:
    """A view, which slicing and transposing narrow; `numpy.asarray` reads what it shows.

    Parameters
    ----------
    dtype
        Of the whole array.
    read
        Returns a box of the whole array, given start and stop along each of its axes.
    ranges
        What of each axis of the whole array is seen; steps are positive.
    axes
        Which axis of the whole array each axis of the view is; ``None`` is a new one, of length
        1. Those left out are one pixel long.

    Examples
    --------
    >>> whole = np.arange(24).reshape(2, 3, 4)
    >>> def read(box):
    ...     return whole[tuple(slice(*side) for side in box)]
    >>> lazy = lazy_array(whole.shape, whole.dtype, read)
    >>> np.asarray(lazy[1, :, 2:].transpose([1, 0]))
    array([[14, 18, 22],
           [15, 19, 23]])
    """

    dtype: np.dtype[Any]
    read: Read
    ranges: tuple[range, ...]
    axes: tuple[int | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return tuple(1 if axis is None else len(self.ranges[axis]) for axis in self.axes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[LazyArray]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key: Any) -> LazyArray:
        """Narrow the view; integers, slices with a positive step, and ``None`` for a new axis."""
        ranges, rest = list(self.ranges), list(self.axes)
        axes: list[int | None] = []
        for part in key if isinstance(key, tuple) else (key,):
            if part is None:
                axes.append(None)
                continue
            axis = rest.pop(0)
            seen = range(1) if axis is None else ranges[axis]
            if isinstance(part, slice):
                seen = seen[part]
                axes.append(axis)
            else:
                seen = range(seen[part], seen[part] + 1)
            if axis is not None:
                ranges[axis] = seen
        return dataclasses.replace(self, ranges=tuple(ranges), axes=(*axes, *rest))

    def transpose(self, order: Sequence[int]) -> LazyArray:
        """Return the view with its axes in another order."""
        return dataclasses.replace(self, axes=tuple(self.axes[i] for i in order))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if 0 in self.shape:
            return np.empty(self.shape, dtype or self.dtype)
        array = self._read()
        kept = [axis for axis in self.axes if axis is not None]
        dropped = [axis for axis in range(len(self.ranges)) if axis not in kept]
        array = array.transpose(dropped + kept).reshape([len(self.ranges[a]) for a in kept])
        for place, axis in enumerate(self.axes):
            if axis is None:
                array = np.expand_dims(array, place)
        return array if dtype is None else array.astype(dtype)

    def _read(self) -> NDArray:
        """Return all axes of the whole array, read in parts where pixels between are left out."""
        ranges = self.ranges
        box = [(seen[0], seen[-1] + 1) for seen in ranges]
        if all(seen.step == 1 or len(seen) == 1 for seen in ranges):
            return self.read(box)
        axis = next(a for a, seen in enumerate(ranges) if len(seen) > 1)
        total = math.prod(b - a for a, b in box) * self.dtype.itemsize
        row = total // (box[axis][1] - box[axis][0])
        count = 1 if row >= _WORTH_A_REQUEST else max(1, _AT_ONCE // (row * ranges[axis].step))
        steps = tuple(slice(None, None, seen.step) for seen in ranges)
        parts = []
        for start in range(0, len(ranges[axis]), count):
            part = ranges[axis][start : start + count]
            parts.append(self.read([*box[:axis], (part[0], part[-1] + 1), *box[axis + 1 :]])[steps])
        return np.concatenate(parts, axis)


ArrayLike = TypeVar("ArrayLike", NDArray, LazyArray)  # one kind in, the same kind out


def lazy_array(shape: Sequence[int], dtype: Any, read: Read) -> LazyArray:
    """Return a view of a whole array; see `LazyArray`."""
    ranges = tuple(range(size) for size in shape)
    return LazyArray(np.dtype(dtype), read, ranges, tuple(range(len(ranges))))
