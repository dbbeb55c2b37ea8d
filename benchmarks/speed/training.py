"""Does a training step do anything but compute? Ours beside a bare loop, a line of JSON per row.

Run on the CPU by::

    python benchmarks/speed/training.py [--rows "quick 16" "paper 64"] [--repeats 5] [--layouts]

Ways, each the seconds of a step: `train` as users call it, which draws new patches for every step;
a bare loop on one fixed batch as most would write it (float32, default layout); and the same loop
in the layout and precision of `train`, which shows what else than computing costs time. ``share``
is the part of `train` inside forward, loss, backward and optimizer. With ``--layouts``, instead,
the loop in either layout and precision.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from side_by_side import Measured, emit, ratios, side_by_side

from seamless_unet import device, update
from seamless_unet.config import TrainConfig
from seamless_unet.image_io import read_image, read_labels, sample_path
from seamless_unet.loss import weighted_cross_entropy
from seamless_unet.packed import CHANNELS_LAST
from seamless_unet.train import Step, train
from seamless_unet.train_state import TrainState

ROWS = {  # preset, base channels, steps per repeat, dimensions
    "quick 16": ("quick", 16, 10, 2),
    "quick 32": ("quick", 32, 5, 2),
    "quick 64": ("quick", 64, 2, 2),
    "paper 64": ("paper", 64, 1, 2),
    "volumes 8": ("quick", 8, 10, 3),
    "volumes 16": ("quick", 16, 5, 3),
    "volumes 32": ("quick", 32, 2, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layouts", action="store_true")
    arguments = parser.parse_args()
    for row in arguments.rows:
        preset, base_channels, steps, ndim = ROWS[row]
        config = TrainConfig.preset(
            preset, ndim=ndim, base_channels=base_channels, start="scratch", steps=10**9
        )  # so many that validation never comes
        clock = Clock()
        ways = layouts(config) if arguments.layouts else alike(config, clock)
        measured = measure(ways, steps, arguments.repeats)
        share = {} if arguments.layouts else {"share": clock.share}
        emit(row, measured, steps=steps, **share, ratios=ratios(measured, next(iter(ways))))


def measure(
    ways: Mapping[str, Callable[[], None]], steps: int, repeats: int
) -> dict[str, Measured]:
    """Return the seconds of a step, of several in a row per repeat."""
    several = {
        name: lambda step=step: [step() for _ in range(steps)] for name, step in ways.items()
    }
    measured = side_by_side(several, repeats)
    for result in measured.values():
        result.seconds = [seconds / steps for seconds in result.seconds]
    return measured


def alike(config: TrainConfig, clock: Clock) -> dict[str, Callable[[], None]]:
    """Return `train`, and the loop without and with what it does."""
    cpu = torch.device("cpu")
    as_trained = device.memory_format(cpu, config.ndim), device.is_mixed(cpu, config.ndim)
    return {
        "train": trained(config, clock),
        "bare loop": bare_loop(config, torch.contiguous_format, mixed=False),
        "bare loop alike": bare_loop(config, as_trained[0], mixed=as_trained[1]),
    }


def layouts(config: TrainConfig) -> dict[str, Callable[[], None]]:
    """Return the loop in either layout and precision."""
    of_torch, last = torch.contiguous_format, CHANNELS_LAST[config.ndim]
    return {
        "float32": bare_loop(config, of_torch, mixed=False),
        "float32, channels last": bare_loop(config, last, mixed=False),
        "bfloat16": bare_loop(config, of_torch, mixed=True),
        "bfloat16, channels last": bare_loop(config, last, mixed=True),
    }


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
    events = train(*data(config.ndim), config, device="cpu")
    state = next(events).state

    def step() -> None:
        with clock.step_of(state):
            assert isinstance(next(events), Step)

    return step


def bare_loop(
    config: TrainConfig, layout: torch.memory_format, *, mixed: bool
) -> Callable[[], None]:
    """Return a function that makes a step on always the same batch."""
    events = train(*data(config.ndim), config, device="cpu")
    state = next(events).state
    network, optimizer = state.network.train(), state.optimizer
    inputs = network.geometry.read_size(config.patch)
    outputs = network.geometry.output_size(inputs)
    image = torch.rand(config.batch_size, 1, *[inputs] * config.ndim)
    shape = (config.batch_size, *[outputs] * config.ndim)
    target = torch.randint(0, network.config.classes, shape)
    weight = torch.ones(target.shape)
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


def data(ndim: int) -> tuple[Sequence[NDArray], Sequence[NDArray]]:
    """Return images and labels to learn from: `pictures`, or the sample stack."""
    if ndim == 2:
        return pictures()
    image = read_image(sample_path("nuclei_stack.tif"))
    return [image.data], [read_labels(sample_path("nuclei_stack_labels.tif"), like=image).data]


def pictures() -> tuple[list[NDArray], list[NDArray]]:
    """Return three noisy images of 700x700 with 2,500 squares each, and their labels."""
    rng = np.random.default_rng(0)
    square = np.pad(np.ones((9, 9), np.int32), (3, 2))
    labels = np.kron(np.arange(1, 2501).reshape(50, 50), square)
    images = [(labels > 0) * 80 + rng.normal(100, 8, labels.shape) for _ in range(3)]
    return images, [labels] * 3


if __name__ == "__main__":
    main()
