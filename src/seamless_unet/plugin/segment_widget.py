"""The Segment dock: an image layer and a model in, a new Labels layer out."""

from pathlib import Path
from typing import Any

import napari
from magicgui.widgets import CheckBox, ComboBox, FloatSlider, SpinBox
from napari.plugins import menu_item_template

from seamless_unet.config import ModelInfo
from seamless_unet.model_file import read_info
from seamless_unet.plugin import layers, models
from seamless_unet.plugin.image_panel import ImagePanel
from seamless_unet.plugin.panel import words
from seamless_unet.plugin.worker import Event

_MEMORY = [("automatic", None), ("at most 4 GB", 2**32), ("1 GB", 2**30), ("256 MB", 2**28)]


class SegmentWidget(ImagePanel):
    """Outline the cells of an image layer with a model."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Run", stop="Cancel")
        self.model = ComboBox(
            label="Model",
            choices=lambda _: models.choices(),
            tooltip="A model that comes with the plugin, or one that you trained.",
        )
        self.channel = ComboBox(
            label="Channel",
            choices=lambda _: self._channel_choices(),
            tooltip="The model was trained on one channel: choose which one to give it.",
        )
        self.description = words()
        self.threshold = FloatSlider(
            label="Certainty",
            min=0.05,
            max=0.95,
            step=0.05,
            tooltip="How certain the model must be that a pixel is part of a cell.\n"
            "Higher: smaller and fewer cells. Lower: larger and more.",
        )
        self.min_size = SpinBox(
            label="Smallest (pixels)",
            min=0,
            max=10**9,
            tooltip="Cells of fewer pixels than this are left out.",
        )
        self.careful = CheckBox(
            text="Extra careful (8x slower)",
            tooltip="Average over turned and mirrored copies of the image.",
        )
        self.memory = ComboBox(
            label="Memory limit",
            choices=_MEMORY,
            tooltip="Large images are cut into pieces that need no more than about this much "
            "memory.\nThe result is the same.",
        )
        self.model.changed.connect(self._model_changed)
        self.lay_out(
            [self.channel, self.model, self.description],
            options=[self.threshold, self.min_size, self.memory, self.careful],
            below=[],
        )
        models.signals.changed.connect(self._library_changed)
        self.start_button.setToolTip("Segment the image into a new Labels layer.")
        self.stop_button.setToolTip("Stop at once; nothing is kept.")
        self._model_changed()

    def start_on_image(self) -> None:
        """Segment the chosen image."""
        if self.model.value is None:
            raise ValueError("There is no model yet: train one in the Train dock.")
        image, axes = self.image.value, self.axes.value
        data = layers.full_data(image)
        if len(self.channel.choices) > 1:
            data, axes = layers.one_channel(image, axes, self.channel.value)
        options = {"symmetries": self.careful.value, "memory": self.memory.value}
        if self.threshold not in self.not_applicable:
            options |= {"threshold": self.threshold.value, "min_size": self.min_size.value}
        request = {
            "request": "segment",
            "axes": axes,
            "model": self.model.value,
            "device": self.device.value,
            "options": options,
        }
        self._target = (image, self.axes.value, f"{image.name} {Path(self.model.value).stem}")
        self.submit(request, {"image": data}, self._show)

    def _show(self, event: Event) -> None:
        match event["event"]:
            case "running":
                self.show_progress(None, "Loading the model ...")
            case "progress":
                self.show_progress(event["fraction"] or None, "Segmenting ...")
            case "segmented":
                image, axes, name = self._target
                layers.add_labels(self.viewer, event["labels"], image, axes, name=name)
                count = event["objects"]
                found = "" if count is None else f" {count} cell{'s' * (count != 1)} found."
                self.show_end(f"Done.{found}")
            case "cancelled":
                self.show_end("Cancelled.")
            case "error" | "crashed":
                self.failed(event)

    def image_changed(self, *_: Any) -> None:
        """Offer the image's channels where the model wants one."""
        self.channel.reset_choices()
        self.show_row(self.channel, len(self.channel.choices) > 1)

    def _channel_choices(self) -> list[tuple[str, int]]:
        if self.image.value is None or self.axes.value is None:
            return []
        info = self._info()
        count = layers.channels(self.image.value, self.axes.value)
        if count == 1 or (info is not None and info.network.in_channels == count):
            return []
        names = ("red", "green", "blue") if self.image.value.rgb else range(1, count + 1)
        return [(str(name), index) for index, name in enumerate(names)]

    def _info(self) -> ModelInfo | None:
        try:
            return read_info(self.model.value)
        except (TypeError, ValueError, OSError):
            return None

    def _model_changed(self, *_: Any) -> None:
        path = self.model.value
        self.description.setText(models.describe(path) if path else "There is no model yet.")
        if path:
            self.worker.warm(path, self.device.value)
        info = self._info()
        objects = info is None or info.output == "objects"
        self.not_applicable = [] if objects else [self.threshold, self.min_size]
        self.show_options()
        if info is not None:
            self.threshold.value, self.min_size.value = info.threshold, info.min_size
        self.image_changed()

    def _library_changed(self, path: str) -> None:
        self.model.reset_choices()
        if self.job is None:
            self.model.value = path


def segment_cells(layer: napari.layers.Layer, viewer: napari.Viewer) -> None:
    """Open or raise the Segment dock, with the active layer chosen if it is an image."""
    name = menu_item_template.format("Seamless U-Net", "Segment")  # as the Plugins menu has it
    docks = viewer.window.dock_widgets
    if name not in docks:
        viewer.window.add_dock_widget(SegmentWidget(viewer), name=name)
    widget = docks[name]
    if isinstance(layer, napari.layers.Image):
        widget.image.value = layer
    dock = widget.parent()
    dock.show()
    dock.raise_()
