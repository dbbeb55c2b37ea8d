"""Narrow gaps between objects, divided among them."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**17  # pixels that are looked at together: they and their copies stay in the cache


def close_gaps(labels: NDArray[np.int32], width: int) -> None:
    """Give the pixels of gaps up to ``width`` between two objects to the nearer one, in place.

    With chessboard distances d1 <= d2 to the nearest two objects, those have d1 + d2 <= width + 1.
    Of objects equally near, it is the one that a distance transform in two passes meets first: a
    pixel asks the neighbors before it in raster order, as far as those have been reached from
    before themselves, then the ones after it from the last on.

    Parameters
    ----------
    labels
        ([Z,] Y, X) int32 ids, 0 is background.
    width
        In pixels, at least 1.
    """
    grown = np.pad(labels, width)
    between = [_near_two(grown, width, width + 1 - d1) for d1 in range(1, (width + 1) // 2 + 1)]
    flat = grown.reshape(-1)
    strides = np.cumprod((1, *grown.shape[:0:-1]))[::-1]
    steps = [int(np.dot(step, strides)) for step in product((-1, 0, 1), repeat=labels.ndim)]
    before = steps[: len(steps) // 2]
    for near in between:  # at distance 1, then 2, ...: all that are nearer have their object
        pixels = near[flat[near] == 0]
        found = np.zeros(len(pixels), np.int32)
        for step in reversed(before):  # what is written last stays
            after = np.abs(flat[pixels - step])
            np.copyto(found, -after, where=after > 0)
        for step in reversed(before):
            ahead = flat[pixels + step]
            np.copyto(found, ahead, where=ahead > 0)
        flat[pixels] = found  # negative: not reached from before
    np.abs(grown[(slice(width, -width),) * labels.ndim], out=labels)


def _near_two(padded: NDArray[np.int32], pad: int, radius: int) -> NDArray[np.intp]:
    """Return flat indices of the background pixels that are this near to two objects or more."""
    objects = padded.view(np.uint32)
    shape = np.subtract(padded.shape, 2 * pad)
    side = max(1, round(_BLOCK ** (1 / padded.ndim)))
    found = [np.zeros(0, np.intp)]
    for corner in product(*(range(pad, pad + size, side) for size in shape)):
        stop = np.minimum(np.add(corner, side), shape + pad)
        inside = tuple(map(slice, corner, stop))
        window = objects[tuple(map(slice, np.subtract(corner, radius), stop + radius))]
        highest = _over_boxes(np.maximum, window, radius)
        lowest = _over_boxes(np.minimum, window - 1, radius)  # background becomes the highest
        between = (highest != lowest + 1) & (objects[inside] == 0)
        place = np.unravel_index(np.flatnonzero(between), between.shape)
        place = tuple(index + start for index, start in zip(place, corner, strict=True))
        found.append(np.ravel_multi_index(place, padded.shape))
    return np.concatenate(found)


def _over_boxes(ufunc: np.ufunc, image: NDArray, radius: int) -> NDArray:
    """Return the maximum or minimum over boxes, of the pixels whose box lies in the image."""
    for axis in range(image.ndim):
        image = image.swapaxes(0, axis)
        size = 1
        while size <= 2 * radius:
            step = min(size, 2 * radius + 1 - size)
            image = ufunc(image[:-step], image[step:])
            size += step
        image = image.swapaxes(0, axis)
    return image
