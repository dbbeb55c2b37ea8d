"""Splinters, which are found in one slice of a stack only: likely a part of what they lie on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from seamless_unet.runs import Runs, crossed, shared_pixels

_COVERED = 0.5  # of a splinter, by what it is a part of, which so is linked to another slice
_SIZE = 0.5  # of a splinter at most, next to what it is a part of


class Splinters:
    """Joins splinters to objects, one slice after the other.

    A splinter is in one slice only. Half of it or more lies over or under an object that is twice
    as large or larger in that slice, the one before or the one after, and becomes a part of it.
    """

    def __init__(self) -> None:
        self._slices: list[Runs] = []  # the last two

    def add(self, runs: Runs) -> list[Runs]:
        """Take the next slice, linked to that before; return what has become final, in order."""
        done = self._final([runs])
        self._slices = [*self._slices, runs][-2:]
        return done

    def rest(self) -> list[Runs]:
        """Return the slice that is left at the end of the stack."""
        return self._final([])

    def _final(self, after: list[Runs]) -> list[Runs]:
        if not self._slices:
            return []
        *before, now = self._slices
        return [_joined(now, before + after)]


def _joined(runs: Runs, neighbors: Sequence[Runs]) -> Runs:
    """Return a slice with its splinters joined to what is in the slices around it."""
    (ids,) = runs.ids
    sizes = runs.sizes(ids)
    alone = sizes > 0
    alone[:1] = False
    for other in neighbors:
        (others,) = other.ids
        alone[others[others < len(alone)]] = False
    if not alone.any():
        return runs
    owner = np.arange(len(sizes), dtype=ids.dtype)
    most = np.zeros(len(sizes))
    for other in neighbors:
        both = crossed(runs, other)
        mine, theirs, shared = shared_pixels(both.lengths, *both.ids)
        theirs_size = other.sizes(other.ids[0])[theirs]
        joins = alone[mine] & (shared >= _COVERED * sizes[mine]) & (shared > most[mine])
        joins &= sizes[mine] <= _SIZE * theirs_size
        owner[mine[joins]] = theirs[joins]
        most[mine[joins]] = shared[joins]
    return dataclasses.replace(runs, ids=(owner[ids],))
