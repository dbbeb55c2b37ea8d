"""What the docks that work on an image have in common: which image, and what its dimensions are."""

from typing import Any

from magicgui.widgets import ComboBox
from magicgui.widgets.bases import ValueWidget
from napari.layers import Image
from qtpy.QtWidgets import QWidget

from seamless_unet.plugin import layers
from seamless_unet.plugin.panel import Panel, layer_combo


class ImagePanel(Panel):
    """A form about an image layer."""

    def __init__(self, napari_viewer: Any, *, start: str, stop: str) -> None:
        super().__init__(napari_viewer, start=start, stop=stop)
        self.image = layer_combo(
            napari_viewer, Image, label="Image", tooltip="The image layer to work on."
        )
        self.axes = ComboBox(
            label="Dimensions",
            choices=lambda _: self._axes_choices(),
            tooltip="What the sliders below the image go through.",
        )
        self.device = ComboBox(
            label="Compute on",
            choices=[("fastest device found", "auto"), ("processor (CPU) only", "cpu")],
            tooltip="A graphics card is used if PyTorch finds one.",
        )
        self.image.changed.connect(self._image_changed)
        self.axes.changed.connect(self.image_changed)

    def lay_out(
        self,
        rows: list[ValueWidget | QWidget],
        *,
        options: list[ValueWidget],
        below: list[QWidget],
    ) -> None:
        """Put the form together: the image first, the device last."""
        rows = [self.image, self.axes, *rows]
        super().lay_out(rows, options=[*options, self.device], below=below)
        self._image_changed()

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        super().reset_choices()
        self._image_changed()

    def start(self) -> None:
        """Submit the job that the form describes, once there is an image.

        Raises
        ------
        ValueError
            If there is none, or not one that can be worked on.
        """
        if self.image.value is None:
            raise ValueError("Open an image first: File > Open, or File > Open Sample.")
        if self.axes.value is None:
            raise ValueError("This image has too many dimensions; choose a part of it.")
        self.start_on_image()

    def start_on_image(self) -> None:
        """Submit the job that the form describes; ValueError with words if it cannot be."""
        raise NotImplementedError

    def image_changed(self, *_: Any) -> None:
        """Follow the choice of another image, or of what its dimensions are."""

    def _axes_choices(self) -> list[tuple[str, str]]:
        return [] if self.image.value is None else layers.axes_choices(self.image.value)

    def _image_changed(self, *_: Any) -> None:
        self.axes.reset_choices()
        self.show_row(self.axes, len(self.axes.choices) > 1)
        self.image_changed()
