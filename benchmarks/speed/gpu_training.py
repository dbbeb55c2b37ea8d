"""Measure training on an NVIDIA GPU: what a step takes, and what drawing its batch does.

One line of JSON per row::

    python benchmarks/speed/gpu_training.py ROW... [--repeats 5] [--compile]

=========  =======================================================================================
step       a training step of the presets: layout, precision, `torch.compile`, a CUDA graph
drawing    what drawing a batch takes, and a step of `train`
=========  =======================================================================================
"""

from __future__ import annotations

import argparse
import functools
import sys

import numpy as np
import torch
from gpu import BF16, CUDA, Way, command_line, measured, most_taken, replayed, say
from networks import network
from torch import Tensor
from torch.nn import functional as F
from training import pictures

from seamless_unet.config import WIDTH, TrainConfig, UNetConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.packed import CHANNELS_LAST
from seamless_unet.patches import Patches
from seamless_unet.train import train
from seamless_unet.unet import UNet

STEPS = {
    "float32": {},
    "TF32": {"tf32": True},
    "float32, channels last": {"last": True},
    "bfloat16": {"mixed": True},
    "bfloat16, channels last": {"last": True, "mixed": True},
    "the same, fused optimizer": {"last": True, "mixed": True, "fused": True},
    "the same, CUDA graph": {"last": True, "mixed": True, "fused": True, "graph": True},
    "the same, compiled": {"last": True, "mixed": True, "fused": True, "compiled": True},
}


def step_of(config: TrainConfig, **options: bool) -> Way:
    """Return a function that makes a step on always the same batch."""
    torch.manual_seed(0)
    names = ("ndim", "depth", "base_channels", "batch_norm", "dropout")
    about = {name: getattr(config, name) for name in names}
    about["base_channels"] = config.base_channels or WIDTH[config.ndim]
    net = UNet(UNetConfig(classes=3, **about)).to(CUDA).train()
    read = net.geometry.read_size(config.patch)
    x = torch.rand(config.batch_size, 1, *[read] * config.ndim, device=CUDA)
    if options.get("last"):
        layout = CHANNELS_LAST[config.ndim]
        net, x = net.to(memory_format=layout), x.contiguous(memory_format=layout)
    optimizer = _optimizer(config, net, fused=options.get("fused", False))
    model = torch.compile(net) if options.get("compiled") else net
    output = [net.geometry.output_size(read)] * config.ndim
    target = torch.randint(0, 3, (config.batch_size, *output), device=CUDA)

    def learn() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        flags = torch.backends.cudnn.flags
        with flags(enabled=True, benchmark=False, allow_tf32=options.get("tf32", False)):
            with torch.autocast("cuda", BF16, enabled=options.get("mixed", False)):
                logits = model(x)
            loss = F.cross_entropy(logits.float(), target)
            loss.backward()
        return loss.detach()

    if options.get("graph"):
        learn = replayed(learn)

    def step() -> None:
        loss = learn()
        optimizer.step()
        loss.item()

    return step


def _optimizer(config: TrainConfig, net: UNet, **options: bool) -> torch.optim.Optimizer:
    if config.optimizer == "adam":
        return torch.optim.AdamW(net.parameters(), lr=1e-4, **options)
    return torch.optim.SGD(net.parameters(), lr=1e-5, momentum=config.momentum, **options)


def step_row(args: argparse.Namespace) -> None:
    kinds = [("quick", {}), ("quick", {"batch_size": 8}), ("paper", {}), ("quick", {"ndim": 3})]
    for preset, changes in kinds:
        config = TrainConfig.preset(preset, steps=1, start="scratch", **changes)
        ways: dict[str, Way] = {}
        for name, options in STEPS.items():
            if options.get("compiled") and not args.compile:
                continue
            try:
                ways[name] = step_of(config, **options)
            except Exception as error:
                print(f"{name}: {error}", file=sys.stderr)
        results = measured(ways, args.repeats, calls=5)
        say("step", results, preset=preset, **changes, **{"GB of the card": most_taken(ways)})


def drawing_row(args: argparse.Namespace) -> None:
    for batch_size in (2, 8):
        config = TrainConfig.preset(steps=10**9, start="scratch", batch_size=batch_size)
        samples = make_dataset(*pictures(), config).training
        geometry = network(2, depth=config.depth).geometry
        rng = np.random.default_rng(0)
        ways: dict[str, Way] = {}
        for device in ("cuda", "cpu"):
            patches = Patches(samples, config, geometry, device=device)
            ways[f"draw on {device}"] = functools.partial(patches.draw, rng)
        events = train(*pictures(), config, device="cuda")
        next(events)
        ways["step of train"] = functools.partial(next, events)
        say("drawing", measured(ways, args.repeats, calls=20), batch_size=batch_size)


ROWS = {"step": step_row, "drawing": drawing_row}


def main() -> None:
    args = command_line(__doc__, ROWS).parse_args()
    for row in args.rows:
        ROWS[row](args)


if __name__ == "__main__":
    main()
