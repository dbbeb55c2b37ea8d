"""What a network sees on its way: the maps of any level, and where they lie on the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seamless_unet.geometry import Geometry, mirrored
from seamless_unet.model_file import Model
from seamless_unet.normalize import measure
from seamless_unet.predict import with_channels


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """The maps of one level of a network over a part of an image.

    Parameters
    ----------
    maps
        (F, [Z,] Y, X) float32, after the level's last ReLU.
    offset
        ([Z,] Y, X) where the center of their first pixel lies, in pixels of the image.
    scale
        How many pixels of the image one of theirs spans along every axis.
    """

    maps: NDArray[np.float32]
    offset: tuple[float, ...]
    scale: int


def feature_maps(
    model: Model,
    image: NDArray,
    level: int,
    *,
    region: Sequence[slice] | None = None,
    measured: tuple[NDArray, NDArray] | None = None,
    device: str | None = None,
) -> FeatureMaps:
    """Return the maps that prediction computes on its way at one level.

    Parameters
    ----------
    model
        Whose network has a depth D.
    image
        (C, [Z,] Y, X), or ([Z,] Y, X) for a network of one channel: a whole image, by which grey
        values are normalized and which is continued by mirroring.
    level
        0 is the first on the way down, D the deepest, 2 D the last on the way up.
    region
        Part of the image to look at, one slice with start and stop per spatial axis; ``None``
        takes all of it. Maps have the pixels whose centers lie in it.
    measured
        What `seamless_unet.normalize.measure` found, for an image that is part of a larger one.
    device
        Such as ``"cuda"``; ``None`` leaves the network where it is.

    Raises
    ------
    ValueError
        If there is no such level, or the image does not fit the network.
    """
    network = model.network.to(device)
    depth, geometry = network.config.depth, network.geometry
    if not 0 <= level <= 2 * depth:
        raise ValueError(f"level={level} must be between 0 and {2 * depth}, twice the depth")
    image = np.asarray(with_channels(image, network.config))
    sides = [slice(0, size) for size in image.shape[1:]] if region is None else list(region)
    first = [side.start // geometry.step * geometry.step for side in sides]  # as tiles begin
    read = []
    for start, side, size in zip(first, sides, image.shape[1:], strict=True):
        near = start - geometry.near
        read.append(mirrored(near, near + geometry.read_size(side.stop - start), size))
    offset, scale = measured or measure(image, model.info.normalization)
    piece = (image[np.ix_(range(len(image)), *read)] - offset) / scale
    maps = _maps(model, torch.from_numpy(piece), level)
    size = 2 ** min(level, 2 * depth - level)
    begin = _first_edge(geometry, level) - geometry.near
    kept, corner = [slice(None)], []
    for start, side, count in zip(first, sides, maps.shape[1:], strict=True):
        centers = start + begin + size * (np.arange(count) + 0.5) - 0.5
        inside = np.flatnonzero((centers > side.start - 0.5) & (centers <= side.stop - 0.5))
        if not len(inside):  # a pixel of the map is larger than the region: the one that covers it
            middle = (side.start + side.stop - 1) / 2
            inside = np.abs(centers - middle).argmin(keepdims=True)
        kept.append(slice(inside[0], inside[-1] + 1))
        corner.append(float(centers[inside[0]]))
    return FeatureMaps(maps[tuple(kept)], tuple(corner), size)


def _maps(model: Model, piece: Tensor, level: int) -> NDArray[np.float32]:
    """Return all of a level's maps, (F, [Z,] Y, X)."""
    network, taken = model.network, []
    depth = network.config.depth
    module = network.encoders[level] if level <= depth else network.decoders[2 * depth - level]
    hook = module.register_forward_hook(lambda _module, _inputs, output: taken.append(output))
    try:
        with torch.inference_mode():
            network.eval()(piece.to(network.device, network.dtype)[None])
    finally:
        hook.remove()
    return taken[0][0].float().cpu().numpy()


def _first_edge(geometry: Geometry, level: int) -> int:
    """Return where in the input the first pixel of a level's maps begins, counted in its pixels.

    Each unpadded convolution takes a pixel of its level away, and so does linear upsampling.
    """
    if not geometry.valid:
        return 0
    down = range(min(level, geometry.depth) + 1)
    up = range(2 * geometry.depth - level, geometry.depth)
    return sum(2 * 2**i for i in down) + sum((2 + geometry.linear) * 2**i for i in up)
