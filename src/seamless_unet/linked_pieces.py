"""Pieces of an image one after the other, linked through slices and frames, and counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seamless_unet.depth_necks import DepthNecks
from seamless_unet.link import continue_objects
from seamless_unet.pieces import Piece, Predicted
from seamless_unet.runs import Runs, find_runs

if TYPE_CHECKING:
    from seamless_unet.predict import Progress


def linked(
    items: Iterator[Progress | Predicted | Piece], chain: int, group: int, *, necks: bool = False
) -> Iterator[Progress | Predicted | Piece]:
    """Link pieces, ``group`` of them at a time, as long as the first ``chain`` of index stays.

    With ``necks`` single slices are linked and divided at those, see
    `seamless_unet.depth_necks.DepthNecks`; they come some slices later.
    """
    link = None
    stack = _Stack(group, necks)
    for item in items:
        if not isinstance(item, Piece):
            yield item
            continue
        if item.index[:chain] != link:
            yield from stack.rest()
            stack, link = _Stack(group, necks), item.index[:chain]
        yield from stack.add(item)
    yield from stack.rest()


class _Stack:
    """Pieces of which each group is linked to the one before."""

    def __init__(self, group: int, necks: bool) -> None:
        self._group = group
        self._necks = DepthNecks() if necks else None
        self._waiting: deque[tuple[int, ...]] = deque()
        self._before: list[Runs] = []
        self._now: list[Runs] = []
        self._count = 0

    def add(self, piece: Piece) -> Iterator[Piece]:
        self._waiting.append(piece.index)
        self._now.append(find_runs(piece.labels))
        if len(self._now) == self._group:
            self._before, self._count = continue_objects(self._before, self._now, self._count)
            self._now = []
            for runs in self._before:
                yield from self._final(self._necks.add(runs) if self._necks else [runs])

    def rest(self) -> Iterator[Piece]:
        yield from self._final(self._necks.rest() if self._necks else [])

    def _final(self, done: list[Runs]) -> Iterator[Piece]:
        for runs in done:
            yield Piece(self._waiting.popleft(), runs.painted(*runs.ids), None)


def counted(
    items: Iterator[Progress | Predicted | Piece], chain: int
) -> Iterator[Progress | Predicted | Piece]:
    """Say how many objects there are so far: ids go on as long as the first of the index stays."""
    earlier, highest, link = 0, 0, None
    for item in items:
        if isinstance(item, Piece):
            if item.index[:chain] != link:
                earlier, highest, link = earlier + highest, 0, item.index[:chain]
            highest = max(highest, int(item.labels.max()))
            item = Piece(item.index, item.labels, earlier + highest)
        yield item
