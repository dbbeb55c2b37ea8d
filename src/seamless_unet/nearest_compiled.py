"""The distances of `nearest_objects` in volumes, compiled. Needs numba, which is optional.

The nearest two objects of a place are among the nearest two of the places in line with it. So one
pass along each axis, which looks at most as far as the reach, leaves both at every place.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray


def two_nearest_squared(
    labels: NDArray, reach: float, steps: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the squared distances to the nearest and second nearest object.

    Parameters
    ----------
    labels
        (Z, Y, X) integer ids, 0 is background.
    reach, steps
        See `seamless_unet.nearest_objects.two_nearest`; the steps are its spacing.

    Returns
    -------
    nearest, second
        (Z, Y, X) float32, infinite where no object is found.
    """
    owner = _numbered(labels)
    nearest = np.where(owner > 0, np.float32(0), np.float32(np.inf))
    second = np.full(labels.shape, np.inf, np.float32)
    other = np.zeros(labels.shape, np.int32)  # owner of the second nearest
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for axis, step in enumerate(steps):
            compiled = functools.partial(_along_last, step=step, furthest=1 + int(reach / step))
            lines = (np.moveaxis(values, axis, -1) for values in (nearest, owner, second, other))
            list(pool.map(compiled, *(np.array_split(each, threads) for each in lines)))
    return nearest, second


def _numbered(labels: NDArray) -> NDArray[np.int32]:
    """Return a copy as int32, 0 in the background; ids that are too large get other numbers."""
    if labels.size and labels.max() > np.iinfo(np.int32).max:
        labels = np.searchsorted(np.unique(labels[labels > 0]), labels, "right")
    return np.maximum(labels, 0).astype(np.int32)


@numba.njit(nogil=True)
def _nearer(
    nearest: float, owner: int, second: float, other: int, distance: float, number: int
) -> tuple[float, int, float, int]:
    """Return the two nearest objects when one more is seen, or one of them from elsewhere."""
    if number == owner:
        return min(nearest, distance), owner, second, other
    if distance < nearest:
        return distance, number, nearest, owner
    if distance < second:
        return nearest, owner, distance, number
    return nearest, owner, second, other


_DISTANCES, _NUMBERS = "float32[:, :, :]", "int32[:, :, :]"


@numba.njit(
    f"void({_DISTANCES}, {_NUMBERS}, {_DISTANCES}, {_NUMBERS}, float64, int64)",
    nogil=True,
    cache=True,
)
def _along_last(
    nearest: NDArray[np.float32],
    owner: NDArray[np.int32],
    second: NDArray[np.float32],
    other: NDArray[np.int32],
    step: float,
    furthest: int,
) -> None:
    """Let every place see the objects of those up to ``furthest`` before and behind it."""
    planes, lines, places = nearest.shape
    for plane in range(planes):
        for line in range(lines):
            # squared distances do not add up: places see each other as they were
            one, two = nearest[plane, line].copy(), second[plane, line].copy()
            first_of, second_of = owner[plane, line].copy(), other[plane, line].copy()
            for place in range(places):
                a, of_a, b, of_b = one[place], first_of[place], two[place], second_of[place]
                for offset in range(1, furthest + 1):
                    away = np.float32((offset * step) ** 2)
                    if away >= b:
                        break
                    for there in (place - offset, place + offset):
                        if 0 <= there < places and one[there] + away < b:
                            seen, number = one[there] + away, first_of[there]
                            a, of_a, b, of_b = _nearer(a, of_a, b, of_b, seen, number)
                            seen, number = two[there] + away, second_of[there]
                            a, of_a, b, of_b = _nearer(a, of_a, b, of_b, seen, number)
                nearest[plane, line, place], owner[plane, line, place] = a, of_a
                second[plane, line, place], other[plane, line, place] = b, of_b
