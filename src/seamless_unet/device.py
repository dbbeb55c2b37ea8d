"""Where to compute, and what is fast there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def choose_device(device: str = "auto") -> str:
    """Return ``device``, or the fastest there is for ``"auto"``.

    Raises
    ------
    ValueError
        If the device is unknown or not there.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {device!r} is not available here: try 'cpu'") from error
    return device


def is_mixed(device: torch.device, ndim: int) -> bool:
    """Whether to compute in bfloat16, with float32 weights: where a unit multiplies its matrices.

    On a CPU that is AVX-512 BF16 of AMD (Zen 4 and later), and AMX in 2-D: a step takes some half
    of the time. Elsewhere bfloat16 is slower than float32: Intel's AVX-512 BF16 multiplies no
    faster.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    # older versions of torch cannot tell
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    amd = str(capabilities.get("cpu_name", "")).startswith("AMD")
    vectors = amd and capabilities.get("avx512_bf16")
    matrices = ndim == 2 and capabilities.get("amx_bf16")
    return device.type == "cpu" and bool(vectors or matrices)


def memory_format(device: torch.device, ndim: int) -> torch.memory_format:
    """Return the layout that a step is fastest in.

    That is channels last: a quarter less time. But not in 2-D on CPUs with AVX2 only, where the
    weights' gradients take three times as long in it, and a step half as long again. In 3-D it was
    measured on CPUs only.
    """
    if ndim == 3:
        return torch.channels_last_3d if device.type == "cpu" else torch.contiguous_format
    return torch.contiguous_format if is_slow(device) else torch.channels_last


def learns_narrow(device: torch.device, ndim: int) -> bool:
    """Whether random weights get half as many channels: in minutes, they learn as much or more.

    In 3-D with AVX2 only. Figures are in ``benchmarks/accuracy/README.md``.
    """
    return is_slow(device) if ndim == 3 else device.type == "cpu"


def is_slow(device: torch.device) -> bool:
    """Whether it is a CPU with AVX2 only: a step takes it two to four times as long as others."""
    return device.type == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX2"
