"""What a peer is given and what it gives back: arrays and a few words in two npz files."""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

import numpy as np


def command_line(description: str) -> argparse.ArgumentParser:
    """Return the command line that all peers share."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("task", type=Path, help="npz file to read")
    parser.add_argument("result", type=Path, help="npz file to write")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training")
    parser.add_argument("--seed", type=int, default=0)
    return parser


@dataclass(frozen=True)
class Task:
    """Images (Y, X) uint8 with labels (Y, X) to train on, and images to find objects in."""

    images: list[np.ndarray]
    labels: list[np.ndarray]
    test: list[np.ndarray]


def read_task(path: Path) -> Task:
    """Return what stands in the file as train_image_0, train_labels_0, test_0 and so on."""
    with np.load(path) as arrays:
        numbers = dict.fromkeys(("train_image", "train_labels", "test"), 0)
        for key in arrays.files:
            numbers[key.rpartition("_")[0]] += 1
        return Task(*([arrays[f"{name}_{i}"] for i in range(n)] for name, n in numbers.items()))


def write_result(path: Path, found: list[np.ndarray], summary: dict[str, Any]) -> None:
    """Write the labels found in each image, and the summary as JSON."""
    arrays = {f"labels_{i}": labels.astype(np.int32) for i, labels in enumerate(found)}
    np.savez_compressed(path, summary=json.dumps(summary), **arrays)


@dataclass(frozen=True)
class Budget:
    """Minutes of wall-clock time, counted from when it is made."""

    minutes: float
    began: float = field(default_factory=time.perf_counter)
    began_cpu: float = field(default_factory=time.process_time)

    @property
    def seconds(self) -> float:
        """Seconds that went by."""
        return time.perf_counter() - self.began

    @property
    def spent(self) -> float:
        """Part of the budget that is used up; 1 and more is over."""
        return self.seconds / (60 * self.minutes)

    def used(self) -> dict[str, float]:
        """Return the seconds by the clock and those of all cores together."""
        cpu = time.process_time() - self.began_cpu
        return {"seconds": round(self.seconds, 1), "cpu_seconds": round(cpu, 1)}


def threads() -> int:
    """Return the number of threads to compute with."""
    return int(os.environ.get("OMP_NUM_THREADS", "2"))


def described(name: str, *engines: str) -> dict[str, Any]:
    """Return name, version and licence of a distribution, and the versions of what it runs on."""
    return {
        "name": name,
        "version": version(name),
        "licence": _licence(name),
        "engine": {engine: version(engine) for engine in engines},
    }


def _licence(name: str) -> str:
    """Return the licence as the distribution states it, in one line."""
    stated = metadata(name)
    text = stated.get("License-Expression") or stated.get("License") or ""
    if text and "\n" not in text:
        return text
    classifiers = stated.get_all("Classifier") or []
    return "; ".join(c.split(" :: ")[-1] for c in classifiers if c.startswith("License"))
