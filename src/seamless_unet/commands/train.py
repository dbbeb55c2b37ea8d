"""``seamless-unet train``: a model out of labelled images; Ctrl-C keeps the best so far."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from seamless_unet.claim import claim_again, claimed
from seamless_unet.commands.input import read_chosen
from seamless_unet.commands.output import keep_earlier, make_writable, progress, tell
from seamless_unet.disk_space import check_room
from seamless_unet.file_pairs import find_pairs, name_of_labels
from seamless_unet.history import best_step
from seamless_unet.image_io import Image, read_labels

if TYPE_CHECKING:
    from seamless_unet.model_file import Model
    from seamless_unet.train import Event
    from seamless_unet.train_state import TrainState

_CHECKPOINT_EVERY = 60.0  # seconds
_ENDS = {
    "budget": "done",
    "stopped": "stopped, the best model so far is kept",
    "used up": "nothing to do, the checkpoint has used up this budget (give a larger one)",
}


def train(args: argparse.Namespace) -> dict[str, Any]:
    """Train a model; Ctrl-C keeps the best one so far."""
    output = Path(args.output)
    if output.suffix != ".safetensors":
        raise ValueError(f"--output {output}: a model's name ends in .safetensors")
    make_writable(output.parent)
    refusal = (
        f"another training is going to write {output}: take another --output, or wait until it ends"
    )
    with claimed(_mark(output), refusal):
        return _trained(output, args)


def _mark(output: Path) -> Path:
    """Return the file that tells, while a training runs, that the model is its own."""
    return output.with_suffix(".running")


def _checkpoint(output: Path) -> Path:
    return output.with_suffix(".checkpoint.safetensors")


def _trained(output: Path, args: argparse.Namespace) -> dict[str, Any]:
    checkpoint = _checkpoint(output)
    events, state = _begun(args)
    check_room([(output.parent, _size(state))], otherwise="take another --output")
    replaced = bool(args.resume) and Path(args.resume).resolve() == checkpoint.resolve()
    if not replaced:
        keep_earlier(output, checkpoint)

    def save_best() -> Model:
        model = state.best_model()
        if not replaced:
            keep_earlier(output)  # that somebody has put there meanwhile
        _save(model, output, checkpoint)
        return model

    with _Interrupts() as interrupts:
        try:
            reason = _follow(events, state, output, interrupts)
        except BaseException:  # diverged, out of memory, Ctrl-C again: an hour's work may be in it
            interrupts.ignored = True
            if state.best_score is not None:
                try:
                    save_best()
                except OSError as problem:
                    tell(str(problem))
            raise
        interrupts.ignored = True
        model = save_best()
        told = _told(model, reason, state)
        kept = _try_to_save(state, checkpoint)
    print(told)
    print(f"wrote {output}{f' and, to go on with --resume, {checkpoint}' if kept else ''}")
    return {
        "model": str(output),
        "checkpoint": str(checkpoint) if kept else None,
        "reason": reason,
        "training": model.info.training,
    }


def _told(model: Model, reason: str, state: TrainState) -> str:
    score = model.info.training["score"]
    measured = "none" if score is None else f"{score:.3f}"
    told = f"{_ENDS[reason]}: step {state.step}, score {measured}"
    if state.step and best_step(state.history) == 0:
        told += (
            "\nnote: no step was better on the part that is held back than the model it started "
            "from, whose weights are kept: draw more, or train longer"
        )
    return told


def _begun(args: argparse.Namespace) -> tuple[Iterator[Event], TrainState]:
    """Read what is to be learned, say what it is, and return the events to come and the state."""
    from seamless_unet.train import Prepared
    from seamless_unet.train import train as start
    from seamless_unet.train_state import TrainState
    from seamless_unet.volumes import fitting_recipe

    images, labels = _read_training(args)
    given: dict[str, Any] = {
        "images": [image.data for image in images],
        "labels": [label.data for label in labels],
        "axes": [image.axes for image in images],
        "names": [image.name for image in images],
    }
    events = start(
        config=args.config or fitting_recipe(args.preset, args.changes, **given),
        **given,
        pixel_size=images[0].pixel_size,
        device=args.device,
        state=TrainState.load(args.resume) if args.resume else None,
    )
    prepared = next(events)
    assert isinstance(prepared, Prepared)
    print(prepared.summary.text(), flush=True)
    for problem in prepared.problems:
        print(f"note: {problem.what} {problem.advice}", flush=True)
    return events, prepared.state


def _follow(
    events: Iterator[Event], state: TrainState, output: Path, interrupts: _Interrupts
) -> str:
    """Show the events and save checkpoints; return why it ended."""
    from seamless_unet.train import Finished, Step, Validated

    best, saved = "", time.monotonic()
    for event in events:
        if isinstance(event, Finished):
            progress("")
            return event.reason
        if isinstance(event, Validated) and event.best:
            best = f"  best score {event.score:.3f}"
        if isinstance(event, Step):
            left = f"{event.seconds_left / 60:.1f} minutes left"
            progress(f"step {event.step}  loss {event.loss:.4f}{best}  {left}")
            if time.monotonic() - saved > _CHECKPOINT_EVERY:
                saved = time.monotonic()
                _try_to_save(state, _checkpoint(output))
                claim_again(_mark(output))
        if interrupts.came:
            break
    progress("")
    return "stopped"


def _read_training(args: argparse.Namespace) -> tuple[list[Image], list[Image]]:
    pairs, *alone = find_pairs(args.images, args.labels)
    for missing, paths in zip(("labels", "image"), alone, strict=True):
        if paths:
            called = f" (such as {name_of_labels(paths[0])})" if missing == "labels" else ""
            print(f"left out, no {missing}{called}: {', '.join(map(str, paths))}")
    images = [read_chosen(path, args) for path, _ in pairs]
    labels = [
        read_labels(path, axes=args.axes, like=image)
        for (_, path), image in zip(pairs, images, strict=True)
    ]
    for image in images[1:]:
        if image.pixel_size != images[0].pixel_size:
            print(f"note: the pixel size of {image.name} differs from {images[0].name}'s")
    return images, labels


def _size(state: TrainState) -> int:
    """Return about how many bytes a model and its checkpoint take."""
    weights = sum(each.nbytes for each in state.network.state_dict().values())
    moments = 2 if state.config.optimizer == "adam" else 1
    return weights * (3 + bool(state.config.ema) + moments)  # model, network, best, average


def _save(model: Model, output: Path, checkpoint: Path) -> None:
    from seamless_unet.model_file import save_model

    try:
        save_model(model, output)
    except OSError as error:
        kept = f", then go on with --resume {checkpoint}" if checkpoint.exists() else ""
        reason = os.strerror(error.errno or errno.EIO)
        raise OSError(f"{output} is not written: {reason}; make room{kept}") from error


def _try_to_save(state: TrainState, checkpoint: Path) -> bool:
    """Save a checkpoint, or say why not; a full disk must not end the training."""
    try:
        state.save(checkpoint)
        return True
    except OSError as error:
        tell(f"\nno checkpoint written: {error}; the training is unharmed")
        return False


class _Interrupts:
    """Ctrl-C (or a scheduler) ends the training between two steps; a second one ends it at once.

    While they are ``ignored``, what was learned is saved.
    """

    def __init__(self) -> None:
        self.came = self.ignored = False

    def __enter__(self) -> Self:
        signals = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._remember) for number in signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: Any) -> None:
        if self.ignored:
            return
        if self.came:
            raise KeyboardInterrupt
        self.came = True
