"""Overlap-tile prediction (Fig. 2): the result does not depend on how the image was tiled."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.geometry import Geometry, Tile, mirrored, tiles
from seamless_unet.model_file import Model
from seamless_unet.normalize import measure
from seamless_unet.tile_shape import choose_tile_shape
from seamless_unet.unet import UNet


@dataclass(frozen=True)
class Progress:
    """So many tiles of so many are done."""

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
        Such as ``"cuda"``; ``None`` leaves the network where it is.
    symmetries
        Average over the 8 rotations and mirrorings in the plane (the paper averaged 7 rotations).
    memory
        Budget in bytes for the network's intermediate results; ``None`` takes a quarter of what
        is free, at most 1 GiB on a CPU.

    Returns
    -------
    ndarray
        (K, [Z,] Y, X) float32 (float64 for a network in float64), K >= 2: a network with a
        single sigmoid output gives background and foreground.

    Raises
    ------
    ValueError
        If the image has the wrong number of axes or channels, or NaN or infinite values, or the
        tile shape is not a legal size.
    """
    network = model.network if isinstance(model, Model) else model
    spatial = _with_channels(image, network.config).shape[1:]
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
    ):
        pass
    return out


def predict_tiles(
    model: Model | UNet,
    image: NDArray,
    out: NDArray,
    *,
    tile_shape: int | Sequence[int] | None = None,
    device: str | None = None,
    symmetries: bool = False,
    memory: int | None = None,
) -> Iterator[Progress]:
    """Fill ``out`` tile by tile; stop iterating to cancel. See `predict` for the parameters.

    Where the device runs out of memory the tile is halved and the work goes on.

    Parameters
    ----------
    out
        (K, [Z,] Y, X) float, written in place.
    """
    network = model.network if isinstance(model, Model) else model
    normalization = model.info.normalization if isinstance(model, Model) else Normalization()
    network = network.to(device)
    image = _with_channels(image, network.config)
    offset, scale = measure(image, normalization)
    pending = _cut(image.shape[1:], network, tile_shape, memory)
    limit = math.inf  # pixels that a tile may read, lowered where memory runs out
    done = 0
    was_training = network.training
    network.eval()
    try:
        while pending:
            tile = pending[0]
            if math.prod(tile.read) >= limit and (halves := _halves(tile, network.geometry)):
                pending[:1] = halves
                continue
            piece = (_read(image, tile, network.geometry) - offset) / scale
            try:
                probabilities = _tile_probabilities(network, piece, symmetries)
            except RuntimeError as error:
                if not _out_of_memory(error) or not _halves(tile, network.geometry):
                    raise
                limit = math.prod(tile.read)
                torch.cuda.empty_cache()
                continue
            inside = _inside(tile, network.geometry)
            out[(slice(None), *tile.write)] = probabilities[(slice(None), *inside)]
            del pending[0]
            done += 1
            yield Progress(done, done + len(pending))
    finally:
        network.train(was_training)


def _with_channels(image: NDArray, config: UNetConfig) -> NDArray:
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
    memory: int | None,
) -> list[Tile]:
    if tile_shape is None:
        tile_shape = choose_tile_shape(shape, network, memory=memory)
    elif isinstance(tile_shape, int):
        tile_shape = (tile_shape,) * len(shape)
    if len(tile_shape) != len(shape):
        raise ValueError(f"tile_shape {tuple(tile_shape)} needs one number or {len(shape)}")
    return list(tiles(shape, tile_shape, network.geometry))


def _halves(tile: Tile, geometry: Geometry) -> list[Tile]:
    """Cut a tile in two along its longest axis; nothing where it cannot be made smaller.

    A tile at the image's far border may read more than it needs, which is left away.
    """
    sizes = [b - a for a, b in zip(tile.start, tile.stop, strict=True)]
    needed = tuple(geometry.read_size(size) for size in sizes)
    axis = sizes.index(max(sizes))
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


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _read(image: NDArray, tile: Tile, geometry: Geometry) -> NDArray:
    """Return what a tile reads, (C, *tile.read), mirrored beyond the image's border."""
    axes = zip(tile.start, tile.read, image.shape[1:], strict=True)
    indices = [
        np.array(mirrored(start - geometry.near, start - geometry.near + read, size))
        for start, read, size in axes
    ]
    # a view of the part inside the image first: memory-mapped images are read once, in order
    lows = [int(index.min()) for index in indices]
    part = image[
        (slice(None), *(slice(a, i.max() + 1) for a, i in zip(lows, indices, strict=True)))
    ]
    inner = [index - low for low, index in zip(lows, indices, strict=True)]
    return np.asarray(part)[np.ix_(np.arange(len(image)), *inner)]


def _inside(tile: Tile, geometry: Geometry) -> tuple[slice, ...]:
    """Where in the network's output of a tile the written pixels are."""
    start = 0 if geometry.valid else geometry.near
    sizes = zip(tile.start, tile.stop, strict=True)
    return tuple(slice(start, start + b - a) for a, b in sizes)


def _tile_probabilities(network: UNet, piece: NDArray, symmetries: bool) -> NDArray:
    """Return the probabilities (K, *out) of one tile that was read and normalized."""
    image = torch.from_numpy(piece).to(network.device, network.dtype)[None]  # (1, C, [Z,] Y, X)
    variants = list(product(range(4), (False, True))) if symmetries else [(0, False)]
    total: Tensor | None = None
    # TF32 would round to 10 bits, a hundred times the difference that tiles may make
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)
    with torch.inference_mode(), exact:
        for turns, flip in variants:
            logits = network(_turned(image, turns, flip))
            probabilities = _turned_back(_probabilities(logits), turns, flip)
            total = probabilities if total is None else total + probabilities
    assert total is not None
    return (total[0] / len(variants)).cpu().numpy()


def _probabilities(logits: Tensor) -> Tensor:
    """Return the softmax over channels, (1, K, ...); a single logit stands against 0.

    Written out because torch's own softmax and sigmoid round differently at the ends of a row,
    which would let tiles differ in their last bit.
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    parts = (logits - logits.amax(dim=1, keepdim=True)).exp().unbind(dim=1)
    total = sum(parts[1:], start=parts[0])
    return torch.stack([part / total for part in parts], dim=1)


def _turned(x: Tensor, turns: int, flip: bool) -> Tensor:
    x = torch.rot90(x, turns, dims=(-2, -1))
    return x.flip(-1) if flip else x


def _turned_back(x: Tensor, turns: int, flip: bool) -> Tensor:
    return torch.rot90(x.flip(-1) if flip else x, -turns, dims=(-2, -1))
