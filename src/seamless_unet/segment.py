"""From probabilities to instance labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from seamless_unet.gaps import close_gaps
from seamless_unet.necks import divide_at_necks
from seamless_unet.ranges import check_settings
from seamless_unet.runs import Runs, find_runs, numbered

_LEAST_SEED = 3  # pixels
_LEVELS = (0.5, 0.6, 0.7, 0.8)  # of the probability of cores, where those that run together are
_RISE = 0.1  # several if each rises so much above; figures are in benchmarks/accuracy/README.md
_PART = 0.02  # of the largest part of a seed: like the core of an object half as wide


def segment(
    probabilities: NDArray,
    *,
    threshold: float = 0.5,
    seed_threshold: float | None = None,
    cored: bool = False,
    neck: float = 0,
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
        probability (watershed). Seeds are pieces above this threshold, 0 to 1, which without cores
        divides nothing unless it is the higher one. ``None`` divides nothing.
    cored
        Class 2 is the core of objects (`TrainConfig.rim`): its probability makes the seeds. In a
        volume, cores that run together are several seeds where each rises by 0.1 above what joins
        them, from a probability of 0.5 on, but for specks.
    neck
        Divides pieces, and parts of them that have one seed, at necks that are so many pixels
        deep (`seamless_unet.necks.divide_at_necks`): two round objects that run together. 0
        divides nothing.
    min_size
        Pieces of fewer pixels are dropped. It counts what is above the threshold: before objects
        are grown and filled.
    fill_holes
        Whether background enclosed by an object becomes part of it, and of the innermost of
        several. An object inside another one stays itself.
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
    probabilities = np.asarray(probabilities)
    check_segment(probabilities, threshold, seed_threshold, neck, min_size, grow, cored=cored)
    labels, count = ndi.label(1 - probabilities[0] > threshold, output=np.int32)
    if not count:
        return labels
    labels = divided_and_sifted(
        labels,
        probabilities,
        threshold=threshold,
        seed_threshold=seed_threshold,
        cored=cored,
        neck=neck,
        min_size=min_size,
    )
    if grow:  # before filling, so that an object inside another one gets its part of the gap
        close_gaps(labels, int(grow))
    runs = find_runs(labels)
    (ids,) = runs.ids
    hollow = hollow_objects(labels, runs) if fill_holes else []
    new_id = numbered(ids)
    labels = runs.painted(new_id[ids])
    for number, box in hollow:
        fill_object(labels[box], new_id[number])
    return labels


def check_segment(
    probabilities: NDArray,
    threshold: float,
    seed_threshold: float | None,
    neck: float,
    min_size: int,
    grow: int,
    *,
    cored: bool,
) -> None:
    """Refuse what `segment` cannot take.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or a parameter is out of range.
    """
    if probabilities.ndim < 3 or len(probabilities) < 2:
        raise ValueError(
            f"probabilities of shape {probabilities.shape} must be (K, [Z,] Y, X) with K >= 2: "
            "background first, as predict returns them"
        )
    if cored and len(probabilities) < 3:
        raise ValueError(f"cores are class 2, but there are {len(probabilities)} classes")
    check_settings(
        threshold=threshold, seed_threshold=seed_threshold, neck=neck, min_size=min_size, grow=grow
    )
    if grow == math.inf or grow != int(grow):
        raise ValueError(f"grow={grow} must be a whole number of pixels")


def divided_and_sifted(
    labels: NDArray[np.int32],
    probabilities: NDArray,
    *,
    threshold: float,
    seed_threshold: float | None,
    cored: bool,
    neck: float,
    min_size: int,
) -> NDArray[np.int32]:
    """Return pieces of foreground, given as labels, divided at seeds and necks, without small ones.

    What becomes of a piece depends on nothing but its own pixels, and on the order of equal
    probabilities. See `segment`.
    """
    if seed_threshold is not None and (cored or seed_threshold > threshold):
        least = max(_LEAST_SEED, min_size // (6 if cored else 3))  # a core is part of an object
        _divide(labels, probabilities, seed_threshold, cored=cored, least=least)
    if neck:
        divide_at_necks(labels, neck, least=min_size)
    if min_size > 1:
        runs = find_runs(labels)
        (ids,) = runs.ids
        labels = runs.painted(np.where(runs.sizes(ids)[ids] < min_size, 0, ids))
    return labels


def _divide(
    labels: NDArray[np.int32],
    probabilities: NDArray,
    seed_threshold: float,
    *,
    cored: bool,
    least: int,
) -> None:
    """Divide pieces in place among their seeds of at least so many pixels, if they have several."""
    core = probabilities[2] if cored else 1 - probabilities[0]
    seeds, _ = ndi.label((core > seed_threshold) & (labels > 0), output=np.int32)
    for level in _LEVELS if cored and labels.ndim == 3 else ():
        seeds = _apart(seeds, core, level, least)
    runs = find_runs(labels, seeds)
    piece, seed = runs.ids
    large, piece_of = _large(piece, seed, runs, least)
    count = piece.max(initial=0)
    several = np.bincount(piece_of[large], minlength=count + 1)[piece] > 1
    if not several.any():
        return
    where = runs.painted(several)
    markers = runs.painted(np.where(several & large[seed], seed, 0))
    window = _occupied(where)
    height = -(1 - probabilities[0][window] + core[window])
    divided = watershed(height, markers[window], mask=where[window])
    labels[where] = divided[where[window]] + count


def _apart(seeds: NDArray[np.int32], core: NDArray, level: float, least: int) -> NDArray[np.int32]:
    """Return seeds, of which those with several large parts higher up have given way to these.

    So cores that run together are two, and one of low probability is still one. In planes, necks
    do that, and nuclei with texture would fall apart. A part is not large next to one that is fifty
    times as large, nor where it hardly rises above the level.
    """
    parts, _ = ndi.label((seeds > 0) & (core > level), output=np.int32)
    runs = find_runs(seeds, parts, core > level + _RISE)
    seed, part, risen = runs.ids
    large, seed_of = _large(seed, part, runs, least)
    tops = np.bincount(part, runs.lengths * risen, minlength=len(large))
    large &= tops >= max(_LEAST_SEED, least // 4)
    sizes = np.where(large, runs.sizes(part), 0)
    count = seed.max(initial=0)
    largest = np.zeros(count + 1, np.int64)
    np.maximum.at(largest, seed_of, sizes)
    large &= sizes >= _PART * largest[seed_of]
    several = np.bincount(seed_of[large], minlength=count + 1)[seed] > 1
    return runs.painted(np.where(several, np.where(large[part], part + count, 0), seed))


def _large(
    whole: NDArray[np.int32], part: NDArray[np.int32], runs: Runs, least: int
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Return for each part whether it has so many pixels, and which whole it lies in."""
    large = runs.sizes(part) >= least
    large[0] = False
    whole_of = np.zeros(len(large), np.int32)
    whole_of[part] = whole
    return large, whole_of


def _occupied(where: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ...]:
    """Return an open mesh of what is left without empty rows, but for one on either side of others.

    Along every axis; so neighbors stay neighbors, no others become so, and their order is kept.
    """
    kept = []
    for axis in range(where.ndim):
        used = where.any(axis=tuple(i for i in range(where.ndim) if i != axis))
        kept.append(np.flatnonzero(ndi.binary_dilation(used)))
    return np.ix_(*kept)


def hollow_objects(labels: NDArray[np.int32], runs: Runs) -> list[tuple[int, tuple[slice, ...]]]:
    """Return id and bounding box of objects that may have holes, the last one to begin first.

    The first and the last pixel of a hole, in raster order, lie in gaps between two runs of the
    object in one row: before the first lies the object along every axis, and after the last.
    """
    (ids,), width = runs.ids, runs.shape[-1]
    order = np.argsort(ids, kind="stable")
    order = order[np.count_nonzero(ids == 0) :]
    ids, start, stop = ids[order], runs.starts[order], (runs.starts + runs.lengths)[order]
    gap = np.flatnonzero((ids[1:] == ids[:-1]) & (start[1:] // width == start[:-1] // width))
    owner, first, last = ids[gap], stop[gap], start[gap + 1] - 1
    begun, ended = np.ones((2, len(gap)), bool)
    flat, stride = labels.reshape(-1), width
    for size in runs.shape[-2::-1]:
        begun &= (first // stride % size > 0) & (flat[first - stride] == owner)
        after = flat.take(last + stride, mode="wrap")
        ended &= (last // stride % size < size - 1) & (after == owner)
        stride *= size
    candidates = np.intersect1d(owner[begun], owner[ended])
    found = []
    # one inside another begins later, comes before it, and so gets the holes in itself
    for number in candidates[np.argsort(-start[np.searchsorted(ids, candidates)])]:
        mine = slice(*np.searchsorted(ids, (number, number + 1)))
        ends = np.unravel_index(np.concatenate([start[mine], stop[mine] - 1]), runs.shape)
        found.append((int(number), tuple(slice(i.min(), i.max() + 1) for i in ends)))
    return found


def fill_object(window: NDArray[np.int32], number: int) -> None:
    """Fill the holes of an object in place, in its bounding box."""
    diagonal = np.ones((3,) * window.ndim, bool)
    window[(window == 0) & ndi.binary_fill_holes(window == number, diagonal)] = number
