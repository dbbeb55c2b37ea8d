"""Measure whether napari stays responsive while the plugin computes, and the speed of training.

A timer of 20 ms runs in napari's main thread; how late it is at worst is what a user feels.
Prints one JSON object::

    python benchmarks/ui_latency.py [--seconds 30]

It needs a display; on a machine without one, put ``xvfb-run -a`` before it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import napari
import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from seamless_unet.plugin.segment_widget import SegmentWidget
from seamless_unet.plugin.train_widget import TrainWidget
from seamless_unet.plugin.worker import shared_worker

INTERVAL = 0.020
ALONE = """
import sys, time
from seamless_unet.config import TrainConfig
from seamless_unet.image_io import read_image, read_labels, sample_path
from seamless_unet.train import Step, train
image, labels = read_image(sample_path("nuclei.tif")), read_labels(sample_path("nuclei_labels.tif"))
config = TrainConfig.preset("quick", minutes=float(sys.argv[1]) / 60)
times = [
    time.perf_counter()
    for event in train([image.data], [labels.data], config, axes="YX")
    if isinstance(event, Step)
]
print((times[-1] - times[0]) / (len(times) - 1))
"""


class Probe:
    """Measure how late a timer is between `start` and `stop`."""

    def __init__(self) -> None:
        self.timer = QTimer(timerType=Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin to measure."""
        self.late, self.last = [], time.perf_counter()
        self.timer.start(int(1000 * INTERVAL))

    def _tick(self) -> None:
        now = time.perf_counter()
        self.late.append(1000 * max(now - self.last - INTERVAL, 0.0))
        self.last = now

    def stop(self) -> dict[str, float]:
        """Return how late the timer was, in milliseconds."""
        self.timer.stop()
        cuts = statistics.quantiles(self.late, n=100)
        return {
            "ticks": len(self.late),
            "median_ms": round(cuts[49], 1),
            "p99_ms": round(cuts[98], 1),
            "worst_ms": round(max(self.late), 1),
        }


def spin(until) -> None:
    while not until():
        QApplication.processEvents()
        time.sleep(0.001)


def spin_for(seconds: float) -> None:
    end = time.perf_counter() + seconds
    spin(lambda: time.perf_counter() > end)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    seconds = parser.parse_args().seconds
    result: dict[str, object] = {}

    viewer = napari.Viewer()
    viewer.open_sample("napari-seamless-unet", "nuclei")
    train_panel, segment_panel = TrainWidget(viewer), SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment_panel, name="Segment")
    viewer.window.add_dock_widget(train_panel, name="Train", tabify=True)
    spin_for(3)
    probe = Probe()

    probe.start()
    spin_for(seconds)
    result["idle"] = probe.stop()

    steps: list[tuple[float, int]] = []  # when, which
    previews: list[float] = []
    train_panel.minutes.value = seconds / 60
    show = train_panel._show

    def listen(event: dict) -> None:
        show(event)
        if event["event"] == "step":
            steps.append((time.perf_counter(), event["step"]))
        elif event["event"] == "preview":
            previews.append(time.perf_counter())

    train_panel._show = listen
    for child in ("cold", "warm"):  # the second training finds the child with everything loaded
        if child == "cold":
            shared_worker().shut_down()
        steps.clear()
        previews.clear()
        probe.start()
        clicked = time.perf_counter()
        train_panel.start_button.click()
        spin(lambda: train_panel.job is None)
        result[f"training_{child}"] = {
            **probe.stop(),
            "previews": len(previews),
            "click_to_first_preview_s": round(previews[0] - clicked, 1),
        }
    result["status"] = train_panel.status.text()
    (first_time, first), (last_time, last) = steps[0], steps[-1]
    result["seconds_per_step_in_napari"] = round((last_time - first_time) / (last - first), 4)

    large = np.tile(viewer.layers["nuclei"].data, (5, 5))
    segment_panel.image.value = viewer.add_image(large, name="large")
    show_segmented = segment_panel._show

    def time_the_layer(event: dict) -> None:
        if event["event"] != "segmented":
            show_segmented(event)
            return
        result["segmenting"] = probe.stop()
        began = time.perf_counter()
        show_segmented(event)  # from here on it is napari that draws a new layer
        result["adding_the_labels_layer_ms"] = round(1000 * (time.perf_counter() - began), 1)

    segment_panel._show = time_the_layer
    spin_for(2)
    probe.start()
    segment_panel.start_button.click()
    spin(lambda: segment_panel.job is None)
    result["status"] = [result["status"], segment_panel.status.text()]
    result["torch_in_napari"] = "torch" in sys.modules

    shared_worker().shut_down()
    viewer.close()
    command = [sys.executable, "-c", ALONE, str(seconds)]
    alone = subprocess.run(command, check=True, capture_output=True, text=True)
    result["seconds_per_step_alone"] = round(float(alone.stdout), 4)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as library:  # leave the user's own models alone
        os.environ["SEAMLESS_UNET_MODELS"] = library
        main()
