"""A request to the child process that computes, and what became of it."""

from collections.abc import Callable
from typing import Any

from seamless_unet.plugin.job_arrays import JobArrays

Event = dict[str, Any]


class Job:
    """A request under way, and the function that gets its events.

    Its last event is that of the request, such as ``segmented``, or ``cancelled``, ``error`` or
    ``crashed``; after it, ``done`` is true and nothing more comes. Of the keys that an event
    names in ``arrays`` the values are arrays.
    """

    def __init__(
        self, number: int, kind: str, arrays: JobArrays, on_event: Callable[[Event], None]
    ) -> None:
        self.number = number
        self.kind = kind
        self.arrays = arrays
        self.on_event = on_event
        self.messages: list[str] = []  # what the child was told
        self.running = False  # whether the child has begun, or is busy with another job
        self.done = False
