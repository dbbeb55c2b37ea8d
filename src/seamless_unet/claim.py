"""A small file beside a work under way tells other processes, on any computer, that it is."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

_SILENT = 300  # seconds after which a process on another computer counts as gone


@contextlib.contextmanager
def claimed(mark: Path, refusal: str) -> Iterator[None]:
    """Let everybody know, as long as it takes, that this process works on something.

    Parameters
    ----------
    mark
        The file that tells it.
    refusal
        What to say where another process does.

    Raises
    ------
    ValueError
        With the refusal.
    """
    try:
        _put(mark)
    except FileExistsError:
        if is_claimed(mark):
            raise ValueError(refusal) from None
        with contextlib.suppress(OSError):
            mark.unlink()  # of a process that was killed
            _put(mark)
    except OSError:  # the work matters more
        pass
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            mark.unlink()


def claim_again(mark: Path) -> None:
    """Let other computers know, now and then, that this process is still at it."""
    with contextlib.suppress(OSError):
        os.utime(mark)


def is_claimed(mark: Path) -> bool:
    """Return whether a process works on it, also on another computer.

    Whether that one still runs cannot be known: it counts as running for some minutes after it
    last said so.
    """
    try:
        about = json.loads(mark.read_text(encoding="utf-8"))
        if about.get("computer", platform.node()) != platform.node():
            return time.time() - mark.stat().st_mtime < _SILENT
        process = psutil.Process(about["process"])
        # the same number may be another process by now
        same = abs(process.create_time() - about["started"]) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, KeyError, psutil.Error):
        return False


def _put(mark: Path) -> None:
    process = psutil.Process()
    about = {"process": process.pid, "started": process.create_time(), "computer": platform.node()}
    with mark.open("x", encoding="utf-8") as file:
        file.write(json.dumps(about))
