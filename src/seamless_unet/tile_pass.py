"""A tile's way through the network: read, predicted slab by slab, and written."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seamless_unet.geometry import Tile
from seamless_unet.lazy_array import LazyArray
from seamless_unet.packed import Steps, can_pack, packed_steps, plain_steps
from seamless_unet.sixteen_bit import sixteen_bit_steps
from seamless_unet.stream import Stream
from seamless_unet.tile_shape import slab_rows, stream_axis, streams
from seamless_unet.turned import Span, Turn, spans
from seamless_unet.unet import UNet

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class TilePass:
    """How the tiles of one image go through a network.

    Parameters
    ----------
    network
        In evaluation mode, where it computes.
    image
        (C, [Z,] Y, X), any integer or float dtype.
    offset, scale
        See `seamless_unet.normalize.measure`.
    out
        (K, [Z,] Y, X) float: the probabilities, written in place.
    turns
        Those to average over.
    memory, precision
        See `seamless_unet.predict.predict`.
    steps
        See `network_steps`.
    most_rows
        Of a slab.
    """

    network: UNet
    image: NDArray | LazyArray
    offset: NDArray
    scale: NDArray
    out: NDArray
    turns: Sequence[Turn]
    memory: int
    precision: torch.dtype
    steps: Steps | None
    most_rows: float = math.inf

    def slabs(self, tile: Tile) -> int:
        """Return how many slabs a tile takes."""
        count = 0
        for turn in self.turns:
            reads, axis = self._reads(self._spans(tile, turn))
            count += -(-reads[axis] // self._rows(reads, axis))
        return count

    def write(self, tile: Tile) -> Iterator[None]:
        """Fill the tile's part of ``out``, slab by slab."""
        for turn in self.turns:
            around = self._spans(tile, turn)
            reads, axis = self._reads(around)
            rows = self._rows(reads, axis)
            push = self._network(axis)
            indices = [span.indices() for span in around]
            done = 0  # rows of the output
            for start in range(0, reads[axis], rows):
                of_slab = list(indices)
                of_slab[axis] = indices[axis][start : start + rows]
                probabilities = self._probabilities(push, _taken(self.image, turn, of_slab))
                if probabilities is not None:
                    first = turn is self.turns[0]
                    _put(turn.of(self.out), probabilities, around, axis, done, add=not first)
                    done += probabilities.shape[1 + axis]
                yield

    def with_smaller_slabs(self, tile: Tile) -> TilePass | None:
        """Return the same with slabs of half the rows that this tile has, if that is possible."""
        rows = self._rows(tile.read, stream_axis(tile.read))
        if not streams(self.network) or rows <= self.network.geometry.step:
            return None
        return dataclasses.replace(self, most_rows=rows // 2)

    def _spans(self, tile: Tile, turn: Turn) -> list[Span]:
        return spans(tile, self.image.shape[1:], self.network.geometry, turn)

    @staticmethod
    def _reads(around: Sequence[Span]) -> tuple[tuple[int, ...], int]:
        """Return what is read, and the axis along which slabs follow each other."""
        reads = tuple(span.read for span in around)
        return reads, stream_axis(reads)

    def _rows(self, read: Sequence[int], axis: int) -> int:
        if not streams(self.network):
            return read[axis]
        rows = slab_rows(read, axis, self.network, memory=self.memory)
        return int(min(rows, self.most_rows))

    def _network(self, axis: int) -> Callable[[Tensor], Tensor | None]:
        if self.steps is None:
            return self.network
        return Stream(self.network, self.steps, axis + 2).push

    def _probabilities(
        self, push: Callable[[Tensor], Tensor | None], piece: NDArray
    ) -> NDArray | None:
        """Return the share of one turn, (K, [Z,] Y, X), for as many rows as are complete."""
        network = self.network
        grey = (piece - self.offset) / self.scale
        x = torch.from_numpy(grey.astype(np.float64, copy=False))  # of long doubles, too
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            # TF32 would round to 10 bits, a hundred times the difference that tiles may make
            flags = torch.backends.cudnn.flags
            stack.enter_context(flags(enabled=True, benchmark=False, allow_tf32=False))
            if self.precision != torch.float32:
                stack.enter_context(torch.autocast(network.device.type, self.precision))
            logits = push(x.to(network.device, network.dtype)[None])  # (1, C, [Z,] Y, X)
            if logits is None:
                return None
            part = probabilities(logits.to(network.dtype))[0] / len(self.turns)
            return part.cpu().numpy()


def network_steps(network: UNet, precision: torch.dtype) -> Steps | None:
    """Return what a network does to slabs or tiles; ``None`` where it is called as it is."""
    if network.device.type == "cuda" and network.geometry.valid and precision != torch.float32:
        return sixteen_bit_steps(network, precision)
    if not streams(network):
        return None
    packed = precision == torch.float32 and can_pack(network)
    return packed_steps(network) if packed else plain_steps(network)


def probabilities(logits: Tensor) -> Tensor:
    """Return the softmax over channels, (N, K, ...); a single logit stands against 0.

    Written out because torch's own softmax and sigmoid round differently at the ends of a row,
    which would let tiles differ in their last bit.
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    parts = (logits - logits.amax(dim=1, keepdim=True)).exp().unbind(dim=1)
    total = sum(parts[1:], start=parts[0])
    return torch.stack([part / total for part in parts], dim=1)


def _taken(image: NDArray | LazyArray, turn: Turn, indices: Sequence[NDArray[np.intp]]) -> NDArray:
    """Return (C, *len(indices)), the pixels of the turned image where the indices cross."""
    here = turn.indices_before(indices, image.shape)
    # a view of the part inside the image first: memory-mapped images are read once, in order
    lows = [int(index.min()) for index in here]
    box = tuple(slice(low, int(i.max()) + 1) for low, i in zip(lows, here, strict=True))
    part = np.asarray(image[(slice(None), *box)])
    inner = [index - low for low, index in zip(lows, here, strict=True)]
    for axis, index in enumerate(inner, 1):
        part = part.take(index, axis)
    return part.swapaxes(-2, -1) if turn.transposed else part


def _put(
    out: NDArray, rows: NDArray, around: Sequence[Span], axis: int, done: int, *, add: bool
) -> None:
    """Write the rows that come after ``done`` of a tile's output as far as they are wanted."""
    to, of = [slice(None)], [slice(None)]
    for number, span in enumerate(around):
        begin = done if number == axis else 0
        end = begin + rows.shape[1 + number]
        low = max(begin, span.skip)
        high = max(low, min(end, span.skip + span.stop - span.start))
        shift = span.start - span.skip
        to.append(slice(low + shift, high + shift))
        of.append(slice(low - begin, high - begin))
    if add:
        out[tuple(to)] += rows[tuple(of)]
    else:
        out[tuple(to)] = rows[tuple(of)]
