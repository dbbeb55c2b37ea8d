"""How a model is trained: what the Train dock asks besides what to learn from."""

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox
from magicgui.widgets.bases import ValueWidget

from seamless_unet.model_file import read_info
from seamless_unet.plugin import models
from seamless_unet.plugin.choice import Choice

_PRESETS = [("quick (recommended)", "quick"), ("as in the U-Net paper (slow)", "paper")]
_STACKS: list[tuple[str, int | str]] = [
    ("automatic", "auto"),
    ("planes, then linked", 2),
    ("volumes", 3),
]
_STARTS = [("automatic", "auto"), ("nothing learned before", "scratch")]
History = Sequence[dict[str, Any]]


class Recipe:
    """The widgets, and what they say to `seamless_unet.config.TrainConfig`."""

    def __init__(self) -> None:
        self.begin = Choice(
            label="Start from",
            choices=lambda _: [*_STARTS, *models.choices()],
            tooltip="A model that knows similar cells learns new ones faster.\n"
            "Automatic takes a built-in model if it finds enough of your cells already.",
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
        self.stacks = ComboBox(
            label="Stacks as",
            choices=_STACKS,
            tooltip="Automatic learns volumes where whole cells are drawn through their planes,\n"
            "each with one number, and lie on one another: a volume tells those apart better.\n"
            "Elsewhere, and by the paper's recipe, it learns planes. A model to start from\n"
            "decides itself.",
        )

    def not_applicable(self, axes: str) -> list[ValueWidget]:
        """Return what means nothing for images of these dimensions."""
        return [] if "Z" in axes else [self.stacks]

    def request(self, annotation: str, axes: str) -> dict[str, Any]:
        """Return what a check or a training is told, of labels with this meaning."""
        changes = {"minutes": self.minutes.value, "annotation": annotation}
        if self.begin.value != "auto":  # else as the preset has it
            changes["start"] = self.begin.value
        if self.stacks.value != "auto" and "Z" in axes:
            changes["ndim"] = self.stacks.value
        if self._model is not None:
            changes |= read_info(self._model).start_settings
        return {"preset": self.preset.value, "changes": changes}

    def learned_before(self) -> tuple[History, History]:
        """Return the history of the chosen model, and the trainings that it had before.

        Raises
        ------
        ValueError, OSError
            If it cannot be read.
        """
        training = read_info(self._model).training if self._model is not None else {}
        return training.get("history", []), training.get("earlier", [])

    @property
    def _model(self) -> str | None:
        """The path of the model to start from, if one is chosen."""
        return None if self.begin.value in ("auto", "scratch") else self.begin.value
