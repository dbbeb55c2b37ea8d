"""Measure exact prediction against plain PyTorch, blended sliding windows and the limit.

One line of JSON per row; needs ``pip install monai`` beside the package::

    python benchmarks/speed/predict.py ROW... [--repeats 3] [--size 2048] [--base 64]

===========  =====================================================================================
image        one square image: we, with and without Winograd's convolutions where they are taken,
             the paper's tiles of 572 and the whole image in plain PyTorch, MONAI's sliding window
             (gaussian, overlap 0.25 and 0.5) with a padded network of the same widths, the
             half-overlapping gaussian tiles of nnU-Net, and a matrix product, from which the limit
             follows: the work of one pass at that rate
volume       64 x 512 x 512, depth 3: we, exact tiles in plain PyTorch, MONAI with overlap 0.25
size         squares of 1024 to 8192 pixels: does the time per pixel stay the same?
memory       budgets from 100 MB to 1 GB, each in a process of its own: are they respected, and
             what do they cost?
precision    float32 against bfloat16 and float16, and how far these are off
===========  =====================================================================================
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from unittest import mock

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from networks import drawn, network, work
from numpy.typing import NDArray
from side_by_side import Measured, emit, side_by_side

from seamless_unet import packed
from seamless_unet.predict import predict
from seamless_unet.unet import UNet
from seamless_unet.winograd import winograd_is_faster

_ROI = {2: 512, 3: 128}  # of the sliding windows
_MATRICES = torch.rand(4096, 1024), torch.rand(1024, 1024)
_PRODUCTS = 20
_BUDGETS = [100, 200, 400, 1000]  # MB


def padded(net: UNet) -> UNet:
    """Return a network of the same widths whose convolutions are padded."""
    config = net.config
    return network(config.base_channels, ndim=config.ndim, depth=config.depth, padding="same")


def _mirrored(net: UNet, image: NDArray, far: int = 0) -> torch.Tensor:
    """Return (1, 1, [Z,] Y, X) with the halo, and ``far`` pixels more at the far ends."""
    reads = [net.geometry.read_size(size) for size in image.shape]
    near = net.geometry.near
    pads = [(near, r - near - n + far) for r, n in zip(reads, image.shape, strict=True)]
    return torch.from_numpy(np.pad(image, pads, mode="reflect"))[None, None]


def without_winograd(net: UNet, image: NDArray) -> None:
    """All convolutions with packed weights."""
    with mock.patch.object(packed, "winograd_is_faster", return_value=False):
        predict(net, image)


@torch.inference_mode()
def whole(net: UNet, image: NDArray) -> None:
    """One plain forward pass."""
    net(_mirrored(net, image)).softmax(dim=1).numpy()


@torch.inference_mode()
def plain_tiles(net: UNet, image: NDArray, read: int) -> None:
    """Tiles edge to edge, the paper's way: 572 pixels read, 388 written."""
    write = net.geometry.output_size(read)
    out = np.empty((2, *image.shape), np.float32)
    mirrored = _mirrored(net, image, far=write)
    for start in product(*(range(0, size, write) for size in image.shape)):
        piece = mirrored[(..., *(slice(a, a + read) for a in start))]
        window = tuple(slice(a, a + write) for a in start)
        target = out[(slice(None), *window)]
        inside = tuple(slice(0, size) for size in target.shape[1:])
        target[:] = net(piece).softmax(dim=1)[0].numpy()[(slice(None), *inside)]


@torch.inference_mode()
def monai_window(net: UNet, image: NDArray, overlap: float) -> None:
    """MONAI's sliding window, gaussian weights."""
    roi = tuple(min(size, _ROI[image.ndim]) for size in image.shape)
    x = torch.from_numpy(image)[None, None]
    sliding_window_inference(x, roi, 1, net, overlap, mode="gaussian").softmax(dim=1).numpy()


@torch.inference_mode()
def half_overlapping(net: UNet, image: NDArray) -> None:
    """What nnU-Net does without mirroring: steps of half a tile, gaussian weights."""
    size = _ROI[image.ndim]
    x = torch.from_numpy(image)[None, None]
    line = torch.exp(-0.5 * ((torch.arange(size) - (size - 1) / 2) / (size / 8)) ** 2)
    weight = functools.reduce(torch.multiply, torch.meshgrid(*[line] * image.ndim, indexing="ij"))
    total, weights = torch.zeros(1, 2, *image.shape), torch.zeros(image.shape)
    starts = [
        np.linspace(0, n - size, 1 + math.ceil((n - size) / (size / 2))).round().astype(int)
        for n in image.shape
    ]
    for start in product(*starts):
        window = tuple(slice(int(a), int(a) + size) for a in start)
        total[(..., *window)] += net(x[(..., *window)]) * weight
        weights[window] += weight
    (total / weights).softmax(dim=1).numpy()


def multiply() -> None:
    """So many products of 4096 x 1024 by 1024 x 1024."""
    for _ in range(_PRODUCTS):
        torch.mm(*_MATRICES)


def limit(measured: dict[str, Measured], operations: float) -> dict[str, float]:
    """Return what the useful work takes at the rate of a matrix product, and how near we are."""
    rate = 2 * 4096 * 1024 * 1024 * _PRODUCTS / measured["matrix product"].median
    seconds = operations / rate
    ours = measured["seamless"].median
    return {"GFLOPs": rate / 1e9, "limit_seconds": seconds, "ours / limit": ours / seconds}


def others_over_ours(measured: dict[str, Measured]) -> dict[str, float]:
    """Return how many times our seconds the others take."""
    ours = measured["seamless"].median
    left_out = ("seamless", "without Winograd", "matrix product")
    return {name: m.median / ours for name, m in measured.items() if name not in left_out}


def image_row(args: argparse.Namespace) -> None:
    net, image = network(args.base), drawn(args.size, args.size)
    other = padded(net)
    ways: dict[str, Callable[[], object]] = {
        "seamless": lambda: predict(net, image),
        "without Winograd": lambda: without_winograd(net, image),
        "matrix product": multiply,
        "paper tiles 572": lambda: plain_tiles(net, image, 572),
        "whole image": lambda: whole(net, image),
        "MONAI 0.25": lambda: monai_window(other, image, 0.25),
        "MONAI 0.5": lambda: monai_window(other, image, 0.5),
        "nnU-Net style": lambda: half_overlapping(other, image),
    }
    if not winograd_is_faster(torch.empty(16 * args.base, 16 * args.base, 1, 1)):  # the widest
        del ways["without Winograd"]
    ways = {name: way for name, way in ways.items() if name not in args.leave_out}
    measured = side_by_side(ways, args.repeats, warm_up=args.base < 64)
    about = {"size": args.size, "base": args.base, "others / ours": others_over_ours(measured)}
    emit("image", measured, **about, **limit(measured, work(net, image.shape)))


def volume_row(args: argparse.Namespace) -> None:
    net, image = network(16, ndim=3, depth=3), drawn(64, 512, 512)
    other = padded(net)
    read = net.geometry.read_size(48)
    ways: dict[str, Callable[[], object]] = {
        "seamless": lambda: predict(net, image),
        "matrix product": multiply,
        f"plain tiles {read}": lambda: plain_tiles(net, image, read),
        "MONAI 0.25": lambda: monai_window(other, image, 0.25),
    }
    measured = side_by_side(ways, args.repeats)
    about = {"shape": image.shape, "base": 16, "others / ours": others_over_ours(measured)}
    emit("volume", measured, **about, **limit(measured, work(net, image.shape)))


def size_row(args: argparse.Namespace) -> None:
    net = network(args.base)
    sizes = [size for size in (1024, 2048, 4096, 8192) if size <= args.largest]
    images = {f"{size}": drawn(size, size) for size in sizes}
    ways = {name: functools.partial(predict, net, image) for name, image in images.items()}
    measured = side_by_side(ways, args.repeats)
    per_pixel = {n: 1e6 * m.median / images[n].size for n, m in measured.items()}
    result = {name: 2 * 4 * image.size / 1e6 for name, image in images.items()}
    emit("size", measured, base=args.base, microseconds_per_pixel=per_pixel, result_MB=result)


def memory_row(args: argparse.Namespace) -> None:
    measured = _within(args.budget) if args.budget else _in_fresh_processes(args.repeats)
    emit("memory", measured, size=2048, base=32, result_MB=33.6)


def _within(budget: int) -> dict[str, Measured]:
    net, image = network(32), drawn(2048, 2048)
    predict(net, image[:256, :256])  # PyTorch's own memory is no part of it
    way = functools.partial(predict, net, image, memory=budget * 10**6)
    return side_by_side({f"{budget} MB": way}, 1, warm_up=False)


def _in_fresh_processes(repeats: int) -> dict[str, Measured]:
    """Measure each budget in a process of its own: what others freed is not all given back."""
    measured = {f"{budget} MB": Measured() for budget in _BUDGETS}
    for budget, result in list(zip(_BUDGETS, measured.values(), strict=True)) * repeats:
        words = [sys.executable, __file__, "memory", "--budget", str(budget)]
        done = json.loads(subprocess.check_output(words))["ways"][f"{budget} MB"]
        result.seconds += done["all"]
        result.added.append(round(done["added_MB"] * 1e6))
    return measured


def precision_row(args: argparse.Namespace) -> None:
    net, image = network(32), drawn(512, 512)
    kinds = ("float32", "bfloat16", "float16")
    ways = {kind: functools.partial(predict, net, image, precision=kind) for kind in kinds}
    results = {kind: way() for kind, way in ways.items()}
    errors = {kind: float(abs(results[kind] - results["float32"]).max()) for kind in kinds}
    emit("precision", side_by_side(ways, args.repeats), size=512, base=32, largest_error=errors)


ROWS = {
    "image": image_row,
    "volume": volume_row,
    "size": size_row,
    "memory": memory_row,
    "precision": precision_row,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="+", choices=list(ROWS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, default=2048, help="of the image row, in pixels")
    parser.add_argument("--base", type=int, default=64, help="base channels (image, size)")
    parser.add_argument("--largest", type=int, default=8192, help="of the size row, in pixels")
    parser.add_argument("--budget", type=int, help="of the memory row, in MB: only this one")
    parser.add_argument("--leave-out", nargs="+", default=[], help="ways of the image row")
    args = parser.parse_args()
    for row in args.rows:
        ROWS[row](args)


if __name__ == "__main__":
    main()
