"""Does a training step do anything but compute? Ours beside a bare loop, a line of JSON per row.

Run on the CPU by::

    python benchmarks/speed/training.py [--rows "quick 16" "paper 64"] [--repeats 5]

Ways, each the seconds of a step: `train` as users call it, which draws new patches for every step;
a bare loop on one fixed batch as most would write it (float32, default layout); and the same loop
in the layout and precision of `train`, which shows what else than computing costs time. ``share``
is the part of `train` inside forward, loss, backward and optimizer.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from side_by_side import emit, ratios, side_by_side

from seamless_unet import device, update
from seamless_unet.config import TrainConfig
from seamless_unet.loss import weighted_cross_entropy
from seamless_unet.train import Step, train
from seamless_unet.train_state import TrainState

ROWS = {  # preset, base channels, steps per repeat
    "quick 16": ("quick", 16, 10),
    "quick 32": ("quick", 32, 5),
    "quick 64": ("quick", 64, 2),
    "paper 64": ("paper", 64, 1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    for row in arguments.rows:
        measure(row, *ROWS[row], repeats=arguments.repeats)


def measure(row: str, preset: str, base_channels: int, steps: int, *, repeats: int) -> None:
    config = TrainConfig.preset(
        preset, base_channels=base_channels, start="scratch", steps=10**9
    )  # so many that validation never comes
    clock = Clock()
    ways = {
        "train": trained(config, clock),
        "bare loop": bare_loop(config, as_trained=False),
        "bare loop alike": bare_loop(config, as_trained=True),
    }
    measured = side_by_side(
        {name: lambda step=step: [step() for _ in range(steps)] for name, step in ways.items()},
        repeats,
    )
    for result in measured.values():
        result.seconds = [seconds / steps for seconds in result.seconds]
    emit(row, measured, steps=steps, share=clock.share, ratios=ratios(measured, "train"))


class Clock:
    """Seconds of a training step in all, and those inside the functions it has wrapped."""

    def __init__(self) -> None:
        self.computing = self.all = 0.0

    @property
    def share(self) -> float:
        """The part inside."""
        return self.computing / self.all

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.computing += time.perf_counter() - began

        return timed

    @contextlib.contextmanager
    def step_of(self, state: TrainState) -> Iterator[None]:
        """Time one step."""
        inside = [
            (state.network, "forward"),
            (update, "weighted_cross_entropy"),
            (torch.Tensor, "backward"),
            (state.optimizer, "step"),
        ]
        with contextlib.ExitStack() as stack:
            for owner, name in inside:
                wrapped = self.wrap(getattr(owner, name))
                stack.enter_context(mock.patch.object(owner, name, wrapped))
            began = time.perf_counter()
            yield
            self.all += time.perf_counter() - began


def trained(config: TrainConfig, clock: Clock) -> Callable[[], None]:
    """Return a function that makes the next step of a training."""
    events = train(*pictures(), config, device="cpu")
    state = next(events).state

    def step() -> None:
        with clock.step_of(state):
            assert isinstance(next(events), Step)

    return step


def bare_loop(config: TrainConfig, *, as_trained: bool) -> Callable[[], None]:
    """Return a function that makes a step on always the same batch."""
    events = train(*pictures(), config, device="cpu")
    state = next(events).state
    network, optimizer = state.network.train(), state.optimizer
    inputs = network.geometry.read_size(config.patch)
    outputs = network.geometry.output_size(inputs)
    image = torch.rand(config.batch_size, 1, inputs, inputs)
    target = torch.randint(0, network.config.classes, (config.batch_size, outputs, outputs))
    weight = torch.ones(target.shape)
    mixed = as_trained and device.is_mixed(network.device, config.ndim)
    if as_trained:
        layout = device.memory_format(network.device, config.ndim)
        network.to(memory_format=layout)
        image = image.contiguous(memory_format=layout)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            logits = network(image)
        loss = weighted_cross_entropy(logits.float(), target, weight)
        loss.backward()
        optimizer.step()

    return step


def pictures() -> tuple[list[NDArray], list[NDArray]]:
    """Return three noisy images of 700x700 with 2,500 squares each, and their labels."""
    rng = np.random.default_rng(0)
    square = np.pad(np.ones((9, 9), np.int32), (3, 2))
    labels = np.kron(np.arange(1, 2501).reshape(50, 50), square)
    images = [(labels > 0) * 80 + rng.normal(100, 8, labels.shape) for _ in range(3)]
    return images, [labels] * 3


if __name__ == "__main__":
    main()
