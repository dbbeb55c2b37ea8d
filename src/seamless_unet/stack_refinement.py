"""Slices of a stack that were linked, one after the other, and what they say about each other."""

from __future__ import annotations

import dataclasses

import numpy as np

from seamless_unet.runs import Runs, numbered
from seamless_unet.splinters import Splinters
from seamless_unet.z_necks import ZNecks


class StackRefinement:
    """Joins splinters and divides at necks, slice by slice: see `Splinters` and `ZNecks`.

    A slice is final after the eight that follow it, or after the next one if nothing is divided.

    Parameters
    ----------
    divide
        Whether to divide at necks; splinters are joined anyway.
    """

    def __init__(self, *, divide: bool) -> None:
        self._stages: list[Splinters | ZNecks] = [Splinters()]
        if divide:
            self._stages.append(ZNecks())
        self._count = 0  # of objects so far
        self._given: dict[int, int] = {}  # the number of each object of the latest slice

    def add(self, runs: Runs) -> list[Runs]:
        """Take the next slice, linked to that before; return what has become final, in order.

        Parameters
        ----------
        runs
            Of the ids of one slice, as `seamless_unet.link.continue_objects` returns them.

        Returns
        -------
        list
            Slices with ids that are 1 to n in the order of their first pixel.
        """
        slices = [runs]
        for stage in self._stages:
            slices = [done for runs in slices for done in stage.add(runs)]
        return [self._numbered(runs) for runs in slices]

    def rest(self) -> list[Runs]:
        """Return the slices that are left at the end of the stack."""
        slices: list[Runs] = []
        for stage in self._stages:
            slices = [done for runs in slices for done in stage.add(runs)] + stage.rest()
        return [self._numbered(runs) for runs in slices]

    def _numbered(self, runs: Runs) -> Runs:
        """Number objects on from those of the slices before."""
        (ids,) = runs.ids
        table = numbered(ids)
        there = np.flatnonzero(table)
        objects = there[np.argsort(table[there])].tolist()  # by their first pixel
        new = [number for number in objects if number not in self._given]
        given = self._given | {number: self._count + i for i, number in enumerate(new, 1)}
        self._count += len(new)
        self._given = {number: given[number] for number in objects}
        table[objects] = list(self._given.values())
        return dataclasses.replace(runs, ids=(table[ids],))
