"""Necks, where an outline draws in from both sides: there, two objects are likely to touch."""

from __future__ import annotations

import functools
import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

_SMOOTH = 1.0  # pixels: what is finer in an outline makes no neck
_APART = round(4 * _SMOOTH) + 1  # pixels: smoothing reaches less far
_TOGETHER = 2**17  # pixels that are looked at in one array, which stays in the cache
_ROUNDING = 1e-6  # pixels

Box = tuple[slice, ...]


def divide_at_necks(labels: NDArray[np.int32], depth: float, *, least: int = 1) -> None:
    """Divide objects at their necks, in place; what becomes of one depends on nothing but itself.

    A neck lies between two parts of an object if the way from the middle of one to that of the
    other, as far from the outline as possible, comes nearer to it by ``depth`` than both middles
    are. Parts are divided along the valley of the distance from the outline (watershed).

    Parameters
    ----------
    labels
        ([Z,] Y, X) int32 ids, 0 is background; the parts but for the first get new ids.
    depth
        In pixels, above 0.
    least
        Parts of fewer pixels stay with another one.

    Examples
    --------
    >>> y, x = np.mgrid[:11, :20]
    >>> discs = (y - 5) ** 2 + (x - 5) ** 2 <= 20, (y - 5) ** 2 + (x - 13) ** 2 <= 20
    >>> labels = np.logical_or(*discs).astype(np.int32)
    >>> divide_at_necks(labels, 1)
    >>> labels[5, 2], labels[5, 16]
    (np.int32(1), np.int32(2))
    """
    next_id = int(labels.max(initial=0)) + 1
    boxes = {
        number: box
        for number, box in enumerate(ndi.find_objects(labels), 1)
        if box and math.prod(_shape(box)) >= 2 * least  # in others there is no room for two parts
    }
    for number in _suspects(labels, boxes, depth):
        window = labels[boxes[number]]
        parts, count = _parts(window == number, depth, least=least)
        if count == 1:
            continue
        later = parts > 1
        window[later] = parts[later] + (next_id - 2)
        next_id += count - 1


def share_with_necks(labels: Sequence[NDArray[np.integer]], depth: float, *, most: int) -> float:
    """Return the part of all objects that `divide_at_necks` would divide, 0 to 1.

    Parameters
    ----------
    labels
        ([Z,] Y, X) ids; those of one array are not those of another. At least one object.
    depth
        In pixels.
    most
        Of more objects, so many are looked at, by chance.
    """
    boxes = [
        (window, number, box)
        for window in labels
        for number, box in enumerate(ndi.find_objects(window), 1)
        if box is not None
    ]
    rng = np.random.default_rng(0)  # any step could be that of the cells in a film's frames
    chosen = rng.choice(len(boxes), min(most, len(boxes)), replace=False)
    looked_at = [boxes[i] for i in np.sort(chosen)]
    counts = [_parts(window[box] == number, depth)[1] for window, number, box in looked_at]
    return sum(count > 1 for count in counts) / len(counts)


def _suspects(labels: NDArray[np.int32], boxes: Mapping[int, Box], depth: float) -> list[int]:
    """Return the ids, in order, of objects that `_parts` may divide: few, and no other is.

    These have holes, or a peak from which the straight way to their highest one descends by
    ``depth``. That is found out for many at once, side by side in one array.
    """
    look = functools.partial(_suspects_among, labels, boxes, depth)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sorted(itertools.chain.from_iterable(pool.map(look, _shelves(boxes))))


def _suspects_among(
    labels: NDArray[np.int32], boxes: Mapping[int, Box], depth: float, numbers: list[int]
) -> list[int]:
    if len(numbers) == 1:  # `_parts` does as much
        return numbers
    inside, starts = _side_by_side([labels[boxes[number]] == number for number in numbers])
    height = _height(inside)
    peaks = np.nonzero(inside & (height == ndi.maximum_filter(height, 3)))
    owner = np.searchsorted(starts, peaks[-1], "right") - 1
    rising = np.lexsort((height[peaks], owner))
    highest = rising[np.searchsorted(owner[rising], owner, "right") - 1]
    descends = height[peaks] - _lowest_between(height, peaks, highest) > depth - _ROUNDING
    pieces, _ = ndi.label(~inside)  # the first is around all objects, others are holes
    holes = np.searchsorted(starts, np.nonzero(pieces > 1)[-1], "right") - 1
    return [numbers[i] for i in np.union1d(owner[descends], holes)]


def _lowest_between(
    height: NDArray[np.float64], peaks: tuple[NDArray[np.intp], ...], other: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the lowest height on the straight way from each peak to another one of them."""
    places = np.stack(peaks)
    ways = places[:, other] - places
    steps = np.abs(ways).max(initial=0)
    lowest = height[peaks]
    for step in range(1, steps):
        passed = places + np.rint(ways * (step / steps)).astype(np.intp)  # each touches the last
        np.minimum(lowest, height[tuple(passed)], out=lowest)
    return lowest


def _shape(box: Box) -> tuple[int, ...]:
    return tuple(side.stop - side.start for side in box)


def _shelves(boxes: Mapping[int, Box]) -> Iterator[list[int]]:
    """Yield ids of objects of similar height, as many as are looked at together."""
    shapes = {number: _shape(box) for number, box in boxes.items()}
    shelf: list[int] = []
    sides: tuple[int, ...] = ()  # of the array that `_side_by_side` makes of them
    for number in sorted(shapes, key=lambda n: shapes[n]):
        *rows, width = (size + _APART for size in shapes[number])
        alone = (*(size + _APART for size in rows), width + _APART)
        sides = (*map(max, sides[:-1], alone[:-1]), sides[-1] + width) if shelf else alone
        if shelf and math.prod(sides) > _TOGETHER:
            yield shelf
            shelf, sides = [], alone
        shelf.append(number)
    if shelf:
        yield shelf


def _side_by_side(
    masks: Sequence[NDArray[np.bool_]],
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return masks along the last axis of one array, with space around, and where each begins."""
    starts = np.cumsum([_APART, *(mask.shape[-1] + _APART for mask in masks)])
    tallest = np.max([mask.shape[:-1] for mask in masks], axis=0)
    row = np.zeros((*(tallest + 2 * _APART), starts[-1]), bool)
    for mask, start in zip(masks, starts, strict=False):
        corner = (*(_APART,) * (mask.ndim - 1), start)
        row[tuple(slice(i, i + size) for i, size in zip(corner, mask.shape, strict=True))] = mask
    return row, starts[:-1]


def _parts(
    mask: NDArray[np.bool_], depth: float, *, least: int = 1
) -> tuple[NDArray[np.int32], int]:
    """Return the parts of an object, numbered from 1, and how many there are.

    Those of fewer pixels than ``least`` are none.
    """
    inside = ndi.binary_fill_holes(np.pad(mask, 1))  # a hole is no outline
    height = _height(inside)
    if height.max() <= depth:  # a long thin object in a large box, perhaps
        return mask.astype(np.int32), 1
    tops, count = _peaks(height, inside)
    if count > 1:  # few objects come so far
        # `h_maxima` of skimage takes two equal heights for two, whatever is between them
        tops, count = _peaks(reconstruction(height - depth, height), inside)
    while count > 1:
        parts = watershed(-height, tops, mask=inside)[(slice(1, -1),) * mask.ndim] * mask
        large = np.bincount(parts.ravel(), minlength=count + 1) >= least
        large[0] = False
        if np.count_nonzero(large) == count:
            return parts, count
        tops = (np.cumsum(large, dtype=np.int32) * large)[tops]
        count = int(np.count_nonzero(large))
    return mask.astype(np.int32), 1


def _height(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the smoothed distance from the outline."""
    return ndi.gaussian_filter(ndi.distance_transform_edt(inside), _SMOOTH, mode="constant")


def _peaks(height: NDArray[np.float64], inside: NDArray[np.bool_]) -> tuple[NDArray, int]:
    """Return the regional maxima inside, numbered, and how many there are.

    A plateau that leads from one place inside to another around the outline is one.
    """
    tops, count = ndi.label(local_maxima(height), np.ones((3,) * height.ndim))
    there = np.zeros(count + 1, np.int32)
    there[tops[inside]] = 1
    there[0] = 0
    return (np.cumsum(there, dtype=np.int32) * there)[tops] * inside, int(there.sum())
