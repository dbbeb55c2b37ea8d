"""The Train dock: image layers and the labels drawn on them in, a model in the library out."""

import contextlib
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakMethod

import napari
from magicgui.widgets import CheckBox, LineEdit
from napari.layers import Layer
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from seamless_unet.checkpoint import Interrupted
from seamless_unet.plugin import models, settings
from seamless_unet.plugin.annotation_check import AnnotationCheck, Described, in_words
from seamless_unet.plugin.corrections import what_to_correct, what_was_found
from seamless_unet.plugin.image_panel import ImagePanel
from seamless_unet.plugin.interrupted_list import InterruptedList
from seamless_unet.plugin.job import Event, Job
from seamless_unet.plugin.layer_pair import LayerPair, pairs_request
from seamless_unet.plugin.learning import Learning
from seamless_unet.plugin.loss_plot import LossPlot
from seamless_unet.plugin.pair_list import Drawing, PairList
from seamless_unet.plugin.preview import Preview, learned_from
from seamless_unet.plugin.recipe import Recipe

_PATIENCE = 10_000  # milliseconds after which a training that was stopped can be cancelled
_LET_GO = 2000  # milliseconds after which what was cancelled can be resumed


class TrainWidget(ImagePanel):
    """Teach a new model from labels drawn on image layers, watch it learn, and correct it."""

    if_closed = "If you close, it stops; the best model so far is kept."

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Train", stop="Stop")
        self._learning: Learning | None = None  # the latest, if there was one
        self.drawing = Drawing(napari_viewer)
        self.pair_list = PairList(napari_viewer)
        self.name = LineEdit(
            label="Model name",
            value="my model",
            tooltip="The name in the Segment dock's list. An existing model is never overwritten.",
        )
        self.recipe = Recipe()
        self.watch = CheckBox(
            text="Preview while it learns",
            value=True,
            tooltip="Shows what it finds by now in a layer of its own, where you look.",
        )
        self.interrupted = InterruptedList()
        self.preview = Preview(napari_viewer, self.worker)
        self.check = AnnotationCheck(
            self.worker,
            WeakMethod(self._to_check),
            WeakMethod(self._described),
            WeakMethod(self._drawn_on),
        )
        self.correct_button = QPushButton("&Correct it")
        self.correct_button.setToolTip(
            "Copy the preview into a new labels layer. Correct it there, and train on from here."
        )
        self.correct_button.hide()
        self.plot = LossPlot()
        self._put_together()
        self._remembered = {
            "name": self.name,
            "annotation": self.drawing.annotation,
            "minutes": self.recipe.minutes,
            "watch": self.watch,
            "stacks": self.recipe.stacks,
            "preset": self.recipe.preset,
            "device": self.device,
        }
        settings.restore("Train", self._remembered)
        self._connect()
        self.reset_choices()
        self._show_interrupted()

    def _put_together(self) -> None:
        self.lay_out(
            [
                *(*self.drawing.rows, self.pair_list, self.name, self.recipe.begin),
                *(self.recipe.minutes, self.watch, self.interrupted),
            ],
            options=[self.recipe.stacks, self.recipe.preset],
            below=[self.correct_button, self.plot, self.check.widget],
        )
        self.start_button.setToolTip("Train a new model and save it.")
        self.stop_button.setToolTip("Stop now and keep the best model so far.")

    def _connect(self) -> None:
        models.signals.changed.connect(self._library_changed)
        models.signals.renamed.connect(self._renamed)
        models.signals.listed.connect(self._show_interrupted)
        self.recipe.begin.changed.connect(self._begin_changed)
        self.correct_button.clicked.connect(self._correct)
        self.interrupted.resumed.connect(self._resume)
        self.pair_list.changed.connect(self.check.soon)
        drawing = (self.drawing.labels, self.drawing.annotation, self.drawing.region)
        for row in (self.image, self.axes, *drawing, self.recipe.stacks, self.recipe.preset):
            row.changed.connect(self.check.soon)
        self.destroyed.connect(partial(_end, self.preview, self.check))

    @property
    def is_worth_keeping(self) -> bool:
        """Whether a job runs, or there is something to correct or that was corrected."""
        corrects = bool(self.pair_list.boxes) or not self.correct_button.isHidden()
        return corrects or super().is_worth_keeping

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        super().reset_choices()
        self.pair_list.reset_choices()
        self.check.soon()

    def image_changed(self, *_: Any) -> None:
        """Show what applies to the image."""
        self.not_applicable = self.recipe.not_applicable(self.axes.value or "")
        self.show_options()

    def pairs(self) -> list[LayerPair]:
        """Return what is going to be learned from; ValueError with words if it cannot be."""
        first = self.drawing.pair(self.image.value, self.axes.value)
        return [first, *self.pair_list.pairs()]

    def _described(self, pairs: list[LayerPair]) -> Described:
        """Return what a check or a training is told of pairs."""
        described, arrays = pairs_request(pairs)
        recipe = self.recipe.request(self.drawing.annotation.value, pairs[0].axes)
        device = {"device": self.device.value}
        return {"request": "check", **described, **recipe, **device}, arrays

    def _to_check(self) -> list[LayerPair] | None:
        """Return what to check; nothing while it is being learned, or when the dock is closed."""
        return None if self.job is not None or self.is_closed else self.pairs()

    def _drawn_on(self) -> list[Layer]:
        """Return the layers that are drawn on, as far as they are chosen, unless it is closed."""
        if self.is_closed:
            return []
        drawings = [self.drawing, *(box.drawing for box in self.pair_list.boxes)]
        chosen = [row.value for drawing in drawings for row in (drawing.labels, drawing.region)]
        return [layer for layer in chosen if layer is not None]

    def start_on_image(self) -> None:
        """Train on the chosen layers."""
        self.image.check_not_lost("The image")
        self.drawing.check_not_lost()
        self.pair_list.check_not_lost()
        self.recipe.begin.check_not_lost("The model to start from")
        pairs = self.pairs()
        described, arrays = self._described(pairs)
        path = models.new_path(self.name.value)
        output = {"output": str(path), "checkpoint": str(models.checkpoint_path(path))}
        settings.keep("Train", self._remembered)
        images = {n: (pair.image, pair.axes) for n, pair in enumerate(pairs)}
        learning = Learning(path, images, "Stopped before anything was learned.")
        self._learn({**described, "request": "train", **output}, arrays, learning)

    def _resume(self, training: Interrupted) -> None:
        """Go on with an interrupted training; what it learns from may not even be open."""
        if self.job is not None:
            show_info("One training at a time: stop the one that runs, or let it end.")
            return
        request = {"request": "train", "resume": str(training.path), "device": self.device.value}
        path, images = models.library() / f"{training.name}.safetensors", {}
        with contextlib.suppress(ValueError, OSError):  # damaged: the job says so
            images = learned_from(self.viewer, training.path)
        if_stopped = "Stopped. What was learned before is kept, to be resumed or discarded."
        self._learn(request, {}, Learning(path, images, if_stopped))

    def _learn(self, request: Event, arrays: dict[str, Any], learning: Learning) -> None:
        self.plot.clear()
        self.correct_button.hide()
        self._learning = learning
        self.preview.forget()
        self.submit(request, arrays, partial(self._show, learning))
        if self.job is not None:
            models.begin_learning(learning.path, self.job)
        self.check.soon()  # of which there is no question now
        self._show_interrupted()

    def _watch(self, learning: Learning, ndim: int) -> None:
        if self.watch.value and self.job is not None:
            self.preview.begin(self.job, learning.images, name=learning.path.stem, ndim=ndim)

    def _show_interrupted(self) -> None:
        self.interrupted.show_those_in(models.checkpoint_path(models.library() / "any").parent)

    def stop(self, job: Job) -> None:
        """Keep the best model so far, if there is one."""
        learning = self._learning
        if learning is not None and learning.has_learned and not learning.stopping:
            learning.stopping = True
            self.stop_button.setEnabled(False)
            self.say("Stopping; the best model so far is kept ...")
            self.worker.stop(job)
            QTimer.singleShot(_PATIENCE, partial(self._offer_to_cancel, job, learning))
        elif self.stop_button.isEnabled():
            self.worker.cancel(job)

    def _offer_to_cancel(self, job: Job, learning: Learning) -> None:
        if self.job is job and not job.done:
            self.stop_button.setEnabled(True)
            self.say(learning.hangs())

    def _library_changed(self, path: str) -> None:
        self.recipe.begin.reset_choices()

    def _renamed(self, before: str, now: str) -> None:
        self.recipe.begin.follow(before, now)
        if self._learning is not None and str(self._learning.path) == before:
            self._learning.path = Path(now)

    def _begin_changed(self, begin: str | None) -> None:
        """Show what the chosen model learned before."""
        if self.job is not None or begin is None:
            return
        self.plot.clear()
        try:
            self.plot.show_history(*self.recipe.learned_before())
        except (ValueError, OSError) as error:
            self.status.setText(f"This model cannot be read: {error}")
        self.check.soon()

    def _show(self, learning: Learning, event: Event) -> None:
        match event["event"]:
            case "running":
                self.show_progress(None, "Preparing the annotation ...")
            case "prepared":
                self.check.text.setText(in_words(event["text"], event["problems"]))
                self.plot.show_history(event["history"], event["earlier"])
                self._watch(learning, event["ndim"])
                self._show_interrupted()
                self.show_progress(0.0, "Training ...")
            case "step":
                learning.has_learned = True
                self.plot.add_loss(event["step"], event["loss"])
                if not learning.stopping:
                    self.show_progress(*learning.progress(event))
            case "validated":
                learning.scored(event)
                self.plot.add_score(event["step"], event["score"])
            case "preview":
                self.preview.show(event)
            case "warning":
                show_info(event["message"])
            case "trained" | "cancelled" | "error" | "crashed":
                self.preview.end()
                learning.images = {}  # or those that are removed would stay in memory
                self._ended(learning, event)
                self._show_interrupted()
                QTimer.singleShot(_LET_GO, self._show_interrupted)
                self.check.soon()  # of what was drawn meanwhile

    def _ended(self, learning: Learning, event: Event) -> None:
        match event["event"]:
            case "trained":
                self.show_end(learning.saved(event))
                models.signals.changed.emit(str(learning.path))
                self.correct_button.setVisible(self.preview.shown is not None)
                show_info(f"Model '{learning.path.stem}' is saved.")
            case "cancelled":
                self.show_end(learning.if_stopped)
            case _:
                if learning.path.exists():
                    models.signals.changed.emit(str(learning.path))
                self.failed(learning.failed(event))

    def _correct(self) -> None:
        """Copy the preview into layers that the user corrects, to go on from there."""
        assert self.preview.shown is not None
        assert self._learning is not None
        path = self._learning.path
        try:
            pair = what_was_found(self.viewer, *self.preview.shown, path)
        except ValueError as error:
            self.status.setText(str(error))
            return
        self.preview.hide()
        self.pair_list.add(pair)
        self.recipe.begin.value = str(path)
        self.correct_button.hide()
        self.status.setText(what_to_correct(pair, self.preview.shown[2], path.stem))
        self.reveal_status()


def _end(preview: Preview, check: AnnotationCheck, *_: Any) -> None:
    """Leave the viewer and its layers alone once the dock is gone."""
    with contextlib.suppress(RuntimeError):  # at exit their timers may be gone before
        preview.end()
        check.end()
