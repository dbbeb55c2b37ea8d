"""What the parent asked for, as the jobs see it."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_LISTEN_EVERY = 0.1  # seconds between two looks whether a job that waits was cancelled


@dataclass
class Orders:
    """What the parent asked for; a thread fills it while the main thread computes.

    Parameters
    ----------
    requests
        Jobs that wait.
    stopped, cancelled
        Numbers of jobs.
    answers
        Parts of images that jobs asked for.
    send
        Sends an event to the parent, at once.
    views
        What a training shall show previews of: the latest request by the number of the job, until
        the training has taken it.
    latest_views
        The number of that request, from then on.
    """

    requests: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    answers: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    send: Callable[[dict[str, Any]], None] = lambda event: None
    stopped: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    views: dict[int, dict[str, Any]] = field(default_factory=dict)
    latest_views: dict[int, int] = field(default_factory=dict)

    def look_at(self, view: dict[str, Any]) -> dict[str, Any] | None:
        """Let a training show previews of a view; return the one that nobody looks at any more.

        That is the older one: a view that takes long to read arrives after later ones.
        """
        job = view["id"]
        if view["number"] < self.latest_views.get(job, 0):
            return view
        replaced = self.views.pop(job, None)
        self.views[job], self.latest_views[job] = view, view["number"]
        return replaced

    def answer(self, job: int, number: int) -> dict[str, Any]:
        """Wait for the answer to a job's question.

        Raises
        ------
        Cancelled
            If nobody is interested any more.
        """
        while job not in self.cancelled:
            with contextlib.suppress(queue.Empty):
                answer = self.answers.get(timeout=_LISTEN_EVERY)
                if (answer["id"], answer["number"]) == (job, number):
                    return answer
        raise Cancelled


class Cancelled(Exception):  # noqa: N818
    """A job was cancelled while it waited."""


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
