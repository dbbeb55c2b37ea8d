"""The Train dock: an image layer and the labels drawn on it in, a model in the library out."""

from pathlib import Path
from typing import Any

import napari
from magicgui.widgets import ComboBox, FloatSpinBox, LineEdit
from napari.layers import Labels
from napari.utils.notifications import show_info

from seamless_unet.plugin import layers, models
from seamless_unet.plugin.image_panel import ImagePanel
from seamless_unet.plugin.loss_plot import LossPlot
from seamless_unet.plugin.panel import layer_combo, left, words
from seamless_unet.plugin.worker import Event, Job

_ANNOTATIONS = [("whole cells", "objects"), ("kinds of area", "classes"), ("strokes", "scribbles")]
_MEANINGS = {
    "objects": "Every cell is filled with a number of its own; 0 is background. "
    "Images of a stack without any label are left out.",
    "classes": "Every pixel has the number of its kind of area; 0 is one of the kinds.",
    "scribbles": "1 is drawn on background, 2 and up on cells or kinds; 0 says nothing.",
}
_PRESETS = [("quick (recommended)", "quick"), ("as in the U-Net paper (slow)", "paper")]
_STARTS = [("automatic", "auto"), ("nothing learned before", "scratch")]


class TrainWidget(ImagePanel):
    """Teach a new model from labels drawn on an image layer."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Train", stop="Stop")
        self.labels = layer_combo(
            napari_viewer,
            Labels,
            label="Labels",
            tooltip="The labels layer that you drew on the image.",
        )
        self.annotation = ComboBox(
            label="I drew",
            choices=_ANNOTATIONS,
            tooltip="What the numbers in the labels layer mean.",
        )
        self.meaning = words()
        self.annotation.changed.connect(self._annotation_changed)
        self.name = LineEdit(
            label="Model name",
            value="my model",
            tooltip="The name in the Segment dock's list. An existing model is never overwritten.",
        )
        self.minutes = FloatSpinBox(
            label="Minutes",
            value=5,
            min=0.1,
            max=10_000,
            step=1,
            tooltip="How long to train. More annotation deserves more time.",
        )
        self.minutes.native.setDecimals(1)
        self.preset = ComboBox(
            label="Recipe",
            choices=_PRESETS,
            tooltip="Quick learns fast from few cells, also without a graphics card.\n"
            "The paper's recipe needs a graphics card and hours.",
        )
        self.begin = ComboBox(
            label="Start from",
            choices=lambda _: [*_STARTS, *models.choices()],
            tooltip="A model that knows similar cells learns new ones faster.\n"
            "Automatic takes a built-in model if it finds enough of your cells already.",
        )
        models.signals.changed.connect(self._library_changed)
        self.summary = words()
        self.plot = LossPlot()
        self.lay_out(
            [self.labels, self.annotation, self.meaning, self.name, self.minutes],
            options=[self.preset, self.begin],
            below=[self.plot, self.summary],
        )
        self._annotation_changed(self.annotation.value)
        self.start_button.setToolTip("Train a new model and save it.")
        self.stop_button.setToolTip("Stop now and keep the best model so far.")

    def start_on_image(self) -> None:
        """Train on the chosen layers."""
        image, axes, labels = self.image.value, self.axes.value, self.labels.value
        if labels is None:
            raise ValueError("Draw labels first: the labels button is above the layer list.")
        layers.check_same_place(image, axes, labels)
        changes = self._changes()
        path = models.new_path(self.name.value)
        request = {
            "request": "train",
            "axes": axes,
            "pixel_size": layers.pixel_size(image, axes),
            "preset": self.preset.value,
            "changes": changes,
            "device": self.device.value,
            "output": str(path),
            "checkpoint": str(models.checkpoint_path(path)),
        }
        self.plot.clear()
        self.summary.clear()
        self._path, self._learning, self._score = path, False, ""
        arrays = {"images": layers.full_data(image), "labels": layers.full_data(labels)}
        self.submit(request, arrays, self._show)

    def stop(self, job: Job) -> None:
        """Keep the best model so far, if there is one."""
        if not self._learning:
            self.worker.cancel(job)
            return
        self.stop_button.setEnabled(False)
        self.status.setText("Stopping; the best model so far is kept ...")
        self.worker.stop(job)

    def _changes(self) -> dict[str, Any]:
        changes = {"minutes": self.minutes.value, "annotation": self.annotation.value}
        if self.begin.value == "auto":
            return changes  # as the recipe has it
        known = models.start_settings(self.begin.value) if self.begin.value != "scratch" else {}
        return {**changes, "start": self.begin.value, **known}

    def _library_changed(self, path: str) -> None:
        self.begin.reset_choices()

    def _annotation_changed(self, annotation: str) -> None:
        self.meaning.setText(_MEANINGS[annotation])

    def _show(self, event: Event) -> None:
        match event["event"]:
            case "running":
                self.show_progress(None, "Preparing the annotation ...")
            case "prepared":
                self.summary.setText(event["text"])
                self.show_progress(0.0, "Training ...")
            case "step":
                self._learning = True
                self.plot.add_loss(event["step"], event["loss"])
                if self.stop_button.isEnabled():
                    remaining = left(event["seconds_left"])
                    self.show_progress(event["fraction"], f"Training{remaining}.{self._score}")
            case "validated":
                self._score = f" Score {event['score']:.2f} of 1."
                self.plot.add_score(event["step"], event["score"])
            case "trained":
                self._saved(Path(event["model"]), event["score"])
            case "cancelled":
                self.show_end("Stopped before anything was learned.")
            case "error" | "crashed":
                if self._path.exists():
                    kept = f" The best model so far is kept as '{self._path.stem}'."
                    event = {**event, "message": event["message"] + kept}
                    models.signals.changed.emit(str(self._path))
                self.failed(event)

    def _saved(self, path: Path, score: float | None) -> None:
        reached = "" if score is None else f" It scores {score:.2f} of 1 on annotation held back."
        self.show_end(f"Model '{path.stem}' is saved and in the Segment dock's list.{reached}")
        models.signals.changed.emit(str(path))
        show_info(f"Model '{path.stem}' is saved.")
