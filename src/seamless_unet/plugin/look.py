"""One way of looking inside: what to ask the child process for, and what to do with its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from napari.layers import Layer

from seamless_unet.plugin.job import Event


@dataclass(frozen=True)
class Look:
    """A job, and what becomes of its result.

    Parameters
    ----------
    request, arrays
        As `Worker.submit` takes them.
    doing
        What the dock says meanwhile.
    show
        Makes layers of the job's last event, and says so.
    """

    request: Event
    arrays: Mapping[str, Any]
    doing: str
    show: Callable[[Event], tuple[list[Layer], str]]
