"""Measure an NVIDIA GPU: what it can do, and what prediction reaches of it.

One line of JSON per row::

    python benchmarks/speed/gpu.py ROW... [--repeats 5]

=========  =======================================================================================
ceiling    products of 8192 x 8192 matrices in each precision, and copies
pass       one pass of the paper's network over 512^2 and 2048^2 pixels on the card: precision,
           layout, autocast, our steps, `torch.compile`, a CUDA graph
image      `predict` from numpy to numpy, 512^2 and 4096^2, by precision and size of the tiles
volume     the same, 64 x 1024 x 1024, depth 3, base 16
=========  =======================================================================================
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from networks import drawn, network, work
from side_by_side import Measured, emit, side_by_side
from torch import Tensor

from seamless_unet.predict import predict
from seamless_unet.sixteen_bit import sixteen_bit_steps
from seamless_unet.stream import Stream
from seamless_unet.tile_pass import PRECISIONS
from seamless_unet.unet import UNet

CUDA = torch.device("cuda")
BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32

Way = Callable[[], object]


def measured(ways: dict[str, Way], repeats: int, *, calls: int = 1) -> dict[str, Measured]:
    """Time each way until the card is done; one that fails is left out, with a word about it."""
    working = {name: functools.partial(until_done, way, calls) for name, way in ways.items()}
    for name, way in list(working.items()):
        try:
            way()
        except Exception as error:
            print(f"{name}: {error}", file=sys.stderr)
            del working[name]
    results = side_by_side(working, repeats)
    for result in results.values():
        result.seconds = [seconds / calls for seconds in result.seconds]
        result.added = []  # of the computer's memory, not the card's
    return results


def until_done(way: Way, calls: int) -> None:
    for _ in range(calls):
        way()
    torch.cuda.synchronize()


def most_taken(ways: dict[str, Way]) -> dict[str, float]:
    """Return the gigabytes of the card's memory that each way adds."""
    taken = {}
    for name, way in ways.items():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        way()
        taken[name] = (torch.cuda.max_memory_allocated() - before) / 1e9
    return taken


def say(row: str, results: dict[str, Measured], **about: Any) -> None:
    emit(row, results, gpu=torch.cuda.get_device_name(), torch=torch.__version__, **about)


def product_of(dtype: torch.dtype, *, tf32: bool = False) -> Way:
    size = 8192
    a, b = (torch.randn(size, size, device=CUDA, dtype=dtype) for _ in range(2))

    def way() -> None:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.mm(a, b)
        torch.backends.cuda.matmul.allow_tf32 = False

    return way


def ceilings(repeats: int) -> tuple[dict[str, Measured], dict[str, float]]:
    """Return times of matrix products, and what they reach in TFLOP/s."""
    ways = {
        "bfloat16": product_of(BF16),
        "float16": product_of(FP16),
        "float32": product_of(FP32),
        "float32 as TF32": product_of(FP32, tf32=True),
    }
    results = measured(ways, repeats, calls=5)
    return results, rates(results, 2 * 8192.0**3)


def rates(results: dict[str, Measured], operations: float) -> dict[str, float]:
    return {name: operations / m.median / 1e12 for name, m in results.items()}


def ceiling_row(args: argparse.Namespace) -> None:
    results, reached = ceilings(args.repeats)
    source, target = (torch.empty(2**28, device=CUDA) for _ in range(2))
    copies = measured({"copy": lambda: target.copy_(source)}, args.repeats, calls=5)
    rate = 2 * source.nbytes / copies["copy"].median / 1e12
    say("ceiling", results | copies, **{"TFLOP/s": reached, "copy in TB/s": rate})


def plain(net: UNet, x: Tensor, *, tf32: bool = False) -> Tensor:
    flags = torch.backends.cudnn.flags
    with flags(enabled=True, benchmark=False, allow_tf32=tf32):
        return net(x)


def autocast(net: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype = BF16) -> Tensor:
    with torch.autocast("cuda", dtype):
        return net(x)


def ours(net: UNet, dtype: torch.dtype) -> Callable[[Tensor], Tensor | None]:
    """Return what `predict` does to a tile in 16 bits."""
    steps = sixteen_bit_steps(net, dtype)
    return lambda x: Stream(net, steps, 2).push(x)


def replayed(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that replays some work from a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()
    return lambda: (graph.replay(), result, work)[1]  # the graph keeps no tensor that it reads


@torch.inference_mode()
def pass_row(args: argparse.Namespace) -> None:
    ceiling = ceilings(3)[1]["bfloat16"]
    for size in args.sizes:
        net = network(64).to(CUDA)
        last = copy.deepcopy(net).to(memory_format=torch.channels_last)
        sixteen = copy.deepcopy(last).to(BF16)
        x = torch.rand(1, 1, *[net.geometry.read_size(size)] * 2, device=CUDA)
        y = x.contiguous(memory_format=torch.channels_last)
        ways: dict[str, Way] = {
            "float32": lambda net=net, x=x: plain(net, x),
            "float32, channels last": lambda net=last, x=y: plain(net, x),
            "TF32": lambda net=net, x=x: plain(net, x, tf32=True),
            "TF32, channels last": lambda net=last, x=y: plain(net, x, tf32=True),
            "bfloat16 autocast": lambda net=net, x=x: autocast(net, x),
            "bfloat16 autocast, channels last": lambda net=last, x=y: autocast(net, x),
            "bfloat16 weights, channels last": lambda net=sixteen, x=y: net(x.to(BF16)),
            "bfloat16, ours": functools.partial(ours(net, BF16), x),
            "float16, ours": functools.partial(ours(net, FP16), x),
        }
        if args.compile:
            compiled = torch.compile(sixteen)
            ways["bfloat16 compiled"] = lambda net=compiled, x=y: net(x.to(BF16))
        if size <= 1024:
            ways["bfloat16, ours, CUDA graph"] = replayed(functools.partial(ours(net, BF16), x))
        reference = plain(net, x).softmax(dim=1)
        errors = {
            name: float((way().float().softmax(dim=1) - reference).abs().max())
            for name, way in ways.items()
        }
        del reference
        results = measured(ways, args.repeats)
        reached = rates(results, work(net, (size, size)))
        about = {
            "TFLOP/s": reached,
            "of the bfloat16 ceiling": {name: rate / ceiling for name, rate in reached.items()},
            "GB of the card": most_taken(ways),
            "largest error": errors,
        }
        say("pass", results, size=size, base=64, **about)


def predictions(net: UNet, shape: Sequence[int], tiles: Sequence[int | None]) -> dict[str, Way]:
    image, ways = drawn(*shape), {}
    for precision, tile in itertools.product(PRECISIONS, tiles):
        name = precision + (f", tiles of {tile}" if tile else "")
        options = {"precision": precision, "tile_shape": tile and net.geometry.read_size(tile)}
        ways[name] = functools.partial(predict, net, image, device="cuda", **options)
    return ways


def image_row(args: argparse.Namespace) -> None:
    for base, depth, size in ((64, 4, 512), (32, 3, 512), (64, 4, 4096)):
        tiles = [None, *(tile for tile in args.tiles if tile < size)]
        ways = predictions(network(base, depth=depth), (size, size), tiles)
        results = measured(ways, args.repeats)
        reached = rates(results, work(network(base, depth=depth), (size, size)))
        say("image", results, size=size, base=base, depth=depth, **{"TFLOP/s": reached})


def volume_row(args: argparse.Namespace) -> None:
    net, shape = network(16, ndim=3, depth=3), (64, 1024, 1024)
    predict(net, drawn(16, 64, 64), device="cuda")  # only to warm up
    ways = predictions(net, shape, [None])
    results = side_by_side(ways, 1, warm_up=False)
    say("volume", results, shape=shape, base=16, **{"TFLOP/s": rates(results, work(net, shape))})


ROWS = {
    "ceiling": ceiling_row,
    "pass": pass_row,
    "image": image_row,
    "volume": volume_row,
}


def command_line(doc: str, rows: Iterable[str]) -> argparse.ArgumentParser:
    """Return a parser of what all rows have in common."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("rows", nargs="+", choices=list(rows))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="try torch.compile, which is slow")
    return parser


def main() -> None:
    parser = command_line(__doc__, ROWS)
    parser.add_argument("--sizes", nargs="+", type=int, default=[512, 2048], help="of pass")
    parser.add_argument("--tiles", nargs="+", type=int, default=[], help="written, of image")
    args = parser.parse_args()
    for row in args.rows:
        ROWS[row](args)


if __name__ == "__main__":
    main()
