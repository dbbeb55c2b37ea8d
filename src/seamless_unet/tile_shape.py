"""How large a tile may be, from a memory budget."""

from __future__ import annotations

import math
from collections.abc import Sequence

import psutil
import torch

from seamless_unet.geometry import Geometry
from seamless_unet.unet import UNet

# larger tiles than this no longer make the convolutions faster, smaller ones waste their halo
_LARGEST_WRITE = {2: 1024, 3: 160}


def choose_tile_shape(
    image_shape: Sequence[int], network: UNet, *, memory: int | None = None
) -> tuple[int, ...]:
    """Return the size of tiles, in pixels read, that fit a memory budget and cut evenly.

    Parameters
    ----------
    image_shape
        ([Z,] Y, X) in pixels.
    memory
        Budget in bytes, as in `predict`.
    """
    geometry = network.geometry
    pixels = (memory or _free_memory(network)) / _bytes_per_pixel(network)
    largest = _LARGEST_WRITE[network.config.ndim] // geometry.step
    steps = [min(-(-size // geometry.step), largest) for size in image_shape]  # written per axis
    while math.prod(_reads(steps, geometry)) > pixels and max(steps) > 1:
        steps[steps.index(max(steps))] -= 1
    even = []
    for size, count in zip(image_shape, steps, strict=True):
        pieces = math.ceil(size / (count * geometry.step))
        even.append(math.ceil(size / pieces / geometry.step))
    return _reads(even, geometry)


def _reads(steps: Sequence[int], geometry: Geometry) -> tuple[int, ...]:
    return tuple(geometry.read_size(count * geometry.step) for count in steps)


def _bytes_per_pixel(network: UNet) -> int:
    # at the finest level: skip, upsampled, both concatenated (2), convolved (2), its work space (2)
    itemsize = torch.finfo(network.dtype).bits // 8
    return 8 * network.config.base_channels * itemsize


def _free_memory(network: UNet) -> int:
    device = network.device
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * 0.6)
    return min(psutil.virtual_memory().available // 4, 2**30)
