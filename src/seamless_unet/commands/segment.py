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
from seamless_unet.commands.output import check_distinct, make_writable, progress, say, tell
from seamless_unet.disk_space import check_room
from seamless_unet.error_words import words
from seamless_unet.file_pairs import find_images, taken_for_labels
from seamless_unet.image_io import Image, check_replaceable, file_stem, write_image
from seamless_unet.out_of_memory import is_out_of_memory

if TYPE_CHECKING:
    from seamless_unet.model_file import Model
    from seamless_unet.model_header import ModelInfo

_NO_MORE_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_NOTABLE = 0.15  # difference in size between the pixels of image and model


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
    _check_options(model, args)
    make_writable(Path(args.output))
    if model.info.output == "classes":
        _say_what_is_ignored(args)
    _say_what_is_slow(model, args.precision)
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
                _say_why_nothing(done[-1], model.info, args)
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
    _compare_pixels(path, image.pixel_size, model.info, resample=args.resample)
    with _about(path, _other_models(model.info, image)):
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


def _say_why_nothing(image: dict[str, Any], info: ModelInfo, args: argparse.Namespace) -> None:
    least = info.min_size if args.min_size is None else args.min_size
    if image["objects"] == 0 and least > 1:
        tell(
            f"note: objects of fewer than {least} pixels are left out: --min-size 0 leaves out none"
        )


def _check_options(model: Model, args: argparse.Namespace) -> None:
    """Refuse options that go with no image for this model; ValueError."""
    if args.resample and not {"Y", "X"} <= set(model.info.pixel_size):
        raise ValueError(
            f"--resample: the model {args.model} does not say the size of its pixels (the bundled "
            "ones do not, they know nuclei of many sizes): leave it out"
        )
    geometry = model.network.geometry
    if args.tile and not geometry.is_legal(args.tile):
        nearest = " or ".join(map(str, sorted(set(geometry.nearest_legal(args.tile)))))
        raise ValueError(f"--tile {args.tile} is no size that the network can read: say {nearest}")


def _say_what_is_ignored(args: argparse.Namespace) -> None:
    given = [name for name in ("threshold", "neck", "min_size") if getattr(args, name) is not None]
    given += ["no_link"] if args.no_link else []
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        tell(f"note: the model finds kinds of area, not objects: {names} does nothing")


def _say_what_is_slow(model: Model, precision: str) -> None:
    from seamless_unet.device import is_mixed

    device = model.network.device
    quick = precision == "bfloat16" and is_mixed(device, model.info.network.ndim)
    if device.type == "cpu" and precision != "float32" and not quick:
        tell(f"note: {precision} takes far longer than float32 here: leave --precision out")


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Return those of `segment_stack` that are the same for every image."""
    alike = ("memory", "precision", "symmetries", "threshold", "neck", "min_size", "probabilities")
    options = {name: getattr(args, name) for name in alike}
    return {**options, "tile_shape": args.tile, "link": not args.no_link}


def _compare_pixels(
    path: Path, pixel_size: dict[str, float], info: ModelInfo, *, resample: bool
) -> None:
    """Hint at ``--resample`` where it would matter, and say where it cannot do all."""
    from seamless_unet.resample import difference

    axes = "ZYX"[-info.network.ndim :]
    if resample:
        if "Z" in axes and "Z" in info.pixel_size and "Z" not in pixel_size:
            tell(
                f"{path}  does not say how far apart its planes are, so their number stays as it "
                "is: --pixel-size says it"
            )
    elif difference(pixel_size, info.pixel_size, axes) > _NOTABLE:
        image, model = (
            " x ".join(f"{sizes[axis]:.3g}" if axis in sizes else "?" for axis in axes)
            for sizes in (pixel_size, info.pixel_size)
        )
        tell(
            f"{path}  has pixels of {image} µm, the model learned on {model} µm: "
            "--resample resizes the image for it"
        )


def _other_models(info: ModelInfo, image: Image) -> str:
    """Say which bundled models take as many channels as the image has, if the model does not."""
    from seamless_unet.model_file import bundled_models, read_info

    channels = dict(zip(image.axes, image.data.shape, strict=True)).get("C", 1)
    if channels == info.network.in_channels:
        return ""
    others = {name: read_info(path) for name, path in bundled_models().items()}
    return "".join(
        f"; the bundled --model {name} takes {', '.join(other.channels)}"
        for name, other in others.items()
        if other.network.in_channels == channels
    )


@contextlib.contextmanager
def _about(path: Path, advice: str) -> Iterator[None]:
    """Name the file in an error, with what else can be done about it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}{advice}") from error
