"""What the commands of the command line do; each returns what ``--json`` prints."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from seamless_unet.axes import in_words, split
from seamless_unet.file_pairs import find_images, find_pairs
from seamless_unet.image_io import (
    Image,
    file_stem,
    read_image,
    read_labels,
    write_image,
    written_here,
)

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
    from seamless_unet.model_file import save_model
    from seamless_unet.train import Prepared
    from seamless_unet.train import train as start
    from seamless_unet.train_state import TrainState

    output = Path(args.output)
    if output.suffix != ".safetensors":
        raise ValueError(f"--output {output}: a model's name ends in .safetensors")
    _make_writable(output.parent)
    checkpoint = output.with_suffix(".checkpoint.safetensors")
    images, labels = _read_training(args)
    events = start(
        [image.data for image in images],
        [label.data for label in labels],
        args.config,
        axes=images[0].axes,
        names=[image.name for image in images],
        pixel_size=images[0].pixel_size,
        device=args.device,
        state=TrainState.load(args.resume) if args.resume else None,
    )
    prepared = next(events)
    assert isinstance(prepared, Prepared)
    print(prepared.summary.text(), flush=True)
    state = prepared.state
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


def _follow(events: Iterator[Event], state: TrainState, checkpoint: Path) -> str:
    """Show the events and save checkpoints; return why it ended."""
    from seamless_unet.train import Finished, Step, Validated

    best, saved = "", time.monotonic()
    with _stop_asked() as stop_asked:
        for event in events:
            if isinstance(event, Finished):
                _progress("")
                return event.reason
            if isinstance(event, Validated) and event.best:
                best = f"  best score {event.score:.3f}"
            if isinstance(event, Step):
                left = f"{event.seconds_left / 60:.1f} minutes left"
                _progress(f"step {event.step}  loss {event.loss:.4f}{best}  {left}")
                if time.monotonic() - saved > _CHECKPOINT_EVERY:
                    saved = time.monotonic()
                    _try_to_save(state, checkpoint)
            if stop_asked():
                break
    _progress("")
    return "stopped"


def segment(args: argparse.Namespace) -> dict[str, Any]:
    """Segment images, one file of labels for each."""
    from seamless_unet.model_file import load_model
    from seamless_unet.train import choose_device

    folder = Path(args.output)
    paths = find_images(args.images)
    kinds = ("labels", "probabilities") if args.probabilities else ("labels",)
    outputs = [[folder / f"{file_stem(path)}_{kind}.tif" for kind in kinds] for path in paths]
    _check_free([path for group in outputs for path in group], paths)
    model = load_model(args.model, device=choose_device(args.device))
    _make_writable(folder)
    images = [
        _segment_file(model, path, targets, args)
        for path, targets in zip(paths, outputs, strict=True)
    ]
    return {"model": args.model, "images": images}


def _segment_file(
    model: Model, path: Path, targets: list[Path], args: argparse.Namespace
) -> dict[str, Any]:
    """Write the labels and, if there is a second target, the probabilities."""
    from seamless_unet.stack import Segmented, segment_stack

    start = time.monotonic()
    image = read_image(path, axes=args.axes)
    with _about(path):
        for event in segment_stack(
            model,
            image.data,
            image.axes,
            tile_shape=args.tile,
            symmetries=args.symmetries,
            threshold=args.threshold,
            min_size=args.min_size,
            link=not args.no_link,
            probabilities=args.probabilities,
        ):
            if isinstance(event, Segmented):
                result = event
            else:
                _progress(f"{path.name}  tile {event.done} of {event.total}")
    _progress("")
    write_image(targets[0], result.labels, axes=result.axes, pixel_size=image.pixel_size)
    if result.probabilities is not None:
        axes = result.probability_axes
        write_image(targets[1], result.probabilities, axes=axes, pixel_size=image.pixel_size)
    seconds = round(time.monotonic() - start, 3)
    found = "class map" if result.objects is None else f"{result.objects} objects"
    print(f"{path}  {found}, {seconds:.1f} s  ->  {targets[0]}")
    return {
        "image": str(path),
        "labels": str(targets[0]),
        "probabilities": str(targets[1]) if len(targets) > 1 else None,
        "axes": result.axes,
        "shape": list(result.labels.shape),
        "objects": result.objects,
        "seconds": seconds,
    }


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Compare labels, separate images and frames one by one, and all together."""
    from seamless_unet.metrics import combine
    from seamless_unet.metrics import evaluate as compare

    pairs, alone = find_pairs(args.labels, args.predicted, both_labels=True)
    if alone:
        raise ValueError(f"nothing was predicted for {', '.join(map(str, alone))}")
    evaluations, images = [], []
    for paths in pairs:
        for index, true_piece, predicted_piece in _label_pieces(*paths, axes=args.axes):
            evaluation = compare(true_piece, predicted_piece)
            name = " ".join([str(paths[0]), *map(str, index)])
            f1 = evaluation.matches[0].f1
            print(f"{name}: F1 {f1:.3f}, AP {evaluation.ap50:.3f} at IoU 0.5")
            evaluations.append(evaluation)
            about = {"labels": str(paths[0]), "predicted": str(paths[1]), "index": list(index)}
            images.append(about | evaluation.to_json())
    overall = combine(evaluations)
    print(overall.table())
    return {"images": images, "overall": overall.to_json()}


def _label_pieces(
    truth_path: Path, predicted_path: Path, *, axes: str | None
) -> Iterator[tuple[tuple[int, ...], NDArray, NDArray]]:
    """Yield index along S and T, true labels and predicted labels ([Z,] Y, X)."""
    truth, predicted = (read_labels(path, axes=axes) for path in (truth_path, predicted_path))
    if truth.data.shape != predicted.data.shape:
        raise ValueError(
            f"{truth_path} is {in_words(truth.data.shape, truth.axes)}, {predicted_path} is "
            f"{in_words(predicted.data.shape, predicted.axes)}: give labels of the same image"
        )
    ndim = 3 if "Z" in truth.axes else 2
    pieces = (split(labels.data, truth.axes, ndim) for labels in (truth, predicted))
    for (index, true_piece), (_, predicted_piece) in zip(*pieces, strict=True):
        yield index, true_piece[0], predicted_piece[0]  # split gives (C, [Z,] Y, X)


def info(args: argparse.Namespace) -> dict[str, Any]:
    """Say what a model is."""
    from seamless_unet.model_file import find_model, read_info

    path = find_model(args.model)
    about = read_info(path)
    network = about.network
    size = ", ".join(f"{axis} {value:g}" for axis, value in about.pixel_size.items())
    lines = {
        "model": path,
        "description": about.description,
        "takes": f"{about.axes}, channels: {', '.join(about.channels)}",
        "pixel size": f"{size} micrometre" if size else "",
        "gives": f"{about.output} ({', '.join(about.classes)})",
        "network": f"{network.ndim}-D U-Net of depth {network.depth} with {network.base_channels} "
        f"channels at full resolution, {network.padding} convolutions",
        "licence": about.licence,
        "written by": f"version {about.version}" if about.version else "",
        **{f"training {name}": value for name, value in about.training.items()},
    }
    for name, value in lines.items():
        if value not in ("", None) and not isinstance(value, list | tuple | dict):
            print(f"{name:24} {value}")
    return {"model": str(path), **about.to_json()}


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


def _make_writable(folder: Path) -> None:
    """Make a folder and try it out, before hours of work depend on it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror}; choose another --output"
        ) from error


def _check_free(outputs: list[Path], inputs: list[Path]) -> None:
    """Refuse to replace an input, or a file that this package did not write."""
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise ValueError(f"{path} is an input, or two images have this name: name them apart")
        taken.add(path.resolve())
        if path.exists() and not written_here(path):
            raise ValueError(f"{path} exists and is not a result of this program: move it away")


def _try_to_save(state: TrainState, checkpoint: Path) -> None:
    """Save a checkpoint; a full disk must not end the training."""
    try:
        state.save(checkpoint)
    except OSError as error:
        print(f"\nno checkpoint written: {error}; training goes on", file=sys.stderr)


def _progress(text: str) -> None:
    """Show what is going on in the last line of a terminal, and nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    """Name the file in an error."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


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
