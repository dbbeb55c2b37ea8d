"""How probabilities become objects, by what is found under strokes in objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from seamless_unet.model_header import ModelInfo
from seamless_unet.model_info import LEAST_NECKS, SHARE_OF_NECKS, least_size, neck_depth
from seamless_unet.overlaps import find_overlaps
from seamless_unet.segment import segment
from seamless_unet.validate import Predicted


class _Under(NamedTuple):
    """What is found under strokes, (strokes,) integers each.

    Parameters
    ----------
    pixels
        Of the stroke.
    size
        Of the object under most of it, in pixels; 0 where there is none.
    sharing
        How many strokes lie in that object, or in none.
    parts
        How many objects are under the stroke.
    """

    pixels: NDArray[np.int64]
    size: NDArray[np.int64]
    sharing: NDArray[np.int64]
    parts: NDArray[np.int64]


def settle_by_strokes(info: ModelInfo, scribbled: Sequence[Predicted]) -> ModelInfo:
    """Choose the smallest size of objects, and whether necks divide them.

    An object has the size that is found under its stroke; where it is not found, or found with
    another stroke in it, all that is known is that it is no smaller than the stroke. The smallest
    size follows from these as from objects that were drawn (`least_size`). Necks divide unless more
    than a few strokes are cut, as each was drawn in one object; how deep they must be is chosen
    anew where there are ten strokes.

    Parameters
    ----------
    info
        Of the model; it stays where there is no stroke in an object.
    scribbled
        What the model makes of scribbles on objects, from `seamless_unet.validate`.
    """
    found = _under_strokes(dataclasses.replace(info, neck=0.0, min_size=0), scribbled)
    if not len(found.pixels):
        return info
    depth = info.neck
    if len(found.pixels) >= LEAST_NECKS:
        each = np.maximum(found.pixels, found.size // np.maximum(found.sharing, 1))
        depth = neck_depth(each.tolist(), info.network.ndim)
    divided = _under_strokes(dataclasses.replace(info, neck=depth, min_size=0), scribbled)
    cut = np.count_nonzero(divided.parts > found.parts)
    if cut <= max(1, SHARE_OF_NECKS * len(found.pixels)):
        found = divided
    else:
        depth = 0.0
    known = np.where(found.sharing == 1, np.maximum(found.pixels, found.size), found.pixels)
    return dataclasses.replace(info, neck=depth, min_size=least_size(known.tolist()))


def _under_strokes(info: ModelInfo, scribbled: Sequence[Predicted]) -> _Under:
    each = [_under(info, p) for p in scribbled]
    return _Under(*(np.concatenate(arrays) for arrays in zip(*each, strict=True)))


def _under(info: ModelInfo, predicted: Predicted) -> _Under:
    sample = predicted.sample
    # touching strokes of different values are different ones
    strokes = label(np.where(sample.annotated & (sample.labels > 1), sample.labels, 0))
    found = find_overlaps(strokes, segment(predicted.probabilities, **info.instances)).of_objects()
    pixels, sizes = found.truth.sizes, found.predicted.sizes
    main = np.zeros(len(pixels), np.intp)  # the object under most of each stroke, 0 for none
    order = np.argsort(found.shared, kind="stable")
    main[found.row[order]] = found.column[order]  # of several the last one stays
    size = np.where(main > 0, sizes[main], 0)
    sharing = np.bincount(main[1:], minlength=len(sizes))[main]
    parts = np.bincount(found.row, minlength=len(pixels))
    return _Under(*(values[1:] for values in (pixels, size, sharing, parts)))
