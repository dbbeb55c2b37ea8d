"""Overlap-tile prediction (Fig. 2): the result does not depend on how the image was tiled."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.device import choose_device
from seamless_unet.geometry import Tile, tiles
from seamless_unet.lazy_array import LazyArray
from seamless_unet.model_file import Model
from seamless_unet.normalize import measure
from seamless_unet.out_of_memory import is_out_of_memory
from seamless_unet.tile_pass import PRECISIONS, TilePass, network_steps
from seamless_unet.tile_shape import choose_tile_shape, free_memory, stream_axis, streams
from seamless_unet.turned import TURNS
from seamless_unet.unet import UNet


@dataclass(frozen=True)
class Progress:
    """So many pieces of the work, tiles or slabs of them, out of so many are done."""

    done: int
    total: int


def predict(
    model: Model | UNet,
    image: NDArray,
    *,
    tile_shape: int | Sequence[int] | None = None,
    device: str | None = None,
    symmetries: bool = False,
    memory: int | None = None,
    precision: str = "float32",
) -> NDArray[np.floating]:
    """Return the class probabilities of an image of any size.

    Parameters
    ----------
    model
        A model, or a bare network, which gets the default `Normalization`.
    image
        (C, [Z,] Y, X), or ([Z,] Y, X) for a network of one channel; any integer or float dtype.
        Beyond its border it is continued by mirroring.
    tile_shape
        What a tile reads, in pixels, one number or one per axis, such as 572. ``None`` chooses
        from the memory budget. The result does not depend on it.
    device
        ``"cpu"``, ``"cuda"``, ``"mps"``, or ``"auto"``; ``None`` leaves the network where it is.
    symmetries
        Average over the 8 rotations and mirrorings in the plane (the paper averaged 7 rotations).
    memory
        Budget in bytes for what prediction adds besides the result; ``None`` takes a quarter of
        what is free, at most 1 GiB on a CPU. The smallest tile may need more, and so may a
        process that has taken more before.
    precision
        ``"float32"`` is exact. ``"bfloat16"`` and ``"float16"`` let PyTorch compute convolutions
        with 8 and 11 bits, which is faster where a unit for it is; probabilities then differ, from
        tile to tile too: by up to 0.03 and 0.004 with the bundled model on the bundled nuclei.

    Returns
    -------
    ndarray
        (K, [Z,] Y, X) float32 (float64 for a network in float64), K >= 2: a network with a
        single sigmoid output gives background and foreground.

    Raises
    ------
    ValueError
        If the image has the wrong number of axes or channels, or pixels that are no numbers, or the
        tile shape is not a legal size.
    """
    if isinstance(model, str | os.PathLike):
        raise TypeError(f"give a model instead of its name: load_model({str(model)!r})")
    network = model.network if isinstance(model, Model) else model
    image = np.asarray(image)
    spatial = with_channels(image, network.config).shape[1:]
    dtype = np.float64 if network.dtype == torch.float64 else np.float32
    out = np.empty((max(network.config.classes, 2), *spatial), dtype)
    for _ in predict_tiles(
        model,
        image,
        out,
        tile_shape=tile_shape,
        device=device,
        symmetries=symmetries,
        memory=memory,
        precision=precision,
    ):
        pass
    return out


def predict_tiles(
    model: Model | UNet,
    image: NDArray | LazyArray,
    out: NDArray,
    *,
    measured: tuple[NDArray, NDArray] | None = None,
    tile_shape: int | Sequence[int] | None = None,
    device: str | None = None,
    symmetries: bool = False,
    memory: int | None = None,
    precision: str = "float32",
) -> Iterator[Progress]:
    """Fill ``out`` piece by piece; stop iterating to cancel. See `predict` for the parameters.

    On a CPU a network with unpadded convolutions takes its tiles slab by slab (`Stream`). Where
    the device runs out of memory the tile is halved and the work goes on.

    Parameters
    ----------
    out
        (K, [Z,] Y, X) float, written in place.
    measured
        What `seamless_unet.normalize.measure` found, for an image that is part of a larger one.
    """
    network = model.network if isinstance(model, Model) else model
    normalization = model.info.normalization if isinstance(model, Model) else Normalization()
    network = network if device is None else network.to(choose_device(device))
    image = with_channels(image, network.config)
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} must be one of {', '.join(PRECISIONS)}")
    if memory is not None and memory < 1:
        raise ValueError(f"memory={memory} must be a number of bytes above 0")
    memory = memory or free_memory(network)
    offset, scale = measured or measure(image, normalization)
    turns = TURNS if symmetries else TURNS[:1]
    was_training = network.training
    network.eval()
    try:
        kind = PRECISIONS[precision]
        steps = network_steps(network, kind)
        way = TilePass(network, image, offset, scale, out, turns, memory, kind, steps)
        yield from _through(way, _cut(image.shape[1:], network, tile_shape, memory, symmetries))
    finally:
        network.train(was_training)


def _through(way: TilePass, pending: list[Tile]) -> Iterator[Progress]:
    """Write the tiles; where memory runs out, begin a tile again in smaller pieces."""
    limit = math.inf  # pixels that a tile may read, lowered where memory runs out
    done, total = 0, sum(map(way.slabs, pending))
    while pending:
        tile = pending[0]
        if math.prod(tile.read) >= limit and (halves := _halves(tile, way)):
            total += sum(map(way.slabs, halves)) - way.slabs(tile)
            pending[:1] = halves
            continue
        before = done
        try:
            for _ in way.write(tile):
                done += 1
                yield Progress(done, total)
        except RuntimeError as error:
            smaller = way.with_smaller_slabs(tile)
            if not is_out_of_memory(error) or not (smaller or _halves(tile, way)):
                raise
            torch.cuda.empty_cache()
            done = before
            if smaller:
                way, total = smaller, done + sum(map(smaller.slabs, pending))
            else:
                limit = math.prod(tile.read)
            continue
        del pending[0]


def with_channels(image: NDArray | LazyArray, config: UNetConfig) -> NDArray | LazyArray:
    """Return (C, [Z,] Y, X), checked against the network."""
    if image.ndim == config.ndim and config.in_channels == 1:
        image = image[np.newaxis]
    if image.ndim != config.ndim + 1:
        raise ValueError(
            f"a {config.ndim}-D network needs an image of {config.ndim} axes and one for its "
            f"{config.in_channels} channel(s), got shape {image.shape}"
        )
    if len(image) != config.in_channels:
        raise ValueError(
            f"the image has {len(image)} channel(s) but the model was trained on "
            f"{config.in_channels}: choose the same channels"
        )
    return image


def _cut(
    shape: tuple[int, ...],
    network: UNet,
    tile_shape: int | Sequence[int] | None,
    memory: int,
    symmetries: bool,
) -> list[Tile]:
    if tile_shape is None:
        tile_shape = choose_tile_shape(shape, network, memory=memory, symmetries=symmetries)
    sides = np.ravel(tile_shape).tolist()
    if len(sides) == 1:
        sides *= len(shape)
    if len(sides) != len(shape):
        raise ValueError(f"tile_shape {tuple(sides)} needs one number or {len(shape)}")
    return list(tiles(shape, sides, network.geometry))


def _halves(tile: Tile, way: TilePass) -> list[Tile]:
    """Cut a tile in two along its longest axis; nothing where it cannot be made smaller.

    A tile at the image's far border may read more than it needs, which is left away. One that is
    taken slab by slab gets narrower, not shorter.
    """
    geometry = way.network.geometry
    sizes = [b - a for a, b in zip(tile.start, tile.stop, strict=True)]
    needed = tuple(geometry.read_size(size) for size in sizes)
    kept = stream_axis(tile.read) if streams(way.network) else None
    axis = max((i for i in range(len(sizes)) if i != kept), key=lambda i: sizes[i])
    half = -(-sizes[axis] // 2 // geometry.step) * geometry.step or geometry.step
    if half >= sizes[axis]:
        return [] if needed == tile.read else [Tile(tile.start, tile.stop, needed)]
    middle = tile.start[axis] + half
    parts = [
        (tile.start, _replaced(tile.stop, axis, middle)),
        (_replaced(tile.start, axis, middle), tile.stop),
    ]
    read = _replaced(needed, axis, geometry.read_size(half))
    return [Tile(start, stop, read) for start, stop in parts]


def _replaced(values: tuple[int, ...], axis: int, value: int) -> tuple[int, ...]:
    return (*values[:axis], value, *values[axis + 1 :])
