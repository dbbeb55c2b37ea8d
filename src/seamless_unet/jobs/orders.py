"""What the parent asked for, as the jobs see it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Orders:
    """What the parent asked for; a thread fills it while the main thread computes.

    Parameters
    ----------
    requests
        Jobs that wait.
    stopped, cancelled
        Numbers of jobs.
    views
        What a training shall show previews of: the latest request by the number of the job.
    """

    requests: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    stopped: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    views: dict[int, dict[str, Any]] = field(default_factory=dict)


def every(seconds: float) -> Callable[[], bool]:
    """Return a function that is true at most once in so many seconds."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < seconds:
            return False
        last = now
        return True

    return due
