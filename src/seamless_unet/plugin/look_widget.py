"""The Look inside dock: what a training stresses and is shown, and what a model sees."""

from typing import Any

import napari
from magicgui.widgets import ComboBox
from magicgui.widgets.bases import ValueWidget
from napari.layers import Labels, Layer

from seamless_unet.plugin import models, settings
from seamless_unet.plugin.docks import raised_dock
from seamless_unet.plugin.image_panel import ImagePanel
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.look import Look
from seamless_unet.plugin.look_examples import ExampleRows
from seamless_unet.plugin.look_features import FeatureRows
from seamless_unet.plugin.look_weights import WeightRows
from seamless_unet.plugin.panel import layer_combo
from seamless_unet.plugin.words import words

_KINDS = [
    ("border weights", "weights"),
    ("examples for training", "examples"),
    ("feature maps of a model", "features"),
]
_MEANINGS = {
    "weights": WeightRows.meaning,
    "examples": ExampleRows.meaning,
    "features": FeatureRows.meaning,
}


class LookWidget(ImagePanel):
    """Make layers of what is otherwise hidden in a training or a model."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Show", stop="Cancel")
        self.kind = ComboBox(label="Look at", choices=_KINDS, tooltip="What to make layers of.")
        self.meaning = words()
        self._made: dict[str, list[tuple[Layer, str]]] = {}  # with the names they were given
        self.labels = layer_combo(
            napari_viewer, Labels, label="Labels", tooltip="The cells that were drawn."
        )
        self.weights, self.examples, self.features = WeightRows(), ExampleRows(), FeatureRows()
        self._shown = {
            "weights": [self.labels, *self.weights.rows],
            "examples": [self.labels, *self.examples.rows],
            "features": self.features.rows,
        }
        rows = [*self.weights.rows, *self.examples.rows, *self.features.rows]
        self.lay_out([self.kind, self.meaning, self.labels, *rows], options=[], below=[])
        self._kept: dict[str, ValueWidget] = {"kind": self.kind, "device": self.device}
        for part in (self.weights, self.examples, self.features):
            self._kept |= part.kept
        settings.restore("Look inside", self._kept)
        self.kind.changed.connect(self._kind_changed)
        self.labels.changed.connect(self.image_changed)
        models.signals.changed.connect(self._library_changed)
        models.signals.renamed.connect(self._renamed)
        self.start_button.setToolTip(
            "Make layers of it. Those of the last time are replaced, unless you renamed them."
        )
        self.stop_button.setToolTip("Stop at once; nothing is kept.")
        self.image_changed()

    def _library_changed(self, _: str) -> None:  # of the dock, so that Qt ends it with the dock
        self.features.model.reset_choices()

    def _renamed(self, before: str, now: str) -> None:
        self.features.model.follow(before, now)

    def _kind_changed(self, *_: Any) -> None:
        if self.job is None:
            self.status.clear()  # it is about something else
        self._image_changed()

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        super().reset_choices()
        for kind, made in self._made.items():  # or what was removed would stay in memory
            self._made[kind] = [(layer, n) for layer, n in made if layer in self.viewer.layers]

    def start(self) -> None:
        """Submit the job that the form describes; border weights need no image."""
        if self.kind.value == "weights":
            self._submit(self.weights.look(self.viewer, self._drawn()))
        else:
            super().start()

    def start_on_image(self) -> None:
        """Submit a job about the chosen image."""
        image, axes = self.image.value, self.axes.value
        if self.kind.value == "examples":
            look = self.examples.look(self.viewer, image, axes, self._drawn())
        else:
            look = self.features.look(self.viewer, image, axes, device=self.device.value)
        self._submit(look)

    def _drawn(self) -> Labels:
        if self.labels.value is None:
            raise ValueError("Draw labels first: the labels button is above the layer list.")
        self.labels.check_not_lost("The layer of labels")
        return self.labels.value

    def _submit(self, look: Look) -> None:
        kind = self.kind.value
        settings.keep("Look inside", self._kept)

        def show(event: Event) -> None:
            match event["event"]:
                case "running" | "progress":
                    self.show_progress(event.get("fraction") or None, look.doing)
                case "cancelled":
                    self.show_end("Cancelled.")
                case "error" | "crashed":
                    self.failed(event)
                case _:
                    self._replace(kind, look, event)

        self.submit(look.request, look.arrays, show)

    def _replace(self, kind: str, look: Look, event: Event) -> None:
        """Make the layers of a look, in place of those of the last one of its kind."""
        for layer, name in self._made.pop(kind, []):
            if layer in self.viewer.layers and layer.name == name:
                self.viewer.layers.remove(layer)
        added, said = look.show(event)
        self._made[kind] = [(layer, layer.name) for layer in added]
        self.show_end(said)

    def image_changed(self, *_: Any) -> None:
        """Show the rows that matter for what is looked at."""
        kind = self.kind.value
        for rows in self._shown.values():
            for row in rows:
                self.show_row(row, row in self._shown[kind])
        self.weights.follow(self.labels.value)
        parts = len(self.weights.part.choices)
        self.show_row(self.weights.part, kind == "weights" and parts > 1)
        self.show_row(self.image, kind != "weights")
        if kind == "weights":
            self.show_row(self.axes, False)
            self.show_row(self.only_axes, False)
        self.not_applicable = [] if kind == "features" else [self.device]
        self.show_row(self.more, kind == "features")
        self.show_options()
        self.meaning.setText(_MEANINGS[kind])


def border_weights(layer: napari.layers.Layer, viewer: napari.Viewer) -> None:
    """Show the border weights of the active labels, in the Look inside dock."""
    widget = raised_dock(viewer, LookWidget, "Look inside")
    if not widget.is_free():
        return
    widget.kind.value = "weights"
    if isinstance(layer, Labels):
        widget.labels.value = layer
    widget.start_button.click()
