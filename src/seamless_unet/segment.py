"""From probabilities to instance labels, and labels linked from slice to slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.sparse import coo_array
from skimage.segmentation import watershed

_LEAST_SEED = 3  # pixels


def segment(
    probabilities: NDArray,
    *,
    threshold: float = 0.5,
    seed_threshold: float | None = None,
    cored: bool = False,
    min_size: int = 0,
    fill_holes: bool = True,
    grow: int = 2,
) -> NDArray[np.int32]:
    """Return one label per connected piece of foreground.

    Parameters
    ----------
    probabilities
        (K, [Z,] Y, X) float, K >= 2; the first is the background's.
    threshold
        A pixel is foreground where 1 minus the background's probability is above this, 0 to 1.
    seed_threshold
        Divides a piece of foreground that has several seeds among them, along the valleys of the
        probability (watershed). Seeds are pieces above this threshold, which without cores must
        be the higher one. ``None`` divides nothing.
    cored
        Class 2 is the core of objects (`TrainConfig.rim`): its probability makes the seeds.
    min_size
        Pieces of fewer pixels are dropped. It counts what is above the threshold: before objects
        are grown and filled.
    fill_holes
        Whether background enclosed by one object becomes part of it. An object inside another
        one stays itself.
    grow
        Gaps between two objects that are at most this many pixels wide are divided between them,
        which undoes the gap that training draws (`separate_touching`). Other outlines stay.

    Returns
    -------
    ndarray
        ([Z,] Y, X) int32: 0 is background, objects are 1 to n in the order of their first pixel.
        Pixels are connected by their faces.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or a parameter is out of range.

    Examples
    --------
    >>> background = np.array([[0.9, 0.1, 0.2, 0.8, 0.7, 0.3, 0.1, 0.9]])
    >>> segment(np.stack([background, 1 - background]))
    array([[0, 1, 1, 1, 2, 2, 2, 0]], dtype=int32)
    """
    if probabilities.ndim < 3 or len(probabilities) < 2:
        raise ValueError(
            f"probabilities of shape {probabilities.shape} must be (K, [Z,] Y, X) with K >= 2: "
            "background first, as predict returns them"
        )
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold={threshold} must be between 0 and 1")
    if cored and len(probabilities) < 3:
        raise ValueError(f"cores are class 2, but there are {len(probabilities)} classes")
    if min_size < 0 or grow < 0:
        raise ValueError(f"min_size={min_size} and grow={grow} must be at least 0")
    foreground = 1 - probabilities[0]
    labels, _ = ndi.label(foreground > threshold, output=np.int32)
    if seed_threshold is not None and (cored or seed_threshold > threshold):
        core = probabilities[2] if cored else foreground
        least = max(_LEAST_SEED, min_size // (6 if cored else 3))  # a core is part of an object
        labels = _divide(labels, core > seed_threshold, -(foreground + core), least=least)
    if min_size > 1:
        too_small = np.bincount(labels.ravel()) < min_size
        labels[too_small[labels]] = 0
    if grow:  # before filling, so that an object inside another one gets its part of the gap
        labels = _close_gaps(labels, grow)
    if fill_holes:
        _fill_holes(labels)
    return _in_raster_order(labels)


def link_slices(labels: NDArray, *, min_overlap: float = 0.5) -> NDArray[np.int32]:
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

    Returns
    -------
    ndarray
        int32 of the same shape; ids are 1 to n in the order of their first pixel.

    Examples
    --------
    >>> link_slices(np.array([[[1, 1, 0, 2]], [[0, 1, 0, 0]], [[2, 2, 0, 1]]])).squeeze()
    array([[1, 1, 0, 2],
           [0, 1, 0, 0],
           [1, 1, 0, 3]], dtype=int32)
    """
    if not 0 < min_overlap <= 1:
        raise ValueError(f"min_overlap={min_overlap} must be above 0 and at most 1")
    linked = np.zeros(labels.shape, np.int32)
    before = np.zeros(labels.shape[1:], np.int32)
    count = 0
    for out, ids in zip(linked, labels, strict=True):
        now = _in_raster_order(ids)
        same = _same_objects(before, now, min_overlap)
        new_id = np.zeros(now.max(initial=0) + 1, np.int32)
        for number in range(1, len(new_id)):
            if number not in same:
                count += 1
            new_id[number] = same.get(number, count)
        out[:] = before = new_id[now]
    return linked


def _same_objects(before: NDArray, now: NDArray, min_overlap: float) -> dict[int, int]:
    """Return which id of the slice before each id continues, where it continues one."""
    both = (before > 0) & (now > 0)
    pixels = (np.ones(np.count_nonzero(both), np.int64), (before[both], now[both]))
    shape = (before.max(initial=0) + 1, now.max(initial=0) + 1)
    shared = coo_array(pixels, shape=shape).tocsr().tocoo()  # adds up the pixels of each pair
    old, new = shared.coords
    size_old, size_new = np.bincount(before.ravel())[old], np.bincount(now.ravel())[new]
    iou = shared.data / (size_old + size_new - shared.data)
    enough = shared.data >= min_overlap * np.minimum(size_old, size_new)
    same: dict[int, int] = {}
    taken: set[int] = set()
    for i in np.argsort(-iou, kind="stable"):
        if enough[i] and new[i] not in same and old[i] not in taken:
            same[int(new[i])] = int(old[i])
            taken.add(int(old[i]))
    return same


def _divide(
    labels: NDArray, seed: NDArray[np.bool_], height: NDArray, *, least: int
) -> NDArray[np.int32]:
    """Divide pieces among their seeds of at least so many pixels, if they have several."""
    seeds, count = ndi.label(seed & (labels > 0), output=np.int32)
    large = np.bincount(seeds.ravel()) >= least
    large[0] = False
    piece_of = np.zeros(count + 1, np.int32)
    piece_of[seeds] = labels  # a seed lies in one piece
    several = np.bincount(piece_of[large], minlength=labels.max(initial=0) + 1) > 1
    seeds *= large[seeds]
    where = several[labels]
    if not where.any():
        return labels
    divided = watershed(height, seeds * where, mask=where)
    return np.where(where, divided + labels.max(), labels).astype(np.int32)


def _close_gaps(labels: NDArray, width: int) -> NDArray:
    """Give the pixels of gaps up to ``width`` between two objects to the nearer one.

    With chessboard distances d1 <= d2 to the nearest two objects, those have d1 + d2 <= width + 1.
    """
    if not labels.any():
        return labels
    distance, nearest = ndi.distance_transform_cdt(labels == 0, "chessboard", return_indices=True)
    highest = np.iinfo(labels.dtype).max
    without_background = np.where(labels == 0, highest, labels)
    grown = labels.copy()
    for d1 in range(1, (width + 1) // 2 + 1):
        size = 2 * (width + 1 - d1) + 1  # of a box that holds all pixels up to d2 away
        some_id = ndi.maximum_filter(labels, size)
        another_id = ndi.minimum_filter(without_background, size)
        between = (distance == d1) & (some_id != another_id)
        grown[between] = labels[tuple(index[between] for index in nearest)]
    return grown


def _fill_holes(labels: NDArray) -> None:
    """Fill each object's holes in place, inside its bounding box."""
    diagonal = np.ones((3,) * labels.ndim, bool)
    for number, box in enumerate(ndi.find_objects(labels), 1):
        if box is not None:
            window = labels[box]
            window[(window == 0) & ndi.binary_fill_holes(window == number, diagonal)] = number


def _in_raster_order(labels: NDArray) -> NDArray[np.int32]:
    """Renumber the objects 1..n in the order of their first pixel."""
    flat = labels.ravel()
    pixels = np.flatnonzero(flat)[::-1]
    first = np.full(flat.max(initial=0) + 1, flat.size)
    first[flat[pixels]] = pixels  # of a repeated id the last assignment stays: its first pixel
    order = np.argsort(first)[: np.count_nonzero(first < flat.size)]
    new_id = np.zeros(len(first), np.int32)
    new_id[order] = np.arange(1, len(order) + 1)
    return new_id[labels]
