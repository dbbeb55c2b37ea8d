"""``seamless-unet segment``: a file of labels for each image."""

from __future__ import annotations

import argparse
import contextlib
import errno
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seamless_unet.commands.input import read_chosen
from seamless_unet.commands.misfits import (
    check_options,
    compare_pixels,
    other_models,
    say_what_is_ignored,
    say_what_is_slow,
    say_why_nothing,
)
from seamless_unet.commands.output import check_distinct, make_writable, progress, say, tell
from seamless_unet.disk_space import check_room
from seamless_unet.error_words import words
from seamless_unet.file_pairs import find_images, taken_for_labels
from seamless_unet.image_io import check_replaceable, file_stem, write_image
from seamless_unet.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    from seamless_unet.model_file import Model

_NO_MORE_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def segment(args: argparse.Namespace) -> dict[str, Any]:
    """Segment images, one file of labels for each."""
    from seamless_unet.device import choose_device
    from seamless_unet.model_file import load_model

    paths = find_images(args.images)
    if others := taken_for_labels(args.images, paths):
        tell(
            f"note: left out, since they are named like labels: {', '.join(map(str, others))}; to "
            "segment such a file, name it instead of its folder"
        )
    wanted, skipped = _wanted(paths, args)
    model = load_model(args.model, device=choose_device(args.device))
    check_options(model, args)
    make_writable(Path(args.output))
    if model.info.output == "classes":
        say_what_is_ignored(args)
    say_what_is_slow(model, args.precision)
    say(f"model  {args.model}{'' if Path(args.model).is_file() else ' (bundled)'}")
    done: list[dict[str, Any]] = []
    reason = "done"
    try:
        for path, targets in wanted:
            if args.skip_existing and _are_there(targets):
                skipped.append(str(path))  # by another process, which shares the work
                continue
            done.append(_tried(model, path, targets, args, alone=len(paths) == 1))
            if "error" not in done[-1]:
                say(_in_words(done[-1]))
                say_why_nothing(done[-1], model.info, args)
    except KeyboardInterrupt:  # what is done is told, too
        progress("")
        tell("seamless-unet: stopped")
        reason = "stopped"
    images, failed = ([one for one in done if ("error" in one) is bad] for bad in (False, True))
    if failed:
        some = f"{len(failed)} of {len(wanted)} images"
        tell(f"seamless-unet: error: {some} could not be segmented")
    found = {"images": images, "skipped": skipped, "failed": failed}
    return {"model": args.model, "reason": reason, **found}


def _tried(
    model: Model, path: Path, targets: list[Path], args: argparse.Namespace, *, alone: bool
) -> dict[str, Any]:
    """Return what is said of an image, or its ``error``: one bad file must not cost the others."""
    try:
        return _segment_file(model, path, targets, args)
    except Exception as error:
        known = is_out_of_memory(error) or isinstance(error, ValueError | OSError)
        full = getattr(error, "errno", None) in _NO_MORE_ROOM
        if not known or full or (alone and not args.json):
            raise
        progress("")
        what = words(error, "segment")
        what = what if str(path) in what else f"{path}: {what}"
        tell(f"left out: {what}")
        return {"image": str(path), "error": what}


def _wanted(
    paths: list[Path], args: argparse.Namespace
) -> tuple[list[tuple[Path, list[Path]]], list[str]]:
    """Return the images to segment, each with the files to write, and the others.

    Raises
    ------
    ValueError
        If a file that is no result of this program would be replaced.
    """
    folder = Path(args.output)
    kinds = ("labels", "probabilities") if args.probabilities else ("labels",)
    outputs = [[folder / f"{file_stem(path)}_{kind}.tif" for kind in kinds] for path in paths]
    check_distinct([target for targets in outputs for target in targets], paths)
    wanted, skipped = [], []
    for path, targets in zip(paths, outputs, strict=True):
        if args.skip_existing and _are_there(targets):
            skipped.append(str(path))
            continue
        for target in targets:
            check_replaceable(target)
        wanted.append((path, targets))
    if args.skip_existing:
        say(f"{len(skipped)} of {len(paths)} images have their results")
    return wanted, skipped


def _are_there(targets: list[Path]) -> bool:
    """Whether results are there: whole, perhaps corrected by somebody; empty after a power cut."""
    return all(target.exists() and target.stat().st_size for target in targets)


def _segment_file(
    model: Model, path: Path, targets: list[Path], args: argparse.Namespace
) -> dict[str, Any]:
    """Write the labels and, if there is a second target, the probabilities."""
    from seamless_unet.pieces import layout
    from seamless_unet.stack import Segmented, segment_stack

    start = time.monotonic()
    image = read_chosen(path, args)
    compare_pixels(path, image.pixel_size, model.info, resample=args.resample)
    with _about(path, other_models(model.info, image)):
        plan = layout(model.info, image.data.shape, image.axes)
        # labels become at least 8 times smaller
        sizes = (math.prod(plan.label_shape) // 2, 4 * math.prod(plan.probability_shape))
        check_room((target.parent, size) for target, size in zip(targets, sizes, strict=False))
        for event in segment_stack(
            model,
            image.data,
            image.axes,
            pixel_size=image.pixel_size if args.resample else None,
            **_options(args),
        ):
            if isinstance(event, Segmented):
                result = event
            else:
                progress(f"{path.name}  tile {event.done} of {event.total}")
    progress("")
    about: Any = {"pixel_size": image.pixel_size, "frame_interval": image.frame_interval}
    about["description"] = _origin(path, args)
    for target in targets:
        check_replaceable(target)  # somebody may have drawn meanwhile
    write_image(targets[0], result.labels, axes=result.axes, **about)
    if result.probabilities is not None:
        write_image(targets[1], result.probabilities, axes=result.probability_axes, **about)
    return {
        "image": str(path),
        "labels": str(targets[0]),
        "probabilities": str(targets[1]) if len(targets) > 1 else None,
        "axes": result.axes,
        "shape": list(result.labels.shape),
        "objects": result.objects,
        "seconds": round(time.monotonic() - start, 3),
    }


def _origin(path: Path, args: argparse.Namespace) -> str:
    """Return what a file of results says about how it was made."""
    numbers = ("threshold", "neck", "min_size", "axes", "channels", "pixel_size", "precision")
    said = {name: getattr(args, name) for name in ("model", *numbers)}
    options = [f"{name}={value}" for name, value in said.items() if value is not None]
    options += [name for name in ("no_link", "symmetries", "resample") if getattr(args, name)]
    return f"{path.name} by seamless-unet segment, {', '.join(options)}"


def _in_words(image: dict[str, Any]) -> str:
    """Return a line about an image that was segmented."""
    found = "class map" if image["objects"] is None else f"{image['objects']} objects"
    return f"{image['image']}  {found}, {image['seconds']:.1f} s  ->  {image['labels']}"


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Return those of `segment_stack` that are the same for every image."""
    alike = ("memory", "precision", "symmetries", "threshold", "neck", "min_size", "probabilities")
    options = {name: getattr(args, name) for name in alike}
    return {**options, "tile_shape": args.tile, "link": not args.no_link}


@contextlib.contextmanager
def _about(path: Path, advice: str) -> Iterator[None]:
    """Name the file in an error, with what else can be done about it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}{advice}") from error
