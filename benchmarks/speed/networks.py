"""What the benchmarks predict with and on, and how much work that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from seamless_unet.config import UNetConfig
from seamless_unet.unet import UNet


def network(base: int, **changes: Any) -> UNet:
    """Return the paper's network with random weights, for prediction."""
    torch.manual_seed(0)
    return UNet(UNetConfig(base_channels=base, **changes)).eval()


def drawn(*shape: int) -> NDArray[np.float32]:
    """Return an image of noise."""
    return np.random.default_rng(0).random(shape, np.float32)


def work(net: UNet, shape: Sequence[int]) -> float:
    """Return the floating-point operations of one pass over an image and its halo."""
    reads = [net.geometry.read_size(size) for size in shape]
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        UNet(net.config).eval()(torch.empty(1, 1, *reads))
    return float(counter.get_total_flops())
