"""``seamless-unet info``: what a model says about itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seamless_unet.model_header import ModelInfo


def info(args: argparse.Namespace) -> dict[str, Any]:
    """Say what a model is."""
    from seamless_unet.model_file import find_model, read_info

    path = find_model(args.model)
    about = read_info(path)
    network = about.network
    training = {name: value for name, value in about.training.items() if name != "thumbnail"}
    size = ", ".join(f"{axis} {value:g}" for axis, value in about.pixel_size.items())
    lines = {
        "model": path,
        "description": about.description,
        "takes": f"{about.axes}, channels: {', '.join(about.channels)}",
        "pixel size": f"{size} micrometre" if size else "",
        "gives": f"{about.output} ({', '.join(about.classes)})",
        "network": f"{network.ndim}-D U-Net of depth {network.depth} with {network.base_channels} "
        f"channels at full resolution, {network.padding} convolutions",
        "objects": _in_words(about) if about.output == "objects" else "",
        "licence": about.licence,
        "written by": f"version {about.version}" if about.version else "",
        **{f"training {name}": value for name, value in training.items()},
    }
    for name, value in lines.items():
        if value not in ("", None) and not isinstance(value, list | tuple | dict):
            print(f"{name:24} {value}")
    return {"model": str(path), **about.to_json(), "training": training}


def _in_words(info: ModelInfo) -> str:
    """Say how probabilities become objects."""
    neck = f"divided at necks of {info.neck:g} pixels" if info.neck else "not divided at necks"
    return f"above a threshold of {info.threshold:g}, at least {info.min_size} pixels, {neck}"
