"""The process that computes: a line of JSON in for every message, one out for every event."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seamless_unet.plugin.preferences import environment

_PATIENCE = 5  # seconds for the last words of a process that was ended
_COMMAND = [sys.executable, "-P", "-m", "seamless_unet.compute"]


class Child:
    """One process, from its start to its end.

    Parameters
    ----------
    folder
        For arrays, and for what it prints. It removes it when its parent is gone.
    command
        How to start it, but for the folder.
    """

    def __init__(self, folder: Path, command: Sequence[str] = _COMMAND) -> None:
        folder.mkdir(exist_ok=True)
        self._log = folder / "log.txt"
        self._writing = threading.Lock()
        self._listening: threading.Thread | None = None
        self._over: set[int] = set()  # jobs whose last event came
        self._came = threading.Condition()
        with open(self._log, "w") as log:
            self.process = subprocess.Popen(
                [*command, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env={**os.environ, **environment()},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )

    def listen(self, on_event: Callable[["Child", dict[str, Any]], None]) -> None:
        """Have a function called, in a thread, with this child and each of its events.

        The last one is ``exited``, with its ``status``.
        """
        self._listening = threading.Thread(target=self._receive, args=(on_event,), daemon=True)
        self._listening.start()

    def write(self, message: str) -> None:
        """Send a message, unless the process is gone: then ``exited`` is on its way."""
        pipe = self.process.stdin
        assert pipe is not None
        with self._writing, contextlib.suppress(OSError, ValueError):
            pipe.write(message + "\n")
            pipe.flush()

    def wait_for(self, jobs: set[int], *, seconds: float) -> None:
        """Wait for the last event of each of these jobs, but not if the process is gone."""
        with self._came:
            self._came.wait_for(
                lambda: self._over >= jobs or self.process.poll() is not None, timeout=seconds
            )

    def kill(self) -> None:
        """End the process, now; nothing comes from it after that."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        with self._writing, contextlib.suppress(OSError):
            self.process.stdin.close()
        if self._listening is not None:  # or it might speak to a Qt that is being taken down
            self._listening.join(_PATIENCE)

    def last_words(self) -> str:
        """Return the end of what it printed."""
        try:
            return self._log.read_text(errors="replace")[-2000:]
        except OSError:  # the folder was removed by someone who tidies up
            return ""

    def _receive(self, on_event: Callable[["Child", dict[str, Any]], None]) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                if line.endswith("\n"):  # or it was killed in the middle of it
                    event = json.loads(line)
                    if event.get("last"):
                        with self._came:
                            self._over.add(event["id"])
                            self._came.notify_all()
                    on_event(self, event)
        status = self.process.wait()
        with self._came:
            self._came.notify_all()
        on_event(self, {"event": "exited", "status": status})
