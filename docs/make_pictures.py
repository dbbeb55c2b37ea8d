"""Make the pictures of the documentation by using the real window.

It needs a display::

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/make_pictures.py

A tour: five minutes of somebody who has a few nuclei, with real clicks and a real training.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

PLUGIN = "napari-seamless-unet"
HERE = Path(__file__).parent
SIZE = (1200, 860)
MINUTES = 0.8


def wait(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Let the window live until something is true."""
    until = time.monotonic() + seconds
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > until:
            raise TimeoutError("the window did not come to what was waited for")


def rest(seconds: float = 1.0) -> None:
    """Let the window live for a while."""
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


def click(button) -> None:
    """Click where a user would."""
    wait(lambda: button.isVisible() and button.isEnabled())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


class Tour:
    """One viewer, and a picture of it whenever there is something to show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer()
        self.window = self.viewer.window._qt_window
        self.window.resize(*SIZE)
        self.docks: dict[str, object] = {}

    def picture(self, name: str, folder: Path | None = None) -> None:
        """Save what the window shows."""
        rest()
        self.window.grab().save(str((folder or self.folder) / f"{name}.png"))

    def dock(self, name: str):
        """Open or raise one of the plugin's docks and return its widget."""
        if name not in self.docks:
            self.docks[name] = self.viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
        dock, widget = self.docks[name]
        dock.raise_()
        wait(widget.isVisible)
        return widget

    def done(self, widget) -> None:
        """Wait for the end of a dock's job."""
        wait(lambda: widget.job is None)

    def draw(self) -> None:
        """Draw some nuclei, and a rectangle around them."""
        self.viewer.open_sample(PLUGIN, "nuclei")
        image, truth = self.viewer.layers
        part = (slice(0, 200), slice(0, truth.data.shape[1] // 2))
        inside = np.unique(truth.data[part])
        drawn = np.where(np.isin(truth.data, inside), truth.data, 0)  # cells at its edge as a whole
        truth.visible = False
        place = {"scale": image.scale, "units": image.units}
        self.viewer.add_shapes(
            np.array([(0, 0), (0, 1), (1, 1), (1, 0)]) * [part[0].stop, part[1].stop] - 0.5,
            name="region",
            face_color="transparent",
            edge_color="yellow",
            edge_width=2,
            **place,
        )
        self.viewer.add_labels(drawn, name="my nuclei", **place)
        self.picture("1_draw")

    def train(self) -> None:
        """Train on what was drawn; a picture before, meanwhile and after."""
        train, layers = self.dock("Train"), self.viewer.layers
        train.image.value, train.drawing.labels.value = layers["nuclei"], layers["my nuclei"]
        train.drawing.region.value = layers["region"]
        train.name.value = "nuclei of mine"
        train.recipe.minutes.value = MINUTES
        train.recipe.begin.value = "scratch"
        wait(lambda: "Learning from" in train.check.text.text())
        self.picture("2_before_training")
        click(train.start_button)
        wait(lambda: train.bar.value() > 70 and train.preview.shown is not None)
        train.ensureWidgetVisible(train.plot)
        self.picture("3_training")
        self.done(train)
        click(train.correct_button)
        self.picture("4_correct")

    def segment(self) -> None:
        """Segment a stack with the bundled model, and the first image too."""
        segment, layers = self.dock("Segment"), self.viewer.layers
        segment.image.value = layers["nuclei"]
        segment.model.value = segment.model.choices[0]
        click(segment.start_button)
        self.done(segment)
        for layer in layers:
            layer.visible = layer.name in ("nuclei", "nuclei nuclei")
        self.picture("5_segment")
        self.picture("napari", HERE)

    def judge(self) -> None:
        """Compare with the truth, and look at the weights and features behind it."""
        evaluate, layers = self.dock("Evaluate"), self.viewer.layers
        evaluate.predicted.value = layers["nuclei nuclei"]
        evaluate.truth.value = layers["nuclei labels"]
        click(evaluate.start_button)
        self.done(evaluate)
        self.picture("6_evaluate")
        layers[-1].visible = False
        look = self.dock("Look inside")
        look.kind.value = "weights"
        look.labels.value = layers["nuclei labels"]
        click(look.start_button)
        self.done(look)
        self.picture("7_border_weights")
        layers[-1].visible = False
        look.kind.value = "features"
        click(look.start_button)
        self.done(look)
        self.picture("8_features")
        layers[-1].visible = False
        self.dock("Models")
        self.picture("9_models")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own:  # not the library of whoever makes the pictures
        os.environ["SEAMLESS_UNET_MODELS"] = own
        os.environ["SEAMLESS_UNET_SETTINGS"] = str(Path(own) / "settings.json")
        tour = Tour(folder)
        for part in (tour.draw, tour.train, tour.segment, tour.judge):
            part()
        tour.viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "tour")
