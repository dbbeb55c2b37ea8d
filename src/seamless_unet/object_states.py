"""What became of every object: found, missed or invented, and whether it was merged or split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seamless_unet.overlaps import LOWEST_IOU, Overlaps, Side
from seamless_unet.runs import Runs

FOUND, MISSED, INVENTED = 1, 2, 3
STATES = ("found", "missed", "merged", "split", "invented", "merging", "piece")
_KINDS = {"found": FOUND, "missed": MISSED, "merged": MISSED, "split": MISSED}  # else INVENTED
_FIELDS = [
    *(("state", "u1"), ("truth", "u8"), ("predicted", "u8")),
    *(("iou", "f4"), ("size", "i8"), ("pixel", "i8")),
]


def object_states(overlaps: Overlaps, *, iou: float = LOWEST_IOU) -> NDArray[np.void]:
    """List the true objects, then the predicted ones that match none.

    Parameters
    ----------
    overlaps
        Of truth and prediction.
    iou
        From which on a predicted object counts as a true one, 0.5 to 1.

    Returns
    -------
    ndarray
        (objects,) with the fields

        - ``state``: index into `STATES`, see below
        - ``truth``, ``predicted``: labels, 0 where there is no such object
        - ``iou``: with what it matches, else the highest with any object
        - ``size``: pixels, of the true object where there is one
        - ``pixel``: flat index of the pixel of it that is nearest to its center of mass

        A true object is *found* if it matches. If not, it is *merged* where most of it lies in a
        predicted object that most of another one lies in, too; *split* where most of each of
        several predicted objects lies in it; and otherwise *missed*. A predicted object without a
        match is *merging* where most of several true ones lies in it, a *piece* where it lies in
        a true object together with others, and otherwise *invented*. Most is more than half.

    Raises
    ------
    ValueError
        If ``iou`` is out of range.

    Examples
    --------
    >>> from seamless_unet.overlaps import find_overlaps
    >>> overlaps = find_overlaps([[1, 1, 1, 0, 2, 2]], [[5, 5, 0, 0, 0, 0]])
    >>> [STATES[row["state"]] for row in object_states(overlaps)]
    ['found', 'missed']
    """
    objects = overlaps.of_objects()
    true_states, predicted_states, partner = _states(objects, iou)
    truth = _listed("truth", objects.truth, objects.runs, true_states)
    predicted = _listed("predicted", objects.predicted, objects.runs, predicted_states)
    truth["predicted"] = np.where(partner > 0, objects.predicted.ids[partner], 0)[1:]
    for side, index in ((truth, objects.row), (predicted, objects.column)):
        np.maximum.at(side["iou"], index - 1, objects.iou)
    alone = predicted["state"] != STATES.index("found")
    return np.concatenate([truth, predicted[alone]])


def compared_image(overlaps: Overlaps, *, iou: float = LOWEST_IOU) -> NDArray[np.uint8]:
    """Return an image of what is `FOUND`, `MISSED` and `INVENTED`; 0 is background in both.

    A found object shows with all the pixels it has in either image, but where what is missed or
    invented lies on top.
    """
    kinds = np.array([_KINDS.get(state, INVENTED) for state in STATES], np.uint8)
    true_states, predicted_states, _ = _states(overlaps.of_objects(), iou)
    true_kinds, predicted_kinds = kinds[true_states], kinds[predicted_states]
    true_kinds[0] = predicted_kinds[0] = 0
    true_kind = true_kinds[overlaps.truth.of_runs]
    predicted_kind = predicted_kinds[overlaps.predicted.of_runs]
    either = np.maximum(true_kind, predicted_kind)
    return overlaps.runs.painted(np.where(true_kind == MISSED, np.uint8(MISSED), either))


def _states(
    objects: Overlaps, iou: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the states of true and of predicted objects, and which predicted one each matches."""
    row, column = objects.row, objects.column
    true_sizes, predicted_sizes = objects.truth.sizes, objects.predicted.sizes
    lies_in = 2 * objects.shared > true_sizes[row]  # most of the true object, at most once each
    covered = np.bincount(column[lies_in], minlength=len(predicted_sizes))
    piece_of = 2 * objects.shared > predicted_sizes[column]
    pieces = np.bincount(row[piece_of], minlength=len(true_sizes))

    true_states = np.where(pieces > 1, STATES.index("split"), STATES.index("missed"))
    merged = lies_in & (covered[column] > 1)
    true_states[row[merged]] = STATES.index("merged")
    predicted_states = np.full(len(predicted_sizes), STATES.index("invented"))
    part = piece_of & (pieces[row] > 1)
    predicted_states[column[part]] = STATES.index("piece")
    predicted_states[covered > 1] = STATES.index("merging")

    matched = objects.matched(iou)
    partner = np.zeros(len(true_sizes), np.intp)
    partner[row[matched]] = column[matched]
    true_states[row[matched]] = predicted_states[column[matched]] = STATES.index("found")
    return true_states, predicted_states, partner


def _listed(name: str, side: Side, runs: Runs, states: NDArray[np.intp]) -> NDArray[np.void]:
    """List the objects of one image, their labels in the field of that name."""
    rows = np.zeros(side.count, _FIELDS)
    rows["state"], rows[name], rows["size"] = states[1:], side.ids[1:], side.sizes[1:]
    rows["pixel"] = _middles(side, runs)
    return rows


def _middles(side: Side, runs: Runs) -> NDArray[np.intp]:
    """Return the flat index of the pixel of each object that is nearest to its center of mass."""
    kept = np.flatnonzero(side.of_runs)
    owner, length = side.of_runs[kept], runs.lengths[kept]
    *rows, first = np.unravel_index(runs.starts[kept], runs.shape)
    far = np.zeros(len(kept))
    for row in rows:
        far += (row - _mean(row, owner, length, side)) ** 2
    center = _mean(first + (length - 1) / 2, owner, length, side)
    nearest = np.clip(np.rint(center), first, first + length - 1)
    far += (nearest - center) ** 2
    order = np.lexsort((far, owner))
    best = order[np.unique(owner[order], return_index=True)[1]]
    return (runs.starts[kept] + nearest.astype(np.intp) - first)[best]


def _mean(values: NDArray, owner: NDArray, weights: NDArray, side: Side) -> NDArray[np.float64]:
    """Return, for each run, the weighted mean of the values of its object's runs."""
    total = np.bincount(owner, values * weights, minlength=len(side.sizes))
    return (total / np.maximum(side.sizes, 1))[owner]
