"""Necks along Z in a stack: there, one object is likely to end and another to begin."""

from __future__ import annotations

import dataclasses
from collections import deque

import numpy as np
from numpy.typing import NDArray

from seamless_unet.runs import Runs, crossed

_SLICES = 8  # that are looked at together
_NARROWER = 1 / 7  # than on either side; figures are in benchmarks/accuracy/README.md


class ZNecks:
    """Divides the objects of a stack at necks along Z, one slice after the other.

    The radius of an object in a slice is that of a disc with as many pixels. A neck lies between
    two slices if what they share of an object has a radius that is less, by a seventh or more,
    than the object's in some slice before and in one of the next 7. If only one slice is narrow,
    the slices around it share more than it has, and there is no neck. Neither part is a single
    slice. Distances of slices do not matter.
    """

    def __init__(self) -> None:
        self._slices: deque[tuple[Runs, NDArray[np.int32]]] = deque()  # and which parts lie there
        self._count = 0  # of parts so far
        # the latest slice's objects, by rows; the first one is of an object that begins
        self._ids = np.zeros(1, np.intp)
        self._part = np.zeros(1, np.int32)
        self._widest = np.full(1, -np.inf)  # radius before the slices that are looked at
        self._radius = np.full((1, _SLICES), -np.inf)
        self._shared = np.zeros((1, _SLICES))  # radius of what a slice shares with that before
        self._narrow = np.zeros((1, _SLICES))  # the same, or more if slices around share more

    def add(self, runs: Runs) -> list[Runs]:
        """Take the next slice, linked to that before; return what has become final, in order.

        Ids are others than before.
        """
        self._continue(runs)
        self._divide()
        return self._final(_SLICES - 1)

    def rest(self) -> list[Runs]:
        """Return the slices that are left at the end of the stack."""
        return self._final(0)

    def _continue(self, runs: Runs) -> None:
        """Append a slice to what is known of its objects."""
        (ids,) = runs.ids
        sizes = np.bincount(ids, runs.lengths, minlength=1)
        sizes[0] = 0
        objects = np.append(0, np.flatnonzero(sizes))
        row = np.minimum(np.searchsorted(self._ids, objects), len(self._ids) - 1)
        row[self._ids[row] != objects] = 0
        one, two = (self._shared_with(back, runs, objects) for back in (1, 2))
        self._widest = np.maximum(self._widest, self._radius[:, 0])[row]
        radius = _radius(sizes[objects])
        self._radius = np.column_stack([self._radius[row, 1:], radius])
        self._shared = np.column_stack([self._shared[row, 1:], one])
        self._narrow = np.column_stack([self._narrow[row, 1:], one])
        self._narrow[:, -2:] = np.maximum(self._narrow[:, -2:], two[:, np.newaxis])
        self._radius[0], self._widest[0] = -np.inf, -np.inf
        self._part = self._part[row]
        begins = np.flatnonzero(row == 0)[1:]
        self._part[begins] = self._count + 1 + np.arange(len(begins))
        self._count += len(begins)
        self._ids = objects
        part_of = np.zeros(len(sizes), np.int32)
        part_of[objects] = self._part
        self._slices.append((runs, part_of[ids]))

    def _shared_with(
        self, back: int, runs: Runs, objects: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return the radius of what each object shares with itself so many slices before."""
        if len(self._slices) < back:
            return np.zeros(len(objects))
        both = crossed(self._slices[-back][0], runs)
        before, now = both.ids
        return _radius(np.bincount(now, both.lengths * (before == now), objects[-1] + 1)[objects])

    def _divide(self) -> None:
        """Divide the objects that have a neck now."""
        before = np.column_stack([self._widest, self._radius[:, :-2]])
        before = np.maximum.accumulate(before, axis=1)
        after = np.maximum.accumulate(self._radius[:, ::-1], axis=1)[:, -2:0:-1]
        wide = np.minimum(before[:, 1:], after)
        necks = self._narrow[:, 1:-1] <= (1 - _NARROWER) * wide
        necks &= before[:, :-1] > 0  # one slice is no part
        rows = np.flatnonzero(necks.any(axis=1))
        if not len(rows):
            return
        columns = 1 + np.where(necks[rows], self._shared[rows, 1:-1], np.inf).argmin(axis=1)
        begun = self._count + 1 + np.arange(len(rows))
        for column in range(columns.min(), _SLICES):
            table = np.arange(self._count + 1, dtype=np.int32)
            divided = columns <= column
            table[self._part[rows[divided]]] = begun[divided]
            parts = self._slices[column - _SLICES][1]
            parts[:] = table[parts]
        self._count += len(rows)
        self._part[rows] = begun
        earlier = np.arange(_SLICES) < columns[:, np.newaxis]
        self._radius[rows] = np.where(earlier, -np.inf, self._radius[rows])
        self._widest[rows] = -np.inf

    def _final(self, waiting: int) -> list[Runs]:
        """Hand over slices until so many wait."""
        done = []
        while len(self._slices) > waiting:
            runs, parts = self._slices.popleft()
            done.append(dataclasses.replace(runs, ids=(parts,)))
        return done


def _radius(pixels: NDArray) -> NDArray[np.float64]:
    return np.sqrt(pixels / np.pi)
