"""How large tiles and slabs may be, from a memory budget."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import psutil
import torch

from seamless_unet.geometry import Geometry
from seamless_unet.unet import UNet

# larger tiles than this no longer make the convolutions faster, smaller ones waste their halo
_LARGEST_WRITE = {2: 1024, 3: 160}
# pixels of a slab: fewer leave the lowest levels too little to do, more only take memory
_SLAB_PIXELS = 150_000
# and bytes of one result at the finest level: beyond 32 MB the C library of Linux gives memory
# back to the system after every convolution, which costs a tenth of the time
_SLAB_BYTES = 20_000_000
# intermediate results at the finest level at once, measured; padding copies what it is put around.
# Those of a slab are no more, but the C library keeps what was freed between them
_TENSORS = {"tile": 8, "padded": 13, "slab": 22, "double slab": 28}
# bytes of a pixel and channel that are normalized, in double precision; and how many times
# probabilities are there before they are written
_GREY, _PROBABILITIES = 28, 6
# bytes that the C library keeps between tiles
_KEPT = {"tile": 20_000_000, "double tile": 150_000_000}


def streams(network: UNet) -> bool:
    """Whether tiles go through the network slab by slab: unpadded, on a CPU."""
    return network.geometry.valid and network.device.type == "cpu"


def stream_axis(size: Sequence[int]) -> int:
    """Return the axis along which slabs follow each other, the longest."""
    return max(range(len(size)), key=lambda axis: size[axis])


def choose_tile_shape(
    image_shape: Sequence[int],
    network: UNet,
    *,
    memory: int | None = None,
    symmetries: bool = False,
) -> tuple[int, ...]:
    """Return the size of tiles, in pixels read, that fit a memory budget and cut evenly.

    A tile that goes through the network slab by slab is as long as the image.

    Parameters
    ----------
    image_shape
        ([Z,] Y, X) in pixels.
    memory
        Budget in bytes, as in `predict`.
    symmetries
        Whether they are turned, too, which then read up to a step more (`Span.reversed`).
    """
    geometry = network.geometry
    budget = memory or free_memory(network)
    steps = [-(-size // geometry.step) for size in image_shape]  # written per axis
    cut = list(range(len(steps)))
    if streams(network):
        axis = stream_axis(image_shape)
        cut.remove(axis)
        needed = functools.partial(_slab_bytes, network, axis, geometry.step)
    else:
        largest = _LARGEST_WRITE[network.config.ndim] // geometry.step
        steps = [min(count, largest) for count in steps]
        needed = functools.partial(_tile_bytes, network)
    turned = [0] * (len(steps) - 2) + [int(symmetries)] * 2

    def too_large() -> bool:
        read = _reads([count + more for count, more in zip(steps, turned, strict=True)], geometry)
        return needed(read) > budget

    while max(steps[i] for i in cut) > 1 and too_large():
        steps[max(cut, key=lambda i: steps[i])] -= 1
    even = []
    for size, count in zip(image_shape, steps, strict=True):
        pieces = math.ceil(size / (count * geometry.step))
        even.append(math.ceil(size / pieces / geometry.step))
    return _reads(even, geometry)


def slab_rows(read: Sequence[int], axis: int, network: UNet, *, memory: int | None = None) -> int:
    """Return how many rows of a tile that reads so much go through the network at a time.

    Parameters
    ----------
    read
        ([Z,] Y, X) in pixels.
    axis
        Along which the rows are counted.
    memory
        Budget in bytes, as in `predict`.
    """
    budget = memory or free_memory(network)
    step = network.geometry.step
    pixels = min(_SLAB_PIXELS, _SLAB_BYTES / _pixel_bytes(network))
    rows = max(round(pixels * read[axis] / math.prod(read) / step), 1) * step
    while rows > step and _slab_bytes(network, axis, rows, read) > budget:
        rows -= step
    return min(rows, read[axis])


def _reads(steps: Sequence[int], geometry: Geometry) -> tuple[int, ...]:
    return tuple(geometry.read_size(count * geometry.step) for count in steps)


def _tile_bytes(network: UNet, read: Sequence[int]) -> int:
    """Return the memory of a whole tile.

    Skip, upsampled, both concatenated (2), convolved (2), its work space (2).
    """
    tensors = _TENSORS["tile" if network.geometry.valid else "padded"]
    if _unrolls(network):  # both concatenated, once for each weight of a filter
        tensors += 2 * 3 ** len(read)
    kept = _KEPT["double tile" if _unrolls(network) else "tile"] + 2 * _weight_bytes(network)
    return (tensors * _pixel_bytes(network) + _end_bytes(network)) * math.prod(read) + kept


def _slab_bytes(network: UNet, axis: int, rows: int, read: Sequence[int]) -> int:
    """Return the memory of a slab, of the skips that wait meanwhile, and of packed weights.

    Weights count twice: what those packed for the first slab leave is not all used again, and
    those that `seamless_unet.winograd` transforms are nearly twice as large.
    """
    geometry, depth = network.geometry, network.config.depth
    # a level has half the rows and twice the channels, and half of every other axis
    shrinks = 2 ** (len(read) - 2)
    waiting = sum(geometry.skip_crop(level) // shrinks**level for level in range(depth))
    row, pixel = math.prod(read) // read[axis], _pixel_bytes(network)
    tensors = _TENSORS["double slab" if _unrolls(network) else "slab"]
    finest = (tensors * rows + waiting) * pixel + rows * _end_bytes(network)
    return finest * row + 2 * _weight_bytes(network)


def _unrolls(network: UNet) -> bool:
    """Whether PyTorch's convolutions write out what each weight of their filters is to see."""
    return network.dtype == torch.float64 and network.device.type == "cpu"


def _weight_bytes(network: UNet) -> int:
    return sum(each.numel() * each.element_size() for each in network.parameters())


def _pixel_bytes(network: UNet) -> int:
    return network.config.base_channels * _number_bytes(network)


def _end_bytes(network: UNet) -> int:
    """Return the memory of a pixel before the first convolution and after the last one."""
    config = network.config
    after = _PROBABILITIES * max(config.classes, 2) * _number_bytes(network)
    return _GREY * config.in_channels + after


def _number_bytes(network: UNet) -> int:
    return torch.finfo(network.dtype).bits // 8


def free_memory(network: UNet) -> int:
    """Return the budget where none is given, in bytes."""
    device = network.device
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] * 0.6)
    return min(psutil.virtual_memory().available // 4, 2**30)
