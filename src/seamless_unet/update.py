"""One update of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from seamless_unet.loss import weighted_cross_entropy
from seamless_unet.patches import DrawnAhead
from seamless_unet.train_state import TrainState

_WARM_UP = 0.05  # of the budget
_ADAPTING = 0.1  # of the learning rate, for weights that have learned already


def update(state: TrainState, batches: DrawnAhead) -> float:
    """Make one optimizer update and return its loss.

    Raises
    ------
    FloatingPointError
        If the training diverges.
    """
    learning_rate = _learning_rate(state)
    device = state.network.device
    image, target, weight = batches.take(state.rng)
    seed = int(state.rng.integers(2**31))  # for dropout
    batches.prepare(state.rng)
    image = image.contiguous(memory_format=memory_format(device, state.config.ndim))
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    mixed = is_mixed(device, state.config.ndim)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = state.network(image)
        loss = weighted_cross_entropy(logits.float(), target, weight)
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the training diverged at step {state.step + 1}: the loss is {value}. "
            "Lower the learning rate; the best model so far is kept"
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    state.optimizer.step()
    state.step += 1
    state.average_weights()
    return value


def is_mixed(device: torch.device, ndim: int) -> bool:
    """Whether to compute in bfloat16, with float32 weights: where a unit multiplies its matrices.

    On a CPU that is AMX, or AVX-512 BF16 of AMD (Zen 4 and later), in 2-D: a step takes some half
    of the time. Elsewhere, and in 3-D, bfloat16 is slower than float32: Intel's AVX-512 BF16
    multiplies no faster.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    # older versions of torch cannot tell
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    amd = str(capabilities.get("cpu_name", "")).startswith("AMD")
    fast = capabilities.get("amx_bf16") or (amd and capabilities.get("avx512_bf16"))
    return device.type == "cpu" and ndim == 2 and bool(fast)


def memory_format(device: torch.device, ndim: int) -> torch.memory_format:
    """Return the layout that a step is fastest in.

    In 2-D that is channels last: a quarter less time. But not on CPUs with AVX2 only, where the
    weights' gradients take three times as long in it, and a step half as long again.
    """
    if ndim == 3 or (device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"):
        return torch.contiguous_format
    return torch.channels_last


def _learning_rate(state: TrainState) -> float:
    """Warm up linearly, then anneal along a cosine to a hundredth at the end of the budget."""
    fraction = state.fraction()
    warm = min(1.0, (fraction + 1e-3) / _WARM_UP)
    highest = state.config.learning_rate * (_ADAPTING if state.adapting else 1)
    return highest * warm * (0.505 + 0.495 * math.cos(math.pi * fraction))
