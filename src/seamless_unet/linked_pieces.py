"""Pieces of an image one after the other, linked through slices and frames, and counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seamless_unet.link import continue_objects
from seamless_unet.pieces import Piece, Predicted
from seamless_unet.runs import Runs, find_runs
from seamless_unet.stack_refinement import StackRefinement

if TYPE_CHECKING:
    from seamless_unet.predict import Progress


def linked(
    items: Iterator[Progress | Predicted | Piece], chain: int, group: int
) -> Iterator[Progress | Predicted | Piece]:
    """Link pieces, ``group`` of them at a time, as long as the first ``chain`` of index stays."""
    before: list[Runs] = []
    now: list[tuple[tuple[int, ...], Runs]] = []
    count, link = 0, None
    for item in items:
        if not isinstance(item, Piece):
            yield item
            continue
        if item.index[:chain] != link:
            before, count, link = [], 0, item.index[:chain]
        now.append((item.index, find_runs(item.labels)))
        if len(now) == group:
            before, count = continue_objects(before, [runs for _, runs in now], count)
            for (index, _), runs in zip(now, before, strict=True):
                yield Piece(index, runs.painted(*runs.ids), None)
            now = []


def refined(
    items: Iterator[Progress | Predicted | Piece], slices: int, *, divide: bool
) -> Iterator[Progress | Predicted | Piece]:
    """Refine stacks of so many linked slices by `StackRefinement`, which holds some back."""
    refinement = StackRefinement(divide=divide)
    indices: deque[tuple[int, ...]] = deque()
    count = 0
    for item in items:
        if not isinstance(item, Piece):
            yield item
            continue
        indices.append(item.index)
        final = refinement.add(find_runs(item.labels))
        count += 1
        if count == slices:
            final += refinement.rest()
            refinement, count = StackRefinement(divide=divide), 0
        for runs in final:
            yield Piece(indices.popleft(), runs.painted(*runs.ids), None)


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
