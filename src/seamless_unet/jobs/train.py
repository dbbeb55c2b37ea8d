"""Jobs of the Train dock."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seamless_unet import checkpoint
from seamless_unet.history import best_step, thinned
from seamless_unet.jobs.orders import Orders, every
from seamless_unet.jobs.preview import Previews
from seamless_unet.model_file import save_model

if TYPE_CHECKING:
    from seamless_unet.model_file import Model
    from seamless_unet.train import Event, Prepared
    from seamless_unet.train_state import TrainState

_REPORT_EVERY = 0.1  # seconds between two reports of a training's loss
_SAVE_EVERY = 10.0  # seconds between two writings of the best model so far
_CHECKPOINT_EVERY = 60.0
_WORTH_KEEPING = 0.01  # of a training's budget

Events = Generator[dict[str, Any], None, None]


def train(request: dict[str, Any], orders: Orders) -> Events:
    """Train, and keep the best model so far in ``request["output"]`` all along.

    ``pairs`` (a list of ``name``, ``axes``, ``annotation`` and whether there is a ``region``),
    for each its arrays (``image 0``, ``labels 0``, ``region 0``, ``image 1``, ...),
    ``pixel_size``, ``channels`` (names, if they are known), ``preset``, ``changes``, ``device``,
    ``output``, ``checkpoint`` (a new folder) and ``output_folder`` (for previews; by default that
    of the view): ``prepared``, many ``step``, ``validated``, and ``preview`` while a view was
    asked for, then ``trained``. A ``warning`` says what does not work but does not end the
    training.

    To go on with an interrupted training, ``resume`` (its checkpoint), ``device`` and, if they
    are to be others, ``minutes``, instead of all that.
    """
    with contextlib.ExitStack() as work:
        if "resume" in request:
            kept = Checkpoint(Path(request["resume"]), work)
            request = _resumed(request, kept.folder)
            kept.begin()
        else:
            kept = Checkpoint(Path(request["checkpoint"]), work)
        yield from _train(request, kept, orders, *_prepared(request, kept.folder))


def check(request: dict[str, Any], orders: Orders) -> Events:
    """Look at what would be learned from: ``checked``.

    The request is that of ``train`` without ``output`` and ``checkpoint``. ``text`` and
    ``problems`` as in ``prepared``; ``pairs`` counts for each pair its ``objects`` and annotated
    ``planes``.
    """
    from seamless_unet.dataset import make_dataset
    from seamless_unet.volumes import fitting_recipe

    arrays = _arrays(request)
    config = fitting_recipe(request["preset"], request["changes"], **arrays)
    # all that takes long and nobody sees here
    config = dataclasses.replace(config, rim=0, gap=0, border_weight=0)
    dataset = make_dataset(config=config, **arrays)
    yield {
        "event": "checked",
        "last": True,
        "text": dataset.summary.text(),
        "problems": [asdict(problem) for problem in dataset.problems],
        "pairs": [asdict(count) for count in dataset.summary.pairs],
        "class_pixels": dataset.summary.class_pixels,
    }


def _resumed(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the request that an interrupted training began with, and what is new."""
    kept = checkpoint.kept_request(folder)
    if "minutes" in request:
        checkpoint.extend(folder, request["minutes"])
        kept = checkpoint.kept_request(folder)
    new = {
        key: request[key] for key in ("id", "device", "output_folder", "resume") if key in request
    }
    return kept | new


def _arrays(request: dict[str, Any]) -> dict[str, Any]:
    """Return the images and what belongs to them, by the parameters of `make_dataset`."""
    pairs = request["pairs"]
    loaded = {key: np.load(request[key], mmap_mode="r") for key in checkpoint.array_keys(request)}
    numbers = range(len(pairs))
    return {
        "images": [loaded[f"image {number}"] for number in numbers],
        "labels": [loaded[f"labels {number}"] for number in numbers],
        "regions": [loaded.get(f"region {number}") for number in numbers],
        "axes": [pair["axes"] for pair in pairs],
        "annotations": [pair["annotation"] for pair in pairs],
        "names": [pair["name"] for pair in pairs],
    }


class Checkpoint:
    """Where what is needed to go on with a training is kept: from its first step on.

    What fails or is stopped before has learned nothing, and leaves nothing.
    """

    def __init__(self, folder: Path, work: contextlib.ExitStack) -> None:
        self.folder, self._work = folder, work
        self.begun = False

    def begin(self) -> None:
        """Let everybody know that this process works on what is kept here."""
        self._work.enter_context(checkpoint.running(self.folder))
        self.begun = True

    def keep(self, request: dict[str, Any]) -> Events:
        """Keep what is needed to begin anew, or warn that there is no place for it."""
        try:
            checkpoint.keep(request, self.folder)
        except OSError as error:
            checkpoint.discard(self.folder)
            yield {"event": "warning", "message": f"The training cannot be resumed: {error}"}
        self.begin()


def _prepared(
    request: dict[str, Any], folder: Path
) -> tuple[Generator[Event, None, None], Prepared]:
    """Return a training's events, and the first one, before which all is made ready."""
    from seamless_unet.train import Prepared
    from seamless_unet.train import train as learn
    from seamless_unet.train_state import TrainState
    from seamless_unet.volumes import fitting_recipe

    saved = checkpoint.state_path(folder)
    state = TrainState.load(saved) if "resume" in request and saved.exists() else None
    begun = {"ndim": state.config.ndim} if state else {}
    arrays = _arrays(request)
    config = fitting_recipe(request["preset"], begun | request["changes"], **arrays)
    Path(request["output"]).parent.mkdir(parents=True, exist_ok=True)
    options = {name: request[name] for name in ("pixel_size", "device")}
    options["channels"] = request.get("channels", ())  # checkpoints of before know none
    events = learn(config=config, state=state, **arrays, **options)
    prepared = next(events)
    assert isinstance(prepared, Prepared)
    return events, prepared


def _train(
    request: dict[str, Any],
    kept: Checkpoint,
    orders: Orders,
    events: Generator[Event, None, None],
    prepared: Prepared,
) -> Events:
    state, output = prepared.state, Path(request["output"])
    try:
        yield {
            "event": "prepared",
            "text": prepared.summary.text(),
            "problems": [asdict(problem) for problem in prepared.problems],
            "ndim": state.config.ndim,
            "history": thinned(state.history),  # of what is resumed
            "earlier": state.info.training["earlier"],
        }
        previews = Previews(request, orders, state)
        reason = yield from _follow(events, state, previews, request, kept, orders)
        model = state.best_model()
        _save(model, output)
    except BaseException as error:
        if kept.begun:
            _leave(request, kept.folder, state, error)
        raise
    events.close()  # lets go of the files
    try:
        yield from previews.final(model)  # of what is resumed, it may read the kept images
    finally:
        if kept.begun:
            checkpoint.discard(kept.folder)
    score = model.info.training.get("score")
    yield {
        "event": "trained",
        "last": True,
        "model": str(output),
        "reason": reason,
        "score": score,
        "as_it_began": state.step > 0 and best_step(state.history) == 0,
    }


def _save(model: Model, output: Path) -> None:
    """Save a model; where there is no place for it, among the temporary files."""
    try:
        save_model(model, output)
    except OSError as error:
        rescued = Path(tempfile.mkdtemp(prefix="model_")) / output.name
        save_model(model, rescued)
        reason = os.strerror(error.errno or errno.EIO)
        raise OSError(
            f"The model could not be saved in {output.parent} ({reason}). It is in "
            f"{rescued.parent} now: drop it from there on napari once there is room."
        ) from error


def _follow(
    events: Iterator[Event],
    state: TrainState,
    previews: Previews,
    request: dict[str, Any],
    kept: Checkpoint,
    orders: Orders,
) -> Generator[dict[str, Any], None, str]:
    """Report a training's events, save its state now and then, and return why it ended."""
    from seamless_unet.train import Finished, Step, Validated

    save_soon, checkpoint_soon = every(_SAVE_EVERY), every(_CHECKPOINT_EVERY)
    report, unsaved, warned = every(_REPORT_EVERY), False, False
    yield from previews.update()
    for event in events:
        if isinstance(event, Finished):
            return event.reason
        if isinstance(event, Step) and not kept.begun:
            yield from kept.keep(request)
        unsaved |= isinstance(event, Validated) and event.best
        if unsaved and save_soon():  # so that it survives whatever happens next
            try:
                save_model(state.best_model(), request["output"])
                unsaved = warned = False
            except OSError as error:  # tried again; a full disk must not end the training
                if not warned:
                    yield {"event": "warning", "message": f"The model is not saved yet: {error}"}
                warned = True
        if isinstance(event, Step):
            if checkpoint_soon():
                _save_state(state, kept.folder)
            if report():
                yield {"event": "step", **asdict(event)}
        elif isinstance(event, Validated):
            yield {"event": "validated", **asdict(event)}
        yield from previews.update(validated=isinstance(event, Validated))
        if request["id"] in orders.stopped:
            _save_state(state, kept.folder)  # there may be no place for the model
            break
    return "stopped"


def _leave(request: dict[str, Any], folder: Path, state: TrainState, error: BaseException) -> None:
    """Save what was learned before an end that nobody wanted: cancelled, diverged, no memory."""
    if isinstance(error, FloatingPointError):
        checkpoint.discard(folder)  # it would diverge again
    elif _is_worth_keeping(state):
        _save_state(state, folder)
    elif "resume" not in request:
        checkpoint.discard(folder)  # it has hardly begun
    learned = isinstance(error, Exception) or best_step(state.history)
    if state.best_score is not None and learned:
        with contextlib.suppress(OSError):  # or it would hide why the training ended
            save_model(state.best_model(), request["output"])


def _is_worth_keeping(state: TrainState) -> bool:
    """Whether more than a moment was learned, or a score was shown for it."""
    scored = state.step > 0 and state.best_score is not None
    return scored or state.fraction() > _WORTH_KEEPING


def _save_state(state: TrainState, folder: Path) -> None:
    with contextlib.suppress(OSError):  # a full disk must not end the training
        state.save(checkpoint.state_path(folder))
        checkpoint.still_running(folder)
