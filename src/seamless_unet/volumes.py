"""Whether stacks are learned as volumes or plane by plane, by what is drawn on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import relabel_sequential

from seamless_unet.axes import label_axes, split
from seamless_unet.config import TrainConfig
from seamless_unet.pair import Pair, read_pairs

# Figures are in benchmarks/accuracy/README.md.
_LEAST_DEPTH = 7  # planes of the usual object; of thinner ones a 3-D network finds fewer
_LEAST_CROWDED = 0.25  # of the objects lie on or under another one
_LEAST_SAME = 0.6  # of what lies on an object in the next plane has its number
_MOST_CUT = 0.5  # of the objects end where the annotation does


def fitting_recipe(
    preset: str,
    changes: Mapping[str, Any],
    images: Sequence[NDArray],
    labels: Sequence[NDArray],
    **given: Any,
) -> TrainConfig:
    """Return a recipe that fits what is drawn: volumes for crowded stacks, planes for all else.

    Parameters
    ----------
    preset, changes
        As for `TrainConfig.preset`. Where ``changes`` say no ``ndim``, it is that of `choose_ndim`;
        the paper's recipe stays 2-D.
    images, labels, **given
        ``axes``, ``names``, ``annotations`` and ``regions`` as for
        `seamless_unet.dataset.make_dataset`.

    Raises
    ------
    ValueError
        If the recipe cannot be, or images and labels do not go together.
    """
    recipe = TrainConfig.preset(preset, **changes)
    if preset != "quick" or "ndim" in changes:
        return recipe
    pairs = read_pairs(images, labels, recipe, **given)
    return TrainConfig.preset(preset, **changes, ndim=choose_ndim(pairs))


def choose_ndim(pairs: Sequence[Pair]) -> int:
    """Return 3 if whole objects are drawn through the planes of crowded stacks, 2 otherwise.

    A 3-D network sees what lies above and below. So it tells apart objects that lie on one another
    better than a 2-D one whose objects are linked, if they are drawn in all of their planes, each
    with one number, and several planes thick. Elsewhere, planes are as good or better.
    """
    if not all(pair.annotation == "objects" and "Z" in pair.axes for pair in pairs):
        return 2
    if any(pair.is_mask for pair in pairs):
        return 2  # what touches in the next plane need not be the same object
    counted = [_count(*volume) for volume in _volumes(pairs)]
    if not counted:
        return 2
    depths, cut, crowded, same = (np.concatenate(parts) for parts in zip(*counted, strict=True))
    whole = np.median(depths) >= _LEAST_DEPTH and cut.mean() <= _MOST_CUT
    on_others = crowded.mean() >= _LEAST_CROWDED and same.mean() >= _LEAST_SAME
    return 3 if whole and on_others else 2


def _count(volume: NDArray[np.int32], annotated: NDArray[np.bool_]) -> tuple[NDArray, ...]:
    """Return of each object its planes, and whether it is cut and lies on or under another one.

    Last, of each pixel of an object that has one above it, whether both have the same number.
    """
    known = np.concatenate([[True], annotated, [True]])  # beyond the stack nothing is missing
    ends = np.array([(z.start, z.stop) for z, *_ in ndi.find_objects(volume)])
    cut = ~(known[ends[:, 0]] & known[ends[:, 1] + 1])
    both = (volume[1:] > 0) & (volume[:-1] > 0)
    here, above = volume[:-1][both], volume[1:][both]
    crowded = np.zeros(len(ends) + 1, bool)
    for side in (here, above):
        crowded[side[here != above]] = True
    return ends[:, 1] - ends[:, 0], cut, crowded[1:], here == above


def _volumes(pairs: Sequence[Pair]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """Yield what is drawn, (Z, Y, X) ids from 1 on, and the planes (Z,) that are annotated."""
    for pair in pairs:
        axes = label_axes(pair.axes)
        within = pair.labels > 0 if pair.region is None else pair.region
        volumes = zip(split(pair.labels, axes, 3), split(within, axes, 3), strict=True)
        for (_, (labels,)), (_, (inside,)) in volumes:
            drawn = np.where(inside & (labels > 0), labels, 0)
            if drawn.any():
                ids = relabel_sequential(drawn)[0].astype(np.int32)
                yield ids, inside.any(axis=(1, 2))
