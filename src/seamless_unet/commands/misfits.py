"""What ``segment`` says of models, images and options that do not go together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seamless_unet.commands.output import tell
from seamless_unet.image_io import Image

if TYPE_CHECKING:
    from seamless_unet.model_file import Model
    from seamless_unet.model_header import ModelInfo

_NOTABLE = 0.15  # difference in size between the pixels of image and model


def check_options(model: Model, args: argparse.Namespace) -> None:
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


def say_what_is_ignored(args: argparse.Namespace) -> None:
    """Name the options that do nothing with a model of kinds of area."""
    given = [name for name in ("threshold", "neck", "min_size") if getattr(args, name) is not None]
    given += ["no_link"] if args.no_link else []
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        tell(f"note: the model finds kinds of area, not objects: {names} does nothing")


def say_what_is_slow(model: Model, precision: str) -> None:
    """Advise against 16 bits where they are computed slowly."""
    from seamless_unet.device import is_mixed

    device = model.network.device
    quick = precision == "bfloat16" and is_mixed(device, model.info.network.ndim)
    if device.type == "cpu" and precision != "float32" and not quick:
        tell(f"note: {precision} takes far longer than float32 here: leave --precision out")


def compare_pixels(
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


def other_models(info: ModelInfo, image: Image) -> str:
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


def say_why_nothing(image: dict[str, Any], info: ModelInfo, args: argparse.Namespace) -> None:
    """Say what may have left nothing of an image; its result is what `segment` returns of it."""
    least = info.min_size if args.min_size is None else args.min_size
    if image["objects"] == 0 and least > 1:
        tell(
            f"note: objects of fewer than {least} pixels are left out: --min-size 0 leaves out none"
        )
