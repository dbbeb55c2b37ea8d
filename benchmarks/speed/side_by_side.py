"""Measure ways of doing the same thing in one run, interleaved, and print one line of JSON."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import statistics
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil


@dataclass
class Measured:
    """Of one way, a number per repeat."""

    seconds: list[float] = field(default_factory=list)
    added: list[int | None] = field(default_factory=list)  # bytes above those before, at the peak

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)

    def to_json(self) -> dict[str, Any]:
        """Return seconds (median and all) and, where the system tells it, the peak memory."""
        known = [added for added in self.added if added is not None]
        line: dict[str, Any] = {"seconds": self.median, "all": self.seconds}
        return line | ({"added_MB": max(known) / 1e6} if known else {})


def side_by_side(
    ways: Mapping[str, Callable[[], object]], repeats: int = 5, *, warm_up: bool = True
) -> dict[str, Measured]:
    """Run each way once to warm up, then all of them in turn, ``repeats`` times."""
    measured = {name: Measured() for name in ways}
    for repeat in range(0 if warm_up else 1, repeats + 1):
        for name, way in ways.items():
            before = _peak_starts_here()
            began = time.perf_counter()
            way()
            seconds = time.perf_counter() - began
            if repeat:
                measured[name].seconds.append(seconds)
                measured[name].added.append(None if before is None else _peak() - before)
    return measured


def _peak_starts_here() -> int | None:
    """Forget the peak so far and return the memory in use in bytes; ``None`` if it is not told."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what an earlier way left behind is not in use
        Path("/proc/self/clear_refs").write_text("5")
        return psutil.Process().memory_info().rss
    return None


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def most_allocated(way: Callable[[], object]) -> int:
    """Return the most bytes that numpy holds meanwhile; memory freed before would hide them."""
    tracemalloc.start()
    way()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def ratios(measured: Mapping[str, Measured], of: str) -> dict[str, float]:
    """Return how many times the seconds of ``of`` each of the others takes."""
    return {f"{n} / {of}": m.median / measured[of].median for n, m in measured.items() if n != of}


def machine() -> dict[str, Any]:
    """Say what computes."""
    import torch  # not where a window is opened

    cpu = f"{_cpu()}, {torch.backends.cpu.get_cpu_capability()}"
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system()}


def _cpu() -> str:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor()


def emit(row: str, measured: Mapping[str, Measured], **about: Any) -> None:
    """Print one line of JSON, figures rounded to four digits."""
    ways = {name: result.to_json() for name, result in measured.items()}
    print(
        json.dumps({"row": row, **_rounded(about), "ways": _rounded(ways), **machine()}), flush=True
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
