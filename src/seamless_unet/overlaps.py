"""Which objects of two label images share pixels, and which of them match."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array

from seamless_unet.runs import Runs, find_runs

LOWEST_IOU = 0.5  # from here on an object matches at most one other


@dataclass(frozen=True, eq=False)
class Side:
    """The objects of one of two images, counted from 1; 0 is the background.

    Parameters
    ----------
    ids
        (n + 1,) label of each.
    sizes
        (n + 1,) pixels of each.
    of_runs
        (runs,) which object each run belongs to.
    """

    ids: NDArray
    sizes: NDArray[np.int64]
    of_runs: NDArray[np.intp]

    @property
    def count(self) -> int:
        """How many objects there are."""
        return len(self.ids) - 1


@dataclass(frozen=True, eq=False)
class Overlaps:
    """What true and predicted objects share.

    Parameters
    ----------
    runs
        Those common to both images.
    truth, predicted
        The objects of each.
    row, column
        (pairs,) a true object and the predicted one that overlaps it, ascending; the predicted
        one may be background.
    shared
        (pairs,) pixels in both.
    """

    runs: Runs
    truth: Side
    predicted: Side
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    shared: NDArray[np.int64]

    def of_objects(self) -> Overlaps:
        """Return it without the predicted background."""
        kept = self.column > 0
        pairs = (values[kept] for values in (self.row, self.column, self.shared))
        return Overlaps(self.runs, self.truth, self.predicted, *pairs)

    @property
    def iou(self) -> NDArray[np.float64]:
        """(pairs,) intersection over union."""
        both = self.truth.sizes[self.row] + self.predicted.sizes[self.column]
        return self.shared / (both - self.shared)

    def matched(self, iou: float = LOWEST_IOU) -> NDArray[np.intp]:
        """Return the indices of the pairs that match, one to one, at an IoU of 0.5 or more.

        Such pairs share an object only where the halves of one are objects of the other image,
        each with an IoU of exactly 0.5; the first half is taken then, and no choice would match
        more.

        Raises
        ------
        ValueError
            If ``iou`` is below 0.5, where an object could match several.
        """
        if not LOWEST_IOU <= iou <= 1:
            raise ValueError(f"iou={iou} must be between {LOWEST_IOU} and 1")
        pairs = np.flatnonzero(self.iou >= iou)
        for ids in (self.row, self.column):
            pairs = pairs[np.unique(ids[pairs], return_index=True)[1]]
        return pairs


def find_overlaps(truth: ArrayLike, predicted: ArrayLike) -> Overlaps:
    """Compare two label images object by object.

    Parameters
    ----------
    truth, predicted
        Integer ids of the same shape, any number of axes; 0 is background. Ids need not agree.

    Raises
    ------
    ValueError
        If the shapes differ, or labels are not whole numbers from 0.
    """
    truth, predicted = _checked(truth, "truth"), _checked(predicted, "predicted")
    if truth.shape != predicted.shape:
        raise ValueError(
            f"truth has shape {truth.shape} and predicted labels have {predicted.shape}: "
            "compare labels of the same image and the same axes"
        )
    runs = find_runs(truth, predicted)
    rows, columns = (_side(runs, ids) for ids in runs.ids)
    # overlaps with the true background are left out: no measure needs them one by one
    inside = rows.of_runs > 0
    pixels = (runs.lengths[inside], (rows.of_runs[inside], columns.of_runs[inside]))
    table = coo_array(pixels, shape=(len(rows.ids), len(columns.ids))).tocsr().tocoo()
    return Overlaps(runs, rows, columns, table.row, table.col, table.data)


def _checked(labels: ArrayLike, name: str) -> NDArray:
    """Return the labels as an array of one axis or more."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "bui":
        raise ValueError(
            f"{name} must be whole-number labels, got {labels.dtype}: convert it first"
        )
    if labels.min(initial=0) < 0:
        raise ValueError(
            f"{name} has the negative label {labels.min()}: ids start at 1, 0 is background"
        )
    return np.atleast_1d(labels)


def _side(runs: Runs, labels: NDArray) -> Side:
    """Return the objects of the (runs,) labels; background is there also where no run has it."""
    with_background = np.concatenate([np.zeros(1, labels.dtype), labels])
    ids, index = np.unique(with_background, return_inverse=True)
    sizes = np.bincount(index[1:], runs.lengths, minlength=len(ids)).astype(np.int64)
    return Side(ids, sizes, index[1:])
