"""How probabilities become objects, by what is found under strokes in objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from seamless_unet.model_header import ModelInfo
from seamless_unet.model_info import LEAST_NECKS, SHARE_OF_NECKS, least_size, neck_depth
from seamless_unet.segment import segment
from seamless_unet.validate import Predicted


def settle_by_strokes(info: ModelInfo, predicted: Sequence[Predicted]) -> ModelInfo:
    """Choose the smallest size of objects, and whether necks divide them.

    Parameters
    ----------
    info
        Of the model.
    predicted
        What it makes of scribbled images, from `seamless_unet.validate.predict_samples`.

    Returns
    -------
    ModelInfo
        As if the objects found under strokes had been drawn. One has the size that is found,
        shared among the strokes in it, but at least that of the stroke. Nothing is divided at necks
        where more than a few strokes would be, since each was drawn in one object.
    """
    scribbled = [p for p in predicted if p.sample.annotation == "scribbles"]
    whole = dataclasses.replace(info, neck=0.0, min_size=0)
    under = list(_under_strokes(whole, scribbled))
    if not under:
        return info
    sizes = [size for size, _ in under]
    settled = dataclasses.replace(info, neck=0.0, min_size=least_size(sizes))
    if len(under) < LEAST_NECKS:
        return settled
    depth = neck_depth(sizes, info.network.ndim)
    divided = dataclasses.replace(settled, neck=depth)
    cut = sum(parts > 1 for _, parts in _under_strokes(divided, scribbled))
    cut -= sum(parts > 1 for _, parts in under)
    return divided if cut <= max(1, SHARE_OF_NECKS * len(under)) else settled


def _under_strokes(info: ModelInfo, scribbled: Sequence[Predicted]) -> Iterator[tuple[int, int]]:
    """Yield for every stroke in an object its size and how many objects are found under it."""
    for p in scribbled:
        drawn = (p.sample.labels > 1) & p.sample.annotated
        strokes, _ = ndi.label(drawn, np.ones((3,) * drawn.ndim))
        found = segment(p.probabilities, **info.instances)
        sizes = np.bincount(found.ravel())
        under = [
            _most_frequent(found[box][strokes[box] == number])
            for number, box in enumerate(ndi.find_objects(strokes), 1)
        ]
        sharing = np.bincount([ids[0] for ids, _ in under if len(ids)], minlength=len(sizes))
        for ids, pixels in under:
            size = sizes[ids[0]] // sharing[ids[0]] if len(ids) else 0
            yield max(int(size), pixels), len(ids)


def _most_frequent(ids: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """Return the objects under a stroke, the most frequent first, and its number of pixels."""
    objects, counts = np.unique(ids[ids > 0], return_counts=True)
    return objects[np.argsort(-counts, kind="stable")], len(ids)
