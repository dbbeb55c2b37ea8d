"""`segment` for images whose labels do not fit in memory: band by band, with the same result.

But for pixels that are as far up one seed as another: those may go to the other object.

Four passes over the labels, which may be in a file; each looks at some rows (or slices) and at
those before them that are not settled yet:

1. Pieces of foreground are found and divided. One that reaches the last row waits for the next.
2. Gaps are closed, which looks no further than a few rows.
3. Holes are filled. An object that may lie inside one that waits, waits with it.
4. Objects are numbered in the order of their first pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from seamless_unet.gaps import close_gaps
from seamless_unet.runs import find_runs, numbered
from seamless_unet.segment import check_segment, divided_and_sifted, fill_object, hollow_objects

Box = tuple[slice, ...]


def segment_in_bands(
    probabilities: NDArray,
    labels: NDArray[np.int32],
    rows: int,
    *,
    threshold: float = 0.5,
    seed_threshold: float | None = None,
    cored: bool = False,
    neck: float = 0,
    min_size: int = 0,
    fill_holes: bool = True,
    grow: int = 2,
) -> None:
    """Write what `segment` returns; memory is needed for some bands, and for what spans them.

    Parameters
    ----------
    probabilities
        (K, [Z,] Y, X) float; may be memory-mapped.
    labels
        ([Z,] Y, X) int32, all 0; may be memory-mapped.
    rows
        In a band, along the first spatial axis. Twice as many, and so on, where pieces of
        foreground are longer.
    threshold, seed_threshold, cored, neck, min_size, fill_holes, grow
        See `segment`.
    """
    check_segment(probabilities, threshold, seed_threshold, neck, min_size, grow, cored=cored)
    highest = _find_objects(
        probabilities,
        labels,
        rows,
        threshold=threshold,
        seed_threshold=seed_threshold,
        cored=cored,
        neck=neck,
        min_size=min_size,
    )
    if grow:
        _close_gaps(labels, rows, int(grow))
    if fill_holes:
        _fill_holes(labels, rows)
    _number(labels, rows, highest)


def _find_objects(
    probabilities: NDArray, labels: NDArray[np.int32], rows: int, *, threshold: float, **sift: Any
) -> int:
    """Write the pieces of foreground, divided and sifted, and return the highest id."""
    count, top, stop = 0, 0, 0
    settled = np.zeros((0, *labels.shape[1:]), bool)  # foreground from `top` on, already written
    while stop < len(labels):
        stop = min(stop + max(rows, stop - top), len(labels))
        band = probabilities[:, top:stop]
        foreground = 1 - band[0] > threshold
        foreground[: len(settled)] &= ~settled
        found, pieces = ndi.label(foreground, output=np.int32)
        waiting = _in_last_row(found, pieces, stop < len(labels))[found]
        found[waiting] = 0
        now_settled = found > 0
        found = divided_and_sifted(found, band, threshold=threshold, **sift)
        runs = find_runs(found)
        (ids,) = runs.ids
        new_id = numbered(ids)
        np.copyto(labels[top:stop], runs.painted(new_id[ids]) + count, where=found > 0)
        count += int(new_id.max())
        now_settled[: len(settled)] |= settled
        first = _first_row(waiting)
        settled, top = now_settled[first:], top + first
    return count


def _in_last_row(ids: NDArray[np.int32], highest: int, wanted: bool) -> NDArray[np.bool_]:
    """Return for every id whether it is in the last row; none is unless that is ``wanted``."""
    found = np.zeros(highest + 1, bool)
    if wanted:
        found[ids[-1]] = True
        found[0] = False
    return found


def _first_row(where: NDArray[np.bool_]) -> int:
    """Return the first row with a pixel, or the number of rows."""
    some = where.any(axis=tuple(range(1, where.ndim)))
    return int(some.argmax()) if some.any() else len(where)


def _close_gaps(labels: NDArray[np.int32], rows: int, width: int) -> None:
    reach = 2 * width  # rows that a pixel can depend on
    before = labels[:0].copy()  # as they were
    for start in range(0, len(labels), rows):
        stop = min(start + rows, len(labels))
        window = np.concatenate([before, labels[start : stop + reach]])
        inside = slice(len(before), len(before) + stop - start)
        before = window[: inside.stop][-reach:].copy()
        close_gaps(window, width)
        labels[start:stop] = window[inside]


def _fill_holes(labels: NDArray[np.int32], rows: int) -> None:
    top, stop = 0, 0
    while stop < len(labels):
        stop = min(stop + max(rows, stop - top), len(labels))
        window = np.array(labels[top:stop])
        runs = find_runs(window)
        (ids,) = runs.ids
        waits = _in_last_row(window, int(ids.max()), stop < len(labels))
        first = _first_row(runs.painted(waits[ids]))
        for number, box in hollow_objects(window, runs):
            if not waits[number]:
                fill_object(window[box], number)
        labels[top:stop] = window
        top += first


def _number(labels: NDArray[np.int32], rows: int, highest: int) -> None:
    new_id = np.zeros(highest + 1, np.int32)
    count = 0
    for start in range(0, len(labels), rows):
        band = labels[start : start + rows]
        runs = find_runs(band)
        (ids,) = runs.ids
        order = numbered(ids)
        met = np.flatnonzero((order > 0) & (new_id[: len(order)] == 0))  # for the first time
        new_id[met[np.argsort(order[met])]] = np.arange(count + 1, count + 1 + len(met))
        count += len(met)
        band[:] = runs.painted(new_id[ids])
