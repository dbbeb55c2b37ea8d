"""Objects that continue from one slice to the next, or from frame to frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seamless_unet.runs import Runs, crossed, find_runs, numbered, shared_pixels, with_small_ids
from seamless_unet.stack_refinement import StackRefinement


def link_slices(
    labels: NDArray, *, min_overlap: float = 0.5, stack: bool = False
) -> NDArray[np.int32]:
    """Give objects that continue from one slice to the next the same id.

    Pairs of neighboring slices are matched one to one, those of the highest IoU first. An object
    that is missing from a slice continues as a new one after it.

    Parameters
    ----------
    labels
        (Z, Y, X), (T, Y, X) or (T, Z, Y, X) integer ids, numbered independently in every slice
        along the first axis; 0 is background.
    min_overlap
        Two objects are the same if they share at least this part of the smaller one, 0 to 1.
    stack
        The slices are those of one stack, (Z, Y, X): splinters are joined to what they lie on, and
        objects divided at necks (`seamless_unet.splinters`, `seamless_unet.z_necks`). This needs a
        ``min_overlap`` of at most 0.5.

    Returns
    -------
    ndarray
        int32 of the same shape; ids are 1 to n in the order of their first pixel.

    Raises
    ------
    ValueError
        If ``min_overlap`` is out of range, or labels are not whole numbers from 0.

    Examples
    --------
    >>> link_slices(np.array([[[1, 1, 0, 2]], [[0, 1, 0, 0]], [[2, 2, 0, 1]]])).squeeze()
    array([[1, 1, 0, 2],
           [0, 1, 0, 0],
           [1, 1, 0, 3]], dtype=int32)
    """
    most = 0.5 if stack else 1
    if not 0 < min_overlap <= most:
        raise ValueError(f"min_overlap={min_overlap} must be above 0 and at most {most}")
    labels = np.asarray(labels)
    if labels.dtype.kind not in "ui" or labels.min(initial=0) < 0:
        raise ValueError("labels must be whole numbers from 0, which is background")
    linked = np.zeros(labels.shape, np.int32)
    before: list[Runs] = []
    slices: list[Runs] = []
    count = 0
    for ids in labels:
        now = find_runs(with_small_ids(ids))
        before, count = continue_objects(before, [now], count, min_overlap=min_overlap)
        slices += before
    if stack:
        refinement = StackRefinement(divide=True)
        slices = [done for runs in slices for done in refinement.add(runs)] + refinement.rest()
    for out, runs in zip(linked, slices, strict=True):
        out[:] = runs.painted(*runs.ids)
    return linked


def continue_objects(
    before: Sequence[Runs], now: Sequence[Runs], count: int, *, min_overlap: float = 0.5
) -> tuple[list[Runs], int]:
    """Link one slice to the slice before it, which is all of the past that is needed.

    Parameters
    ----------
    before
        What this function returned for the slice before; empty for the first one.
    now
        The slice, numbered independently. A slice may be in parts, such as the planes of a volume
        in a film, which are then linked as a whole.
    count
        How many objects there have been.
    min_overlap
        See `link_slices`.

    Returns
    -------
    linked, count
        The slice with the ids of the objects that it continues, new objects being numbered from
        ``count`` + 1 in the order of their first pixel; and how many there are now.
    """
    table = numbered(np.concatenate([runs.ids[0] for runs in now]))
    same: dict[int, int] = {}
    if before:
        both = [crossed(old, new) for old, new in zip(before, now, strict=True)]
        lengths = np.concatenate([runs.lengths for runs in both])
        old_ids = np.concatenate([runs.ids[0] for runs in both])
        new_ids = table[np.concatenate([runs.ids[1] for runs in both])]
        same = _same_objects(lengths, old_ids, new_ids, min_overlap)
    new_id = np.zeros(table.max(initial=0) + 1, np.int32)
    for number in range(1, len(new_id)):
        if number not in same:
            count += 1
        new_id[number] = same.get(number, count)
    new_id = new_id[table]
    return [dataclasses.replace(runs, ids=(new_id[runs.ids[0]],)) for runs in now], count


def _same_objects(
    lengths: NDArray, before: NDArray, now: NDArray, min_overlap: float
) -> dict[int, int]:
    """Return which id of the slice before, given per run, each id continues, if it does."""
    size_before, size_now = np.bincount(before, lengths), np.bincount(now, lengths)
    old, new, shared = shared_pixels(lengths, before, now)
    iou = shared / (size_before[old] + size_now[new] - shared)
    enough = shared >= min_overlap * np.minimum(size_before[old], size_now[new])
    same: dict[int, int] = {}
    taken: set[int] = set()
    for i in np.argsort(-iou, kind="stable"):
        if enough[i] and new[i] not in same and old[i] not in taken:
            same[int(new[i])] = int(old[i])
            taken.add(int(old[i]))
    return same
