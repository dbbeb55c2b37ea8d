"""Necks, where an outline draws in from both sides: there, two objects are likely to touch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

_SMOOTH = 1.0  # pixels: what is finer in an outline makes no neck


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
        An object stays whole if one of its parts would have fewer pixels.

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
    for number, box in enumerate(ndi.find_objects(labels), 1):
        if box is None:
            continue
        window = labels[box]
        parts, count = _parts(window == number, depth)
        if count == 1 or np.bincount(parts.ravel())[1:].min() < least:
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
        Of more objects, so many are looked at, evenly.
    """
    boxes = [
        (window, number, box)
        for window in labels
        for number, box in enumerate(ndi.find_objects(window), 1)
        if box is not None
    ]
    looked_at = boxes[:: -(-len(boxes) // most)]
    counts = [_parts(window[box] == number, depth)[1] for window, number, box in looked_at]
    return sum(count > 1 for count in counts) / len(counts)


def _parts(mask: NDArray[np.bool_], depth: float) -> tuple[NDArray[np.int32], int]:
    """Return the parts of an object, numbered from 1, and how many there are."""
    inside = ndi.binary_fill_holes(np.pad(mask, 1))  # a hole is no outline
    height = ndi.gaussian_filter(ndi.distance_transform_edt(inside), _SMOOTH)
    tops, count = _peaks(height, inside)
    if count > 1:  # few objects come so far
        # `h_maxima` of skimage takes two equal heights for two, whatever is between them
        tops, count = _peaks(reconstruction(height - depth, height), inside)
    if count < 2:
        return mask.astype(np.int32), 1
    parts = watershed(-height, tops, mask=inside)[(slice(1, -1),) * mask.ndim]
    return parts * mask, count


def _peaks(height: NDArray[np.float64], inside: NDArray[np.bool_]) -> tuple[NDArray, int]:
    """Return the regional maxima, numbered, and how many there are."""
    return ndi.label(local_maxima(height) & inside, np.ones((3,) * height.ndim))
