"""Measure whether napari stays fluid while the plugin computes, and training as fast as without.

A timer of 20 ms runs in napari's main thread; how late it is at worst is what a user feels. How
many processor cores napari itself keeps busy meanwhile is what the computation lacks.

Training is measured in pairs: from the Train dock, then in a process without a window, with the
same data, recipe and number of threads. ``step_ms`` is the training's own time per step,
``wall_ms`` includes what only the dock wants of it, above all previews. Prints one line of JSON::

    python benchmarks/ui_latency.py [--seconds 20] [--pairs 3]

It needs a display; on a machine without one, put ``xvfb-run -a`` before it. The user's own models
and settings are left alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from seamless_unet.plugin.preferences import environment
from seamless_unet.plugin.worker import shared_worker

PLUGIN = "napari-seamless-unet"
INTERVAL = 0.020
SETTLED = 0.2  # of a training's budget, before which its steps are not counted: all is new then
LARGE = (5, 5)  # so many times the sample, for segmenting
ALONE = """
import json, sys, time
from seamless_unet.config import TrainConfig
from seamless_unet.image_io import read_image, read_labels, sample_path
from seamless_unet.train import Step, train
image, labels = read_image(sample_path("nuclei.tif")), read_labels(sample_path("nuclei_labels.tif"))
config = TrainConfig.preset("quick", minutes=float(sys.argv[1]) / 60)
for event in train([image.data], [labels.data], config, axes="YX"):
    if isinstance(event, Step):
        print(json.dumps([event.step, event.fraction, time.perf_counter()]))
"""


@dataclass(frozen=True)
class StepTime:
    """A step of a training: its number, the part of the budget used by then, the clock."""

    step: int
    fraction: float
    clock: float


def pace(steps: list[StepTime], seconds: float) -> dict[str, float]:
    """Return milliseconds per step of a training with a budget of so many seconds."""
    counted = [step for step in steps if SETTLED < step.fraction < 1]
    first, last = counted[0], counted[-1]
    count = last.step - first.step
    return {
        "step_ms": round(1000 * (last.fraction - first.fraction) * seconds / count, 2),
        "wall_ms": round(1000 * (last.clock - first.clock) / count, 2),
    }


class Lateness:
    """How late a timer in the main thread is between `start` and `stop`."""

    def __init__(self) -> None:
        self.timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin to measure."""
        self.late: list[float] = []
        self.began = self.last = time.perf_counter()
        self.used = time.process_time()
        self.timer.start(int(1000 * INTERVAL))

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(1000 * max(now - self.last - INTERVAL, 0.0))
        self.last = now

    def stop(self) -> dict[str, float]:
        """Return how late the timer was, and how many cores this process kept busy."""
        self.timer.stop()
        cuts = statistics.quantiles(self.late, n=100)
        used = time.process_time() - self.used
        return {
            "ticks": len(self.late),
            "median_ms": round(cuts[49], 1),
            "p99_ms": round(cuts[98], 1),
            "worst_ms": round(max(self.late), 1),
            "cores": round(used / (time.perf_counter() - self.began), 2),
        }


class Window:
    """napari with a sample and two docks, used as somebody would."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer()
        self.viewer.open_sample(PLUGIN, "nuclei")
        self.docks = {
            name: self.viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
            for name in ("Segment", "Train")
        }
        self.lateness = Lateness()
        rest(3)

    def idle(self, seconds: float) -> dict[str, float]:
        """Do nothing."""
        self.lateness.start()
        rest(seconds)
        return self.lateness.stop()

    def train(self, seconds: float) -> dict[str, Any]:
        """Train on the sample, from the click on."""
        train = self._raised("Train")
        train.recipe.minutes.native.setDecimals(6)  # or it would be rounded to 0.1 minutes
        train.recipe.minutes.value = seconds / 60
        steps: list[StepTime] = []
        previews: list[float] = []

        def listen(event: dict[str, Any], show: Callable[[dict], None]) -> None:
            show(event)
            now = time.perf_counter()
            if event["event"] == "step":
                steps.append(StepTime(event["step"], event["fraction"], now))
            elif event["event"] == "preview":
                previews.append(now)

        self.lateness.start()
        clicked = time.perf_counter()
        run(train, listen)
        return {
            **self.lateness.stop(),
            "previews": len(previews),
            "click_to_first_preview_s": round(previews[0] - clicked, 1) if previews else None,
            **pace(steps, seconds),
            "status": train.status.text(),
        }

    def segment(self) -> dict[str, Any]:
        """Segment a larger image."""
        segment, layers = self._raised("Segment"), self.viewer.layers
        small = layers["nuclei"]
        large, place = np.tile(small.data, LARGE), {"scale": small.scale, "units": small.units}
        segment.image.value = self.viewer.add_image(large, name="large", **place)
        rest(2)
        measured: dict[str, Any] = {}

        def listen(event: dict[str, Any], show: Callable[[dict], None]) -> None:
            if event["event"] != "segmented":
                show(event)
                return
            measured.update(self.lateness.stop())
            began = time.perf_counter()
            show(event)  # from here on it is napari that draws a new layer
            measured["adding_the_layer_ms"] = round(1000 * (time.perf_counter() - began), 1)

        self.lateness.start()
        run(segment, listen)
        return {**measured, "status": segment.status.text()}

    def _raised(self, name: str) -> Any:
        dock, widget = self.docks[name]
        dock.raise_()
        rest(1)
        return widget

    def close(self) -> None:
        """End napari and the process that computes."""
        shared_worker().shut_down()
        self.viewer.close()


def run(widget: Any, listen: Callable[[dict, Callable[[dict], None]], None]) -> None:
    """Click on a dock's first button and hear of its job until that ends."""
    submit = widget.submit

    def submitted(request: dict, arrays: Any, show: Callable[[dict], None]) -> None:
        submit(request, arrays, lambda event: listen(event, show))

    widget.submit = submitted
    widget.start_button.click()
    wait(lambda: widget.job is None)
    widget.submit = submit


def wait(condition: Callable[[], bool]) -> None:
    """Let the window live until something is true."""
    while not condition():
        QApplication.processEvents()
        time.sleep(0.001)


def rest(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.perf_counter() + seconds
    wait(lambda: time.perf_counter() > end)


def train_alone(seconds: float) -> dict[str, float]:
    """Train like the Train dock, in a process that has no window."""
    command = [sys.executable, "-c", ALONE, str(seconds)]
    variables = {**os.environ, **environment()}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=variables)
    return pace([StepTime(*json.loads(line)) for line in done.stdout.splitlines()], seconds)


def ratio(pairs: list[tuple[dict, dict]], key: str) -> float:
    """Return the median of so many quotients."""
    return round(statistics.median(inside[key] / alone[key] for inside, alone in pairs), 3)


def measure(seconds: float, pairs: int) -> dict[str, Any]:
    window = Window()
    result: dict[str, Any] = {"idle": window.idle(seconds)}
    shared_worker().shut_down()
    result["training_cold"] = window.train(seconds)  # the next ones find everything loaded
    measured = [(window.train(seconds), train_alone(seconds)) for _ in range(pairs)]
    result["training"], result["training_alone"] = map(list, zip(*measured, strict=True))
    result["step_ratio"], result["wall_ratio"] = (
        ratio(measured, key) for key in ("step_ms", "wall_ms")
    )
    result["segmenting"] = window.segment()
    result["torch_in_napari"] = "torch" in sys.modules
    window.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20, help="of each training")
    parser.add_argument("--pairs", type=int, default=3, help="of trainings to compare")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:  # not the library of whoever measures
        os.environ["SEAMLESS_UNET_MODELS"] = own
        os.environ["SEAMLESS_UNET_SETTINGS"] = str(Path(own) / "settings.json")
        print(json.dumps(measure(options.seconds, options.pairs)))


if __name__ == "__main__":
    main()
