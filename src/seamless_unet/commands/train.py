"""``seamless-unet train``: a model out of labelled images; Ctrl-C keeps the best so far."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seamless_unet.commands.output import keep_earlier, make_writable, progress
from seamless_unet.file_pairs import find_pairs
from seamless_unet.image_io import Image, read_image, read_labels

if TYPE_CHECKING:
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
    from seamless_unet.model_file import save_model

    output = Path(args.output)
    if output.suffix != ".safetensors":
        raise ValueError(f"--output {output}: a model's name ends in .safetensors")
    make_writable(output.parent)
    checkpoint = output.with_suffix(".checkpoint.safetensors")
    events, state = _begun(args)
    if not (args.resume and Path(args.resume).resolve() == checkpoint.resolve()):
        keep_earlier(output, checkpoint)
    try:
        reason = _follow(events, state, checkpoint)
    except BaseException:  # diverged, out of memory, Ctrl-C again: an hour's work may be in it
        if state.best_score is not None:
            save_model(state.best_model(), output)
        raise
    model = state.best_model()
    save_model(model, output)
    state.save(checkpoint)
    print(f"{_ENDS[reason]}: step {state.step}, score {model.info.training['score']}")
    print(f"wrote {output} and, to go on with --resume, {checkpoint}")
    return {
        "model": str(output),
        "checkpoint": str(checkpoint),
        "reason": reason,
        "training": model.info.training,
    }


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


def _follow(events: Iterator[Event], state: TrainState, checkpoint: Path) -> str:
    """Show the events and save checkpoints; return why it ended."""
    from seamless_unet.train import Finished, Step, Validated

    best, saved = "", time.monotonic()
    with _stop_asked() as stop_asked:
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
                    _try_to_save(state, checkpoint)
            if stop_asked():
                break
    progress("")
    return "stopped"


def _read_training(args: argparse.Namespace) -> tuple[list[Image], list[Image]]:
    pairs, alone = find_pairs(args.images, args.labels)
    if alone:
        print(f"left out, no labels: {', '.join(map(str, alone))}")
    images = [read_image(path, axes=args.axes) for path, _ in pairs]
    labels = [read_labels(path, like=im) for (_, path), im in zip(pairs, images, strict=True)]
    for image in images[1:]:
        if image.axes != images[0].axes:
            raise ValueError(
                f"{images[0].name} has axes {images[0].axes}, {image.name} has {image.axes}: "
                "train on images of the same kind, or say what they are with --axes"
            )
        if image.pixel_size != images[0].pixel_size:
            print(f"note: the pixel size of {image.name} differs from {images[0].name}'s")
    return images, labels


def _try_to_save(state: TrainState, checkpoint: Path) -> None:
    """Save a checkpoint; a full disk must not end the training."""
    try:
        state.save(checkpoint)
    except OSError as error:
        print(f"\nno checkpoint written: {error}; training goes on", file=sys.stderr)


@contextlib.contextmanager
def _stop_asked() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C (or a scheduler) end the training between two steps; a second one ends at once."""
    asked = False

    def remember(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
