"""What the docks that work on an image have in common: which image, and what its dimensions are."""

import weakref
from typing import Any

from magicgui.widgets import ComboBox, Label
from magicgui.widgets.bases import ValueWidget
from napari.layers import Image
from qtpy.QtWidgets import QWidget

from seamless_unet.plugin import layer_metadata, layers
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.panel import Panel, layer_combo


class ImagePanel(Panel):
    """A form about an image layer."""

    def __init__(self, napari_viewer: Any, *, start: str, stop: str) -> None:
        super().__init__(napari_viewer, start=start, stop=stop)
        self.image = layer_combo(
            napari_viewer, Image, label="Image", tooltip="The image layer to work on."
        )
        self.axes = Choice(
            label="Dimensions",
            choices=lambda _: self._axes_choices(),
            tooltip="What the sliders below the image go through.\nTaken from the image's file "
            "where it says so; correct it here where it is wrong.",
        )
        self.only_axes = Label(
            label="Dimensions", tooltip="What the image has: there is nothing to choose."
        )
        self.device = ComboBox(
            label="Compute on",
            choices=[("fastest device found", "auto"), ("processor (CPU) only", "cpu")],
            tooltip="A graphics card is used if PyTorch finds one.",
        )
        self.image.changed.connect(self._image_changed)
        self.axes.changed.connect(self._axes_chosen)
        self._chosen: weakref.WeakKeyDictionary[Image, str] = weakref.WeakKeyDictionary()
        layer_metadata.signals.arrived.connect(self._image_changed)

    def lay_out(
        self,
        rows: list[ValueWidget | QWidget],
        *,
        options: list[ValueWidget],
        below: list[QWidget],
    ) -> None:
        """Put the form together: the image first, the device last."""
        rows = [self.image, self.axes, self.only_axes, *rows]
        super().lay_out(rows, options=[*options, self.device], below=below)
        self._image_changed()

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        with self.axes.changed.blocked():  # only a user chooses dimensions
            super().reset_choices()
        self._image_changed()

    def start(self) -> None:
        """Submit the job that the form describes, once there is an image.

        Raises
        ------
        ValueError
            If there is none, or not one that can be worked on.
        """
        self._image_changed()  # it may have another shape by now
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

    def _axes_chosen(self, axes: str) -> None:
        self._chosen[self.image.value] = axes
        self.image_changed()

    def _image_changed(self, *_: Any) -> None:
        """Show the dimensions of the image: those that the user chose for it, else the likeliest.

        The same choices may belong to another image, so the one shown before means nothing.
        """
        with self.axes.changed.blocked():
            self.axes.reset_choices()
            if choices := self.axes.choices:
                chosen = self._chosen.get(self.image.value)
                self.axes.value = chosen if chosen in choices else choices[0]
        self.only_axes.value = self.axes.current_choice or ""
        self.show_row(self.axes, len(choices) > 1)
        self.show_row(self.only_axes, len(choices) == 1)
        self.image_changed()
