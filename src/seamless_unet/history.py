"""What a training has measured so far: an event for every step, and for every validation.

``{"step", "loss"}`` of a step, ``{"step", "score", "validation_loss"}`` of a validation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

History = list[dict[str, float]]

_ALL_LOSSES = 10_000  # that are all kept
LOSSES = 500  # enough to draw the curve


def recorded(history: History, step: int, loss: float) -> History:
    """Return a history with the loss of a step; it may be the same list.

    Of long trainings every second loss is kept, later every fourth, and so on: checkpoints have the
    history, and it never gets longer than 20,000 losses.
    """
    stride = 1 << max(0, (step // _ALL_LOSSES).bit_length() - 1)
    if step == stride * _ALL_LOSSES:
        history = [event for event in history if "score" in event or event["step"] % stride == 0]
    if step % stride == 0:
        history.append({"step": step, "loss": loss})
    return history


def best_step(history: Sequence[dict[str, float]]) -> int | None:
    """Return the step of the highest score, of equals that of the lowest loss, or ``None``.

    >>> best_step([{"step": 0, "score": 0.5, "validation_loss": 1.0}, {"step": 1, "loss": 0.1}])
    0
    """
    scored = [e for e in history if "score" in e and math.isfinite(e["validation_loss"])]
    best = max(scored, key=lambda event: (event["score"], -event["validation_loss"]), default=None)
    return None if best is None else int(best["step"])


def thinned(history: Sequence[dict[str, float]], most: int = LOSSES) -> History:
    """Return all validations of a training and at most so many losses."""
    stride = max(1, -(-len(history) // most))
    return [event for i, event in enumerate(history) if "score" in event or i % stride == 0]
