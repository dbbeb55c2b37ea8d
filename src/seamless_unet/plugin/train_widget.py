"""The Train dock: image layers and the labels drawn on them in, a model in the library out."""

import contextlib
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakMethod

import napari
from magicgui.widgets import CheckBox, LineEdit
from napari.layers import Image, Layer
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from seamless_unet.checkpoint import Interrupted
from seamless_unet.model_file import read_info
from seamless_unet.plugin import models, settings
from seamless_unet.plugin.annotation_check import AnnotationCheck, Described, in_words
from seamless_unet.plugin.corrections import add_corrections, what_to_correct
from seamless_unet.plugin.image_panel import ImagePanel
from seamless_unet.plugin.interrupted_list import InterruptedList
from seamless_unet.plugin.job import Event, Job
from seamless_unet.plugin.layer_pair import LayerPair, pairs_request
from seamless_unet.plugin.loss_plot import LossPlot
from seamless_unet.plugin.pair_list import Drawing, PairList
from seamless_unet.plugin.preview import Preview, learned_from
from seamless_unet.plugin.recipe import Recipe
from seamless_unet.plugin.words import left

_PATIENCE = 10_000  # milliseconds after which a training that was stopped can be cancelled
_LET_GO = 2000  # milliseconds after which what was cancelled can be resumed


class TrainWidget(ImagePanel):
    """Teach a new model from labels drawn on image layers, watch it learn, and correct it."""

    if_closed = "If you close, it stops; the best model so far is kept."

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__(napari_viewer, start="Train", stop="Stop")
        self._path = Path()  # of the model that is made
        self._learned_from: dict[int, tuple[Image, str]] = {}  # layers and axes, by number
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
        return None if self.job is not None or self.parent() is None else self.pairs()

    def _drawn_on(self) -> list[Layer]:
        """Return the layers that are drawn on, as far as they are chosen, unless it is closed."""
        if self.parent() is None:
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
        self._learn({**described, "request": "train", **output}, arrays, path)
        self._learned_from = {n: (pair.image, pair.axes) for n, pair in enumerate(pairs)}

    def _resume(self, training: Interrupted) -> None:
        """Go on with an interrupted training; what it learns from may not even be open."""
        if self.job is not None:
            show_info("One training at a time: stop the one that runs, or let it end.")
            return
        request = {"request": "train", "resume": str(training.path), "device": self.device.value}
        self._learn(request, {}, models.library() / f"{training.name}.safetensors")
        self._stopped = "Stopped. What was learned before is kept, to be resumed or discarded."
        with contextlib.suppress(ValueError, OSError):  # damaged: the job says so
            self._learned_from = learned_from(self.viewer, training.path)

    def _learn(self, request: Event, arrays: dict[str, Any], path: Path) -> None:
        self.plot.clear()
        self.correct_button.hide()
        self._path, self._score = path, ""
        self._learning = self._stopping = False
        self._learned_from, self._stopped = {}, "Stopped before anything was learned."
        self.preview.forget()
        self.submit(request, arrays, self._show)
        if self.job is not None:
            models.begin_learning(path, self.job)
        self._show_interrupted()

    def _watch(self, ndim: int) -> None:
        if self.watch.value and self.job is not None:
            self.preview.begin(self.job, self._learned_from, name=self._path.stem, ndim=ndim)

    def _show_interrupted(self) -> None:
        self.interrupted.show_those_in(models.checkpoint_path(models.library() / "any").parent)

    def stop(self, job: Job) -> None:
        """Keep the best model so far, if there is one."""
        if self._learning and not self._stopping:
            self._stopping = True
            self.stop_button.setEnabled(False)
            self.say("Stopping; the best model so far is kept ...")
            self.worker.stop(job)
            QTimer.singleShot(_PATIENCE, partial(self._offer_to_cancel, job))
        elif self.stop_button.isEnabled():
            self.worker.cancel(job)

    def _offer_to_cancel(self, job: Job) -> None:
        if self.job is job and not job.done:
            self._stopped = "Stopped at once. What was learned before is kept, to be resumed."
            self.stop_button.setEnabled(True)
            self.say("It does not stop yet. Stop once more ends it at once.")

    def _library_changed(self, path: str) -> None:
        self.recipe.begin.reset_choices()

    def _renamed(self, before: str, now: str) -> None:
        self.recipe.begin.follow(before, now)
        if str(self._path) == before:
            self._path = Path(now)

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

    def _show(self, event: Event) -> None:
        match event["event"]:
            case "running":
                self.show_progress(None, "Preparing the annotation ...")
            case "prepared":
                self.check.text.setText(in_words(event["text"], event["problems"]))
                self.plot.show_history(event["history"], event["earlier"])
                self._watch(event["ndim"])
                self._show_interrupted()
                self.show_progress(0.0, "Training ...")
            case "step":
                self._learning = True
                self.plot.add_loss(event["step"], event["loss"])
                if not self._stopping:
                    remaining = left(event["seconds_left"])
                    self.show_progress(event["fraction"], f"Training{remaining}.{self._score}")
            case "validated":
                self._score = f" Score {event['score']:.2f} of 1."
                self.plot.add_score(event["step"], event["score"])
            case "preview":
                self.preview.show(event)
            case "warning":
                show_info(event["message"])
            case "trained" | "cancelled" | "error" | "crashed":
                self.preview.end()
                self._learned_from = {}
                self._ended(event)
                self._show_interrupted()
                QTimer.singleShot(_LET_GO, self._show_interrupted)
                self.check.soon()  # of what was drawn meanwhile

    def _ended(self, event: Event) -> None:
        match event["event"]:
            case "trained":
                self._saved(Path(event["model"]), event["score"], event["as_it_began"])
            case "cancelled":
                self.show_end(self._stopped)
            case _:
                if self._path.exists():
                    kept = f" The best model so far is kept as '{self._path.stem}'."
                    event = {**event, "message": event["message"] + kept}
                    models.signals.changed.emit(str(self._path))
                self.failed(event)

    def _saved(self, path: Path, score: float | None, as_it_began: bool) -> None:
        reached = "" if score is None else f" It scores {score:.2f} of 1 on annotation held back."
        if as_it_began:
            reached += (
                " No step was better there than the model it started from, whose weights are kept: "
                "draw more, or train longer."
            )
        self.show_end(f"Model '{path.stem}' is saved and in the Segment dock's list.{reached}")
        models.signals.changed.emit(str(path))
        self.correct_button.setVisible(self.preview.shown is not None)
        show_info(f"Model '{path.stem}' is saved.")

    def _correct(self) -> None:
        """Copy the preview into layers that the user corrects, to go on from there."""
        assert self.preview.shown is not None
        image, axes, view, found = self.preview.shown
        if image not in self.viewer.layers:
            self.status.setText(f"The image '{image.name}' is gone: open it and train again.")
            return
        try:
            info = read_info(self._path)
        except (ValueError, OSError) as error:
            self.status.setText(f"The model '{self._path.stem}' cannot be read: {error}")
            return
        # as it was learned, whatever the form says by now
        learned, values = info.training["config"]["annotation"], info.class_values
        objects = info.output == "objects"
        known = {"annotation": "objects"} if objects else {"annotation": learned, "kinds": values}
        pair = add_corrections(self.viewer, image, axes, view, found, **known)
        self.preview.hide()
        self.pair_list.add(pair)
        self.recipe.begin.value = str(self._path)
        self.correct_button.hide()
        self.status.setText(what_to_correct(pair, view, self._path.stem))
        self.reveal_status()


def _end(preview: Preview, check: AnnotationCheck, *_: Any) -> None:
    """Leave the viewer and its layers alone once the dock is gone."""
    with contextlib.suppress(RuntimeError):  # at exit their timers may be gone before
        preview.end()
        check.end()
