"""A screen with a window manager, a napari on it, and a hand on mouse and keyboard."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

TOOLS = ("Xvfb", "openbox", "xdotool")
LIMIT = 180  # seconds for anything to happen, on the slowest machine


def until(condition, what: str) -> Any:
    """Return what a condition gives as soon as that is true."""
    end = time.monotonic() + LIMIT
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"this never happened: {what}")
        time.sleep(0.1)
    return result


@pytest.fixture
def screen(tmp_path) -> Iterator[dict[str, str]]:
    """Give the environment of a screen of its own, with a window manager."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        words = f"needs a screen of its own: apt-get install {' '.join(missing).lower()}"
        if os.environ.get("SEAMLESS_UNET_FLOWS") == "required":
            pytest.fail(words)
        pytest.skip(words)
    from pyvirtualdisplay import Display

    with Display(backend="xvfb", size=(1600, 1200), manage_global_env=False) as display:
        no_habits = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        manager = subprocess.Popen(
            ["openbox"],
            env={**display.env(), **no_habits},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield display.env()
        finally:
            manager.kill()
            manager.wait()


class Napari:
    """A napari in a process of its own, used as a person does: by mouse and keyboard."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment, self.log = environment, log
        self.models = Path(environment["SEAMLESS_UNET_MODELS"])
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("napari_window.py"))],
                env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True,
            )  # fmt: skip

    def ask(self, *question) -> Any:
        """Return the answer to a question; see napari_window.py."""
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answered = select.select([self.process.stdout], [], [], LIMIT)[0]
        answer = self.process.stdout.readline() if answered else ""
        assert answer, f"napari is gone or stands still: {self.last_words()}"
        return json.loads(answer)

    def last_words(self) -> str:
        """Return the end of what it printed, where each thread was if it crashed."""
        return self.log.read_text().partition("Extension modules")[0][-9000:]

    def until(self, *question) -> Any:
        """Return the answer as soon as there is one."""
        return until(lambda: self.ask(*question), f"an answer to {question}")

    def click(self, *texts: str) -> None:
        """Click what has these texts, one after the other: menus, entries, buttons."""
        for text in texts:
            self._click_on("where", text)

    def _click_on(self, *question) -> None:
        def still() -> list[int] | None:
            place = self.ask(*question)
            time.sleep(0.1)
            return place if place == self.ask(*question) else None

        self.xdotool("mousemove", *until(still, f"{question} stands still"), "click", 1)

    def write(self, label: str, text: str) -> None:
        """Write into the line with this label."""
        self._click_on("field", label)
        self.xdotool("key", "ctrl+a", "type", text)

    def paint(self, layer: str, *pixels: tuple[int, int]) -> None:
        """Press the mouse on the first pixel of a layer and lead it, painting, to the others."""
        button = ["mousedown", 1]
        for y, x in pixels:
            self.xdotool("mousemove", *self.ask("pixel", layer, y, x), *button)
            self.until("value", layer, y, x)
            button = []
        self.xdotool("mouseup", 1)

    def xdotool(self, *arguments) -> None:
        command = ["xdotool", *map(str, arguments)]
        subprocess.run(command, env=self.environment, check=True, timeout=LIMIT)

    def processes(self) -> list[psutil.Process]:
        """Return its process and those that it started."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]


@pytest.fixture
def napari(screen, tmp_path) -> Iterator[Napari]:
    """Start napari; it has no model but the bundled ones, and nobody's settings."""
    own = {
        "NAPARI_CONFIG": "",
        "SEAMLESS_UNET_MODELS": str(tmp_path / "models"),
        "SEAMLESS_UNET_SETTINGS": str(tmp_path / "docks.json"),
        "PYTHONFAULTHANDLER": "1",  # a crash says where, in the log
    }
    napari = Napari({**screen, **own}, tmp_path / "log.txt")
    try:
        napari.until("where", "File")
        napari.xdotool("search", "--sync", "--name", "^napari$", "windowsize", 1400, 1100)
        yield napari
    finally:
        napari.process.kill()  # what it computes with ends with it
        napari.process.communicate()
