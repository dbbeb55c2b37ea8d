"""The Segment dock: an image layer and a model in, a new Labels layer out."""

import math
from pathlib import Path
from typing import Any

import napari
from magicgui.types import FileDialogMode
from magicgui.widgets import Container, FileEdit

from seamless_unet.axes import loop_axes
from seamless_unet.model_file import bundled_models
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin import layers, library, model_fit, models, settings
from seamless_unet.plugin.channel_rows import ChannelRows, suggested
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.image_panel import ImagePanel
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.segment_input import channel_choices, model_input
from seamless_unet.plugin.segment_options import SegmentOptions
from seamless_unet.plugin.segment_result import Place, Result
from seamless_unet.plugin.stored import is_better_stored, new_folder, results_folder
from seamless_unet.plugin.view import View, current_view
from seamless_unet.plugin.words import left, words


class SegmentWidget(ImagePanel):
    """Outline the cells of an image layer with a model."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Run", stop="Cancel")
        self.model = Choice(
            label="Model",
            choices=lambda _: self._model_choices(),
            tooltip="A model that comes with the plugin, or one that you trained.",
        )
        self.part = Choice(
            label="Segment",
            choices=lambda _: self._part_choices(),
            tooltip="All of the image, or only what the sliders are set to.",
        )
        self.description, self.plan = words(), words()
        self.channels = ChannelRows()
        self.how = SegmentOptions()
        self.folder = FileEdit(
            label="Save to",
            mode=FileDialogMode.EXISTING_DIRECTORY,
            value=results_folder(),
            tooltip="So many labels are written to this folder while they are made, and shown from "
            "there.\nEvery run gets a name of its own.",
        )
        self.saving = Container(widgets=[self.folder], labels=True)
        self.saving.margins = (0, 0, 0, 0)
        self._result: Result | None = None
        self._kept = {"model": self.model, "device": self.device, **self.how.kept}
        self.lay_out(
            [
                *(self.part, self.model, self.description, self.channels),
                *(self.how.pixels, self.how.resize, self.plan, self.saving.native),
            ],
            options=self.how.rows,
            below=[],
        )
        settings.restore("Segment", self._kept)
        self._model_changed()
        self.model.changed.connect(self._model_changed)
        self.part.changed.connect(self.image_changed)
        self.how.link.changed.connect(self._show_plan)
        models.signals.changed.connect(self._library_changed)
        models.signals.renamed.connect(self._renamed)
        self.start_button.setToolTip("Segment the image into a new Labels layer.")
        self.stop_button.setToolTip("Stop at once; nothing is kept.")

    def start_on_image(self) -> None:
        """Segment the chosen image."""
        if self.model.value is None:
            raise ValueError("There is no model yet: train one in the Train dock.")
        self.model.check_not_lost("The model")
        self.channels.check_not_lost()
        info = self._info()
        if info is None:
            raise ValueError(models.describe(self.model.value))
        if reason := self._misfit(info):
            raise ValueError(reason)
        image, view = self.image.value, self._view(info)
        index = {} if view is None else dict(view.index)
        plane = index.pop("Z", None)  # of a stack, whose grey values are measured together
        data, axes = model_input(image, self.axes.value, self.channels.value, index)
        place = self._place(view)
        name = f"{place.image} {place.model}"
        folder = new_folder(Path(str(self.folder.value)), name) if self._is_large() else None
        request = {
            "request": "segment",
            "axes": axes,
            "plane": plane,
            "model": self.model.value,
            "device": self.device.value,
            "options": self.how.keywords(info, axes),
            "label_axes": place.axes,
            "zarr": None if folder is None else str(folder),
            "pixel_size": layers.pixel_size(image, self.axes.value),
        }
        suggested = set() if self.model.was_chosen else {"model"}
        settings.keep("Segment", {k: v for k, v in self._kept.items() if k not in suggested})
        self._why_none = self.how.why_none()
        certainty = self.how.certainty.value
        self._result = Result(self.viewer, place, info, folder, certainty=certainty)
        self.worker.unfinished |= self._result.folders
        self.submit(request, {"image": data}, self._show)

    def _show(self, event: Event) -> None:
        assert self._result is not None
        match event["event"]:
            case "running":
                self.show_progress(None, "Loading the model ...")
            case "progress" if event["fraction"] == 1:  # of a large plane that takes a while, too
                self.show_progress(None, "Putting the labels together ...")
            case "progress":
                remaining = left(event.get("seconds_left", math.inf))
                self.show_progress(event["fraction"] or None, f"Segmenting{remaining} ...")
            case "plane":
                self._result.grow()
            case "segmented":
                self.worker.unfinished -= self._result.folders
                self._result.finish(event)
                why = self._why_none if event["objects"] == 0 else ""
                said = _end_words(event["objects"], why, self._result.folder)
                self._result = None  # its layers are the user's now, who may remove them
                self.show_end(said)
            case "cancelled":
                self._drop()
                self.show_end("Cancelled.")
            case "error" | "crashed":
                self._drop()
                self.failed(event)

    def _drop(self) -> None:
        """Leave nothing of a result that was not completed."""
        assert self._result is not None
        self._result.drop()
        self.worker.unfinished -= self._result.folders  # another napari may take their names
        self._result = None

    def image_changed(self, *_: Any) -> None:
        """Show what applies to the image and the model."""
        self.model.reset_choices()  # which of them fit
        self._suggest_model()
        self.part.reset_choices()
        self.show_row(self.part, bool(self.part.choices))
        self.saving.native.setVisible(self._is_large())
        info, axes = self._info(), self.axes.value
        self.not_applicable = [] if info is None else self.how.not_applicable(info, axes or "")
        self.show_options()
        if info is None or axes is None:
            self.channels.ask([], [])
            self.show_row(self.how.resize, False)
        else:
            self._ask_for_channels(info)
            self.how.follow_image(info, axes, layers.pixel_size(self.image.value, axes))
            self.show_row(self.how.resize, self.how.can_resize(info))
        self._show_pixels()
        self._show_plan()

    def show_options(self, *_: Any) -> None:
        """Show the options that apply, if the user asked for more, and how large pixels are."""
        super().show_options()
        self._show_pixels()

    def _show_pixels(self) -> None:
        matter = not self.how.resize.native.isHidden()
        self.how.pixels.setVisible(bool(self.how.pixels.text()) and (matter or self.more.value))

    def _show_plan(self, *_: Any) -> None:
        info, axes, text = self._info(), self.axes.value, ""
        if info is not None and axes is not None:
            text = self._misfit(info)
            if not text and self.part.value != "shown":
                text = model_fit.plan(info, axes, link=self.how.link.value)
        if self.status.text() == self.plan.text() != text:  # a refusal that no longer holds
            self.status.clear()
        self.plan.setText(text)
        self.plan.setVisible(bool(text))

    def _ask_for_channels(self, info: ModelInfo) -> None:
        """Ask which channels the model gets, unless the image has just those, in their order."""
        image, axes, needed = self.image.value, self.axes.value, info.network.in_channels
        choices = channel_choices(self.viewer, image, axes)
        fits = needed == layers.channels(image, axes)
        if fits and "C" in axes:
            fits = suggested(info.channels, choices) == [channel for _, channel in choices]
        if fits or self._misfit(info):
            self.channels.ask([], [])
        else:
            self.channels.ask(info.channels, choices, layers.shining_channel(image))

    def _misfit(self, info: ModelInfo) -> str:
        choices = channel_choices(self.viewer, self.image.value, self.axes.value)
        return model_fit.misfit(info, self.axes.value, len(choices))

    def _part_choices(self) -> list[tuple[str, str]]:
        info, axes = self._info(), self.axes.value
        if info is None or axes is None:
            return []
        ndim = info.network.ndim if "Z" in axes else 2
        if not loop_axes(axes, ndim):
            return []
        shown = "the stack" if ndim == 3 else "the plane"
        return [("all of it", "all"), (f"{shown} that is shown", "shown")]

    def _view(self, info: ModelInfo) -> View | None:
        """Return the plane or stack that is shown, if only that shall be segmented."""
        if self.part.value != "shown":
            return None
        return current_view(self.viewer, self.image.value, self.axes.value, ndim=info.network.ndim)

    def _place(self, view: View | None) -> Place:
        image, axes, model = self.image.value, self.axes.value, Path(self.model.value).stem
        where = layers.placement(image, axes) if view is None else view.placement
        return Place(image.name, model, layers.placed_axes(image, axes), where)

    def _is_large(self) -> bool:
        """Whether the labels would take so much memory that they are better on disk."""
        info = self._info()
        if info is None or self.image.value is None or self.axes.value is None:
            return False
        data = layers.full_data(self.image.value)
        if data.ndim != len(self.axes.value):
            return False  # somebody has put other data into the layer
        sides = dict(zip(self.axes.value, data.shape, strict=True))
        counted = "ZYX"[-info.network.ndim :] if self.part.value == "shown" else "STZYX"
        size = 4 * math.prod(sides[axis] for axis in counted if axis in sides)
        return is_better_stored(size, data)

    def _model_choices(self) -> list[tuple[str, str]]:
        entries = library.entries()
        self._infos = {str(entry.path): entry.info for entry in entries}
        image, axes = self.image.value, self.axes.value
        fitting = image is not None and axes is not None
        count = len(channel_choices(self.viewer, image, axes)) if fitting else 0
        return [
            (e.name + (model_fit.mark(e.info, axes, count) if fitting and e.info else ""), path)
            for e, path in zip(entries, self._infos, strict=True)
        ]

    def _suggest_model(self) -> None:
        """Until somebody chooses, take the first model whose channels the image has, by name."""
        if self.model.was_chosen or self.image.value is None or self.axes.value is None:
            return
        names, infos = layers.channel_names(self.image.value, self.axes.value), self._infos
        if layers.shining_channel(self.image.value) is not None:  # no stained tissue, bundled ones'
            bundled = set(map(str, bundled_models().values()))
            infos = {path: info for path, info in infos.items() if path not in bundled}
        model = model_fit.of_channels(infos, names) or next(iter(self._infos), None)
        if model != self.model.value:
            self.model.give_way(model)

    def _info(self) -> ModelInfo | None:
        """Return what the model says about itself; ``None`` without one that can be read."""
        return self._infos.get(self.model.value)

    def _model_changed(self, *_: Any) -> None:
        path = self.model.value
        if path:
            self.worker.warm(path, self.device.value)
        if info := self._info():
            self.description.setText(models.in_words(info))
            self.how.follow_model(info)
        else:
            self.description.setText(models.describe(path) if path else "There is no model yet.")
        self.image_changed()

    def _renamed(self, before: str, now: str) -> None:  # of the dock, so that Qt ends it with it
        self.model.follow(before, now)

    def _library_changed(self, path: str) -> None:
        self.model.reset_choices()
        if self.model.value == path:  # written anew: it may have other settings
            self._model_changed()
        elif self.job is None:
            self.model.value = path


def _end_words(objects: int | None, why: str, folder: Path | None) -> str:
    found = [] if objects is None else [f"{objects} cell{'s' * (objects != 1)} found."]
    kept = [] if folder is None else [f"The labels are in {folder}."]
    return " ".join(["Done.", *found, *[why] * bool(why), *kept])
