"""How a model is applied: the options of the Segment dock."""

from typing import Any

from magicgui.widgets import CheckBox, ComboBox, FloatSlider, FloatSpinBox, SpinBox
from magicgui.widgets.bases import RangedWidget, ValueWidget

from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin import model_fit, resizing
from seamless_unet.plugin.words import words

_MEMORY = [("automatic", None), ("at most 4 GB", 2**32), ("1 GB", 2**30), ("256 MB", 2**28)]


class SegmentOptions:
    """The widgets, and what they say to `seamless_unet.stack.segment_stack`."""

    def __init__(self) -> None:
        self._instances = _instances()
        self.threshold, self.neck, self.min_size = self._instances.values()
        self.link = CheckBox(
            text="Link cells",
            value=True,
            tooltip="A cell has the same number in all planes and time points that show it.\n"
            "Otherwise the numbers begin at 1 in each of them.",
        )
        self.certainty = CheckBox(
            text="Also show the certainty",
            tooltip="Add an image of how certain the model is, from 0 to 1.",
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
        self.resize = CheckBox(
            text="Resize for the model",
            tooltip="Resize the image to the pixels that the model learned from.\n"
            "The labels come back at the image's own size.",
        )
        self.pixels = words()  # how large those of the image and of the model are
        self._sizes: dict[str, float] = {}
        self._suggested_for: tuple = ()

    @property
    def rows(self) -> list[ValueWidget]:
        """The widgets that are shown when a user asks for more; ``resize`` is not among them."""
        return [
            *(self.threshold, self.neck, self.min_size, self.link, self.certainty),
            *(self.careful, self.memory),
        ]

    @property
    def kept(self) -> dict[str, ValueWidget]:
        """What is the same for the next image and model, by name."""
        names = ("link", "certainty", "careful", "memory")
        return {name: getattr(self, name) for name in names}

    def follow_model(self, info: ModelInfo) -> None:
        """Begin with what the model has itself."""
        for name, row in self._instances.items():
            row.value = min(max(getattr(info, name), row.min), row.max)  # in a file it may be any

    def follow_image(self, info: ModelInfo, axes: str, sizes: dict[str, float]) -> None:
        """Suggest to resize an image whose pixels differ; a user's answer stays."""
        self._sizes = sizes
        own = info.pixel_size
        differ = resizing.comparison(sizes, own, info.axes)
        known = differ if self.can_resize(info) else resizing.known_sizes(sizes, own, info.axes)
        self.pixels.setText(f"Pixels: {known}")
        pixels = (tuple(sizes.items()), tuple(own.items()), axes)
        if pixels != self._suggested_for:
            self._suggested_for = pixels
            self.resize.value = resizing.worth_doing(sizes, own, info.axes)

    def can_resize(self, info: ModelInfo) -> bool:
        """Whether the pixels of the image differ from the model's so that one should know."""
        return resizing.worth_saying(self._sizes, info.pixel_size, info.axes)

    def not_applicable(self, info: ModelInfo, axes: str) -> list[ValueWidget]:
        """Return the rows that mean nothing for a model and an image."""
        rows: list[ValueWidget] = []
        if info.output != "objects":
            rows += self._instances.values()
        if not model_fit.linkable(info, axes):
            rows.append(self.link)
        return rows

    def why_none(self) -> str:
        """Say what may be the reason where no cell is found; nothing if there is none here."""
        least = self.min_size.value
        why = (
            f"Cells of fewer than {least} pixels are left out: "
            "see Smallest (pixels) under More options."
        )
        return why if least > 1 else ""

    def keywords(self, info: ModelInfo, axes: str) -> dict[str, Any]:
        """Return those of `segment_stack` for an image with these axes."""
        options: dict[str, Any] = {
            "symmetries": self.careful.value,
            "memory": self.memory.value,
            "probabilities": self.certainty.value,
        }
        unused = self.not_applicable(info, axes)
        if self.threshold not in unused:
            options |= {name: row.value for name, row in self._instances.items()}
        if self.link not in unused:
            options["link"] = self.link.value
        if self.resize.value and self.can_resize(info):
            options["pixel_size"] = {a: self._sizes[a] for a in info.axes if a in self._sizes}
        return options


def _instances() -> dict[str, RangedWidget]:
    """Return what makes objects of probabilities, by its name in `ModelInfo`."""
    return {
        "threshold": FloatSlider(
            label="Certainty",
            min=0,
            max=1,
            step=0.05,
            tooltip="How certain the model must be that a pixel is part of a cell.\n"
            "Higher: smaller and fewer cells. Lower: larger and more.",
        ),
        "neck": FloatSpinBox(
            label="Divide at necks",
            min=0,
            max=1000,
            step=0.5,
            tooltip="Cells that run together are divided where their outline draws in from both\n"
            "sides by so many pixels. Higher: only at deep necks. 0: nowhere, not even between\n"
            "cells that lie under each other in a stack.",
        ),
        "min_size": SpinBox(
            label="Smallest (pixels)",
            min=0,
            max=10**9,
            tooltip="Cells of fewer pixels than this are left out.",
        ),
    }
