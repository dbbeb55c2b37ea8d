"""Labels as runs: stretches of equal pixels along the last axis, far fewer than pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

_MANY = 10**6  # ids that tables are made for


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches along the last axis in which none of some images changes.

    Parameters
    ----------
    shape
        Of the images.
    starts, lengths
        (runs,) integer: flat index of each run's first pixel, ascending, and its pixels.
    ids
        For each image the (runs,) values there, in the image's dtype.
    """

    shape: tuple[int, ...]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    ids: tuple[NDArray, ...]

    def sizes(self, ids: NDArray) -> NDArray[np.int64]:
        """Return the pixels of every id from 0 to the highest of these (runs,) ids."""
        return np.bincount(ids, self.lengths).astype(np.int64)

    def painted(self, values: NDArray) -> NDArray:
        """Return the image in which each run has its value of these (runs,)."""
        return np.repeat(values, self.lengths).reshape(self.shape)


def find_runs(*images: NDArray) -> Runs:
    """Return the runs of one image or, of several of the same shape, those common to all.

    Examples
    --------
    >>> runs = find_runs(np.array([[1, 1, 0], [0, 2, 2]]))
    >>> runs.starts, runs.lengths, runs.ids
    (array([0, 2, 3, 4]), array([2, 1, 1, 2]), (array([1, 0, 0, 2]),))
    """
    shape = images[0].shape
    starting = np.zeros(shape, bool)
    starting[..., :1] = True
    for image in images:
        starting[..., 1:] |= image[..., 1:] != image[..., :-1]
    starts = np.flatnonzero(starting)
    lengths = np.diff(starts, append=starting.size)
    return Runs(shape, starts, lengths, tuple(image.ravel()[starts] for image in images))


def crossed(first: Runs, second: Runs) -> Runs:
    """Return the runs common to two images of the same shape, from those of each.

    Examples
    --------
    >>> runs = crossed(find_runs(np.array([[1, 1, 0]])), find_runs(np.array([[0, 2, 2]])))
    >>> runs.starts, runs.lengths, runs.ids
    (array([0, 1, 2]), array([1, 1, 1]), (array([1, 1, 0]), array([0, 2, 2])))
    """
    starts = np.concatenate([first.starts, second.starts])
    order = np.argsort(starts, kind="stable")  # two ascending rows, so that this is a merge
    starts = starts[order]
    last = np.flatnonzero(np.append(starts[1:] != starts[:-1], len(starts) > 0))
    begun = np.cumsum(order < len(first.starts))[last]  # runs of the first image up to there
    ids = [values[begun - 1] for values in first.ids]
    ids += [values[last - begun] for values in second.ids]
    starts = starts[last]
    lengths = np.diff(starts, append=math.prod(first.shape))
    return Runs(first.shape, starts, lengths, tuple(ids))


def shared_pixels(
    lengths: NDArray[np.integer], first: NDArray[np.integer], second: NDArray[np.integer]
) -> tuple[NDArray, NDArray, NDArray[np.int64]]:
    """Return the pairs of ids that two images have in the same place, ascending, and their pixels.

    Parameters
    ----------
    lengths
        (runs,) pixels of each of the common runs.
    first, second
        (runs,) ids there; 0 in either makes no pair.

    Examples
    --------
    >>> shared_pixels(np.array([3, 1, 2, 4]), np.array([1, 2, 1, 0]), np.array([5, 5, 5, 6]))
    (array([1, 2]), array([5, 5]), array([5, 1]))
    """
    both = (first > 0) & (second > 0)
    shape = [int(ids.max(initial=0)) + 1 for ids in (first, second)]
    table = coo_array((lengths[both], (first[both], second[both])), shape=shape).tocsr().tocoo()
    return *table.coords, table.data


def with_small_ids(labels: NDArray) -> NDArray:
    """Return labels, in which huge ids, as trackers give them, have given way to others in order.

    >>> with_small_ids(np.array([0, 2**40, 7]))
    array([0, 2, 1])
    """
    if labels.max(initial=0) <= max(labels.size, _MANY):
        return labels
    values, order = np.unique(labels, return_inverse=True)
    return order.reshape(labels.shape) + (values[0] > 0)  # 0 stays background


def numbered(ids: NDArray) -> NDArray[np.int32]:
    """Return a table of new ids, 1 to n in the order in which ids first appear; 0 stays 0.

    Parameters
    ----------
    ids
        (runs,) integers, none below 0.

    Examples
    --------
    >>> numbered(np.array([0, 3, 1, 0, 3]))
    array([0, 2, 0, 1], dtype=int32)
    """
    first = np.full(int(ids.max(initial=0)) + 1, len(ids))
    first[ids[::-1]] = np.arange(len(ids))[::-1]  # of a repeated id the last assignment stays
    first[0] = len(ids)
    there = np.flatnonzero(first < len(ids))  # few of those that a long stack has had
    order = there[np.argsort(first[there])]
    table = np.zeros(len(first), np.int32)
    table[order] = np.arange(1, len(order) + 1)
    return table
