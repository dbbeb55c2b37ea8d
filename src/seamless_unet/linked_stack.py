"""Slices of a stack that were linked, one after the other, and what they say about each other."""

from __future__ import annotations

import dataclasses

from seamless_unet.runs import Runs, numbered
from seamless_unet.splinters import Splinters
from seamless_unet.z_necks import ZNecks


class LinkedStack:
    """Puts the objects of a stack right, slice by slice, as `ZNecks` and `Splinters` do.

    A slice is final after the eight that follow it, so that a stack may be of any length.

    Parameters
    ----------
    divide
        Whether to divide at necks; splinters are joined anyway.
    """

    def __init__(self, *, divide: bool) -> None:
        self._stages: list[Splinters | ZNecks] = [Splinters()]
        if divide:
            self._stages.append(ZNecks())
        self._given: dict[int, int] = {}  # the final id of each

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
        objects = table.argsort()[
            (table == 0).sum() :
        ].tolist()  # in the order of their first pixel
        for number in objects:
            self._given.setdefault(number, len(self._given) + 1)
        table[objects] = [self._given[number] for number in objects]
        return dataclasses.replace(runs, ids=(table[ids],))
