"""How far every pixel is from the two objects nearest to it, in time that follows the outlines."""

from __future__ import annotations

import functools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi


def two_nearest(
    labels: NDArray, reach: float, *, spacing: Sequence[float] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the distances of background pixels to the nearest and second nearest object.

    One distance transform per object, in the box of its outline grown by ``reach``. Where an
    object is long, or in pieces far apart, several smaller boxes take its place. In volumes
    `seamless_unet.nearest_compiled` does the same faster, where numba is installed.

    Parameters
    ----------
    labels
        ([Z,] Y, X) integer ids, 0 is background.
    reach
        Distances up to this are exact, longer ones may be returned too long.
    spacing
        Voxel size per axis, the unit of the distances; ``None`` means 1.

    Returns
    -------
    nearest, second
        ([Z,] Y, X) float32, infinite where no object is found; of no meaning within objects.

    Examples
    --------
    >>> nearest, second = two_nearest(np.array([[5, 0, 0, 0, 8]]), 9)
    >>> nearest[0, 1:4], second[0, 1:4]
    (array([1., 2., 1.], dtype=float32), array([3., 2., 3.], dtype=float32))
    """
    steps = (1.0,) * labels.ndim if spacing is None else tuple(map(float, spacing))
    compiled = _compiled() if labels.ndim == 3 else None
    nearest, second = (compiled or _by_boxes)(labels, reach, steps)
    return np.sqrt(nearest, out=nearest), np.sqrt(second, out=second)


@functools.cache
def _compiled() -> Callable[..., tuple[NDArray[np.float32], NDArray[np.float32]]] | None:
    try:
        from seamless_unet.nearest_compiled import two_nearest_squared
    except (ImportError, RuntimeError):  # no numba, one that does not fit, or no place for its code
        return None
    return two_nearest_squared


def _by_boxes(
    labels: NDArray, reach: float, steps: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the squared distances."""
    nearest = np.full(labels.shape, np.inf, np.float32)
    second = np.full(labels.shape, np.inf, np.float32)
    owner = np.zeros(labels.shape, np.int32)  # number of the nearest object
    grow = [1 + int(reach / step) for step in steps]
    merging = Lock()

    def merge(number: int, points: NDArray[np.intp], window: tuple[slice, ...]) -> None:
        one, two, own = nearest[window], second[window], owner[window]
        inside = points - [side.start for side in window]
        distance = _squared_distance(inside, one.shape, steps)
        with merging:
            farther = np.maximum(one, distance)
            farther[own == number] = np.inf  # another part of the nearest object is no second one
            np.minimum(two, farther, out=two)
            np.copyto(own, number, where=distance < one)
            np.minimum(one, distance, out=one)

    parts = (
        (number, *part)
        for number, points in enumerate(_outlines(labels), 1)
        for part in _windows(points, grow, labels.shape)
    )
    # the boxes of a plane are too small for threads to pay
    with ThreadPoolExecutor(os.cpu_count() if labels.ndim > 2 else 1) as pool:
        deque(pool.map(lambda part: merge(*part), parts), maxlen=0)
    return nearest, second


def _outlines(labels: NDArray) -> Iterator[NDArray[np.intp]]:
    """Yield per object the (n, axes) places of its pixels that have a neighbor of another value.

    The pixel of an object that is nearest to a place outside is always one of them.
    """
    on_outline = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        pixels, flags = np.moveaxis(labels, axis, 0), np.moveaxis(on_outline, axis, 0)
        differ = pixels[1:] != pixels[:-1]
        flags[1:] |= differ
        flags[:-1] |= differ
    on_outline &= labels > 0
    ids = labels[on_outline]
    order = np.argsort(ids, kind="stable")
    changes = np.flatnonzero(np.diff(ids[order])) + 1
    if len(ids):
        yield from np.split(np.argwhere(on_outline)[order], changes)


def _windows(
    points: NDArray[np.intp], grow: Sequence[int], shape: Sequence[int]
) -> list[tuple[NDArray[np.intp], tuple[slice, ...]]]:
    """Return the (n, axes) points and their box, grown by so many pixels on all sides.

    They are halved again and again as long as that makes the sum of the boxes smaller.
    """
    low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    window = tuple(
        slice(max(first - margin, 0), min(last + margin + 1, size))
        for first, last, margin, size in zip(low, high, grow, shape, strict=True)
    )
    axis = max(range(len(grow)), key=lambda a: (high[a] - low[a]) / grow[a])
    if high[axis] - low[axis] <= 2 * grow[axis]:
        return [(points, window)]
    beyond = points[:, axis] > (low[axis] + high[axis]) // 2
    parts = [part for half in (~beyond, beyond) for part in _windows(points[half], grow, shape)]
    return parts if sum(_size(box) for _, box in parts) < _size(window) else [(points, window)]


def _size(window: Sequence[slice]) -> int:
    return math.prod(side.stop - side.start for side in window)


def _squared_distance(
    points: NDArray[np.intp], shape: Sequence[int], steps: Sequence[float]
) -> NDArray[np.float32]:
    """Return the squared distance to the nearest of the points from everywhere in ``shape``."""
    elsewhere = np.ones(shape, bool)
    elsewhere[tuple(points.T)] = False
    # scipy's own distances take as long again as the places they come from, in double precision
    places = ndi.distance_transform_edt(
        elsewhere, sampling=steps, return_distances=False, return_indices=True
    )
    squared = np.zeros(shape, np.float32)
    for place, here, step in zip(
        places, np.indices(shape, np.int32, sparse=True), steps, strict=True
    ):
        offset = (place - here).astype(np.float32)
        offset *= step
        squared += np.square(offset, out=offset)
    return squared
