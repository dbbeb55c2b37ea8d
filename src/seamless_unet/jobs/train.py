"""Jobs of the Train dock."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seamless_unet.config import TrainConfig
from seamless_unet.jobs.orders import Orders, every
from seamless_unet.model_file import save_model

if TYPE_CHECKING:
    from seamless_unet.train import Event
    from seamless_unet.train_state import TrainState

_REPORT_EVERY = 0.1  # seconds between two reports of a training's loss
_SAVE_EVERY = 10.0  # seconds between two writings of the best model so far
_CHECKPOINT_EVERY = 60.0


def train(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Train, and keep the best model so far in ``request["output"]`` all along.

    ``images``, ``labels``, ``axes``, ``pixel_size``, ``preset``, ``changes``, ``device``,
    ``output``, ``checkpoint``: ``prepared``, many ``step`` and ``validated``, then ``trained``.
    """
    from seamless_unet.train import Prepared
    from seamless_unet.train import train as learn

    config = TrainConfig.preset(request["preset"], **request["changes"])
    output, checkpoint = Path(request["output"]), Path(request["checkpoint"])
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    events = learn(
        np.load(request["images"], mmap_mode="r"),
        np.load(request["labels"], mmap_mode="r"),
        config,
        axes=request["axes"],
        pixel_size=request["pixel_size"],
        device=request["device"],
    )
    prepared = next(events)
    assert isinstance(prepared, Prepared)
    state = prepared.state
    yield {"event": "prepared", "text": prepared.summary.text()}
    try:
        reason = yield from _follow(events, state, request, orders)
    except Exception:  # diverged, or out of memory: what was learned so far is kept
        if state.best_score is not None:
            save_model(state.best_model(), output)
        raise
    model = state.best_model()
    save_model(model, output)
    checkpoint.unlink(missing_ok=True)
    score = model.info.training.get("score")
    yield {"event": "trained", "last": True, "model": str(output), "reason": reason, "score": score}


def _follow(
    events: Iterator[Event], state: TrainState, request: dict[str, Any], orders: Orders
) -> Generator[dict[str, Any], None, str]:
    """Report a training's events, save its state now and then, and return why it ended."""
    from seamless_unet.train import Finished, Step, Validated

    save_soon, checkpoint_soon = every(_SAVE_EVERY), every(_CHECKPOINT_EVERY)
    report = every(_REPORT_EVERY)
    for event in events:
        if isinstance(event, Finished):
            return event.reason
        if isinstance(event, Step):
            if checkpoint_soon():
                with contextlib.suppress(OSError):  # a full disk must not end the training
                    state.save(request["checkpoint"])
            if report():
                yield {"event": "step", **asdict(event)}
        elif isinstance(event, Validated):
            if event.best and save_soon():  # so that it survives whatever happens next
                save_model(state.best_model(), request["output"])
            yield {"event": "validated", **asdict(event)}
        if request["id"] in orders.stopped:
            break
    return "stopped"
