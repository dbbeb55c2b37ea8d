"""The Evaluate dock: a result and what is true in, tables and a layer of the differences out."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import napari
from magicgui.widgets import ComboBox
from napari.layers import Labels

from seamless_unet.metrics import IOU_THRESHOLDS
from seamless_unet.plugin import comparison, evaluation, settings, stored
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.evaluation_tables import EvaluationTables
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.panel import Panel, layer_combo


class EvaluateWidget(Panel):
    """Compare a result with what is true."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Compare", stop="Cancel")
        self.predicted = layer_combo(
            napari_viewer,
            Labels,
            label="Found",
            tooltip="What the model found: the Labels layer to be judged.",
        )
        self.truth = layer_combo(
            napari_viewer,
            Labels,
            label="True",
            tooltip="What is true: cells that were drawn or corrected by hand.",
        )
        self.ndim = Choice(
            label="Compare",
            choices=lambda _: _ndim_choices(self.predicted.value),
            tooltip="As one: a cell is the same in all planes, and judged as a whole.\n"
            "Plane by plane: every plane is judged by itself, and counts are added up.",
        )
        self.iou = ComboBox(
            label="Match from",
            choices=[(_in_words(iou), iou) for iou in IOU_THRESHOLDS],
            tooltip="Two cells count as the same from this overlap on: the area that both have,\n"
            "divided by the area that either has (intersection over union, IoU).\n"
            "0.5 is usual; more asks for more exact outlines.",
        )
        self.tables = EvaluationTables()
        self.tables.went_to.connect(self._go_to)
        self.lay_out(
            [self.predicted, self.truth, self.ndim, self.iou], options=[], below=[self.tables]
        )
        self.tables.hide()
        settings.restore("Evaluate", {"iou": self.iou})
        self._compared: Labels | None = None
        self._folder: Path | None = None  # of a comparison that is large
        self.predicted.changed.connect(self._predicted_changed)
        self._predicted_changed()
        self.start_button.setToolTip("Compare the two layers, cell by cell.")
        self.stop_button.setToolTip("Stop at once; nothing is kept.")

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        super().reset_choices()
        if self._compared not in self.viewer.layers:
            self._compared = None  # or what was removed would stay in memory
        self._follow_layers()

    def start(self) -> None:
        """Compare the chosen layers.

        Raises
        ------
        ValueError
            If they cannot be.
        """
        self._follow_layers()  # one may have other dimensions by now
        predicted, truth = self.predicted.value, self.truth.value
        if predicted is None or truth is None or predicted is truth:
            raise ValueError(
                "Choose two Labels layers: what was found, and what is true. For what is true, "
                "open it, draw it, or correct a copy of what was found."
            )
        self.predicted.check_not_lost("The layer of what was found")
        self.truth.check_not_lost("The layer of what is true")
        comparison.check_same_size(predicted, truth)
        settings.keep("Evaluate", {"iou": self.iou})
        both = {"predicted": predicted, "truth": truth}
        arrays = {name: comparison.compared_data(layer) for name, layer in both.items()}
        self._folder = _large_folder(arrays["predicted"], f"{predicted.name} compared")
        if self._folder is not None:
            self.worker.unfinished.add(self._folder)
        request = {
            "request": "evaluate",
            "axes": comparison.compared_axes(predicted),
            "pixel_size": comparison.pixel_size(predicted),
            "ndim": self.ndim.value,
            "iou": self.iou.value,
            "zarr": None if self._folder is None else str(self._folder),
        }
        names = comparison.axis_names(self.viewer, predicted)
        target = (predicted, truth, self.iou.value, names)
        self.submit(request, arrays, partial(self._show, target))

    def _show(self, target: tuple[Labels, Labels, float, list[str]], event: Event) -> None:
        match event["event"]:
            case "running" | "progress":
                self.show_progress(event.get("fraction") or None, "Comparing ...")
            case "evaluated":
                self._evaluated(event, *target)
            case "cancelled":
                self._drop()
                self.show_end("Cancelled.")
            case "error" | "crashed":
                self._drop()
                self.failed(event)

    def _drop(self) -> None:
        """Remove what a process that was killed left on the disk."""
        if self._folder is not None:
            stored.remove({self._folder})
            self.worker.unfinished.discard(self._folder)

    def _evaluated(
        self, event: Event, predicted: Labels, truth: Labels, iou: float, names: list[str]
    ) -> None:
        levels, kept = [event["compared"]], []
        if self._folder is not None:
            self.worker.unfinished.discard(self._folder)
            levels, kept = stored.open_levels(self._folder, "r"), [f"It is kept in {self._folder}."]
        self.tables.fill(event, iou=iou, shape=levels[0].shape, names=names)
        self.tables.show()
        for layer in (predicted, truth, self._compared):
            if layer is not None:  # it may have been removed meanwhile
                layer.visible = False
        self._compared = comparison.add_comparison(self.viewer, levels, predicted)
        problems = evaluation.remarks(
            event["overall"], event["parts"], truth=truth.name, predicted=predicted.name
        )
        if comparison.are_apart(predicted, truth):
            apart = "They lie in different places, and were compared as if one lay on the other."
            problems = [*problems, apart]
        done = f"Layer '{self._compared.name}' shows the differences; the two layers are hidden."
        self.show_end("\n".join([*problems, " ".join([done, *kept])]))

    def _go_to(self, place: Any, pixels: int) -> None:
        if self._compared is None or self._compared not in self.viewer.layers:
            self.say("The layer of the differences is gone: compare again to look at its cells.")
            return
        comparison.show_place(self.viewer, self._compared, place, pixels)

    def _predicted_changed(self, *_: Any) -> None:
        self._follow_layers()
        self.ndim.value = _ndim_choices(self.predicted.value)[0][1]

    def _follow_layers(self) -> None:
        """Offer what there is to choose, and two different layers where there are."""
        self.ndim.reset_choices()
        self.show_row(self.ndim, len(self.ndim.choices) > 1)
        self.truth.reset_choices()
        if self.truth.value is self.predicted.value:
            either = self.predicted if self.predicted.is_lost else self.truth
            others = [layer for layer in either.choices if layer is not either.value]
            if others:
                either.give_way(others[0])


def _large_folder(labels: Any, name: str) -> Path | None:
    """Return a new folder for a comparison of labels that takes much memory."""
    if not stored.is_better_stored(math.prod(labels.shape), labels):  # a byte for each pixel
        return None
    return stored.new_folder(stored.results_folder(), name)


def _ndim_choices(labels: Labels | None) -> list[tuple[str, int]]:
    """Return how many of the last axes belong together, in words; the likeliest first."""
    axes = "YX" if labels is None else comparison.compared_axes(labels)
    planes = ("plane by plane", 2)
    if len(axes) < 3:
        return [("as one", 2)]
    if len(axes) == 3:
        whole = ("all planes as one", 3)
        return [whole, planes] if axes[0] == "Z" else [planes, whole]
    stacks = ("stack by stack", 3)
    first = [stacks, planes] if "Z" in axes else [planes, stacks]
    return [*first, ("everything as one", len(axes))]


def _in_words(iou: float) -> str:
    """Return a threshold in words.

    >>> _in_words(0.5)
    '0.50 overlap (usual)'
    """
    return f"{iou:.2f} overlap{' (usual)' if iou == IOU_THRESHOLDS[0] else ''}"
