"""Whether a model can take an image, and what it makes of its dimensions, in words."""

from collections.abc import Mapping, Sequence

from seamless_unet.axes import label_axes, loop_axes
from seamless_unet.model_header import ModelInfo

_WORDS = {"Z": "depth", "T": "time"}


def misfit(info: ModelInfo, axes: str, channels: int) -> str:
    """Say why a model cannot take an image and what to do; empty if it can.

    Parameters
    ----------
    axes
        Of the image.
    channels
        How many it has, or, without a C axis, how many layers there are to take them from.
    """
    needed = info.network.in_channels
    if _needs_depth(info, axes):
        return (
            "This model takes stacks as a whole, and this image has no depth: choose another "
            "model, or say under Dimensions which of them is depth."
        )
    if channels >= needed:
        return ""
    names = ", ".join(info.channels)
    if "C" in axes:
        return f"This model takes {needed} channels ({names}), and this image has {channels}."
    return (
        f"This model takes {needed} channels ({names}): open each as a layer of its own, all of "
        "the same size, or choose another model."
    )


def mark(info: ModelInfo, axes: str, channels: int) -> str:
    """Say in a few words after a model's name that it does not fit; see `misfit`.

    >>> from seamless_unet.config import UNetConfig
    >>> mark(ModelInfo(UNetConfig(in_channels=3)), "YX", 1)
    ' (does not fit: 3 channels)'
    """
    if not misfit(info, axes, channels):
        return ""
    if _needs_depth(info, axes):
        return " (does not fit: needs depth)"
    return f" (does not fit: {info.network.in_channels} channels)"


def of_channels(infos: Mapping[str, ModelInfo | None], names: Sequence[str]) -> str | None:
    """Return the first model all of whose channels an image has, by their names.

    >>> from seamless_unet.config import UNetConfig
    >>> rgb = ModelInfo(UNetConfig(in_channels=3), channels=("red", "green", "blue"))
    >>> of_channels({"nuclei": ModelInfo(UNetConfig()), "tissue": rgb}, ["Red", "Green", "Blue"])
    'tissue'
    """
    there = {name.lower() for name in names}
    for model, info in infos.items():
        if info is not None and there.issuperset(name.lower() for name in info.channels):
            return model
    return None


def linkable(info: ModelInfo, axes: str) -> str:
    """Return the axes through which cells are linked: out of ``"ZT"``."""
    if info.output != "objects" or _needs_depth(info, axes):
        return ""
    loop = loop_axes(axes, info.network.ndim)
    return "".join(axis for axis in "ZT" if axis in loop)


def plan(info: ModelInfo, axes: str, *, link: bool) -> str:
    """Say how a model goes through the dimensions of an image; empty for what is plain.

    >>> from seamless_unet.config import UNetConfig
    >>> plan(ModelInfo(UNetConfig(ndim=2)), "TZYX", link=True)
    'Plane by plane; cells are linked through depth and time.'
    """
    if _needs_depth(info, axes):
        return ""
    loop = loop_axes(axes, info.network.ndim)
    if not loop:
        return ""
    if info.network.ndim == 3:
        piece = "Each stack as a whole"
    elif label_axes(loop) == "S":
        piece = "Image by image"
    else:
        piece = "Plane by plane"
    through = " and ".join(_WORDS[axis] for axis in linkable(info, axes))
    if not through:
        return f"{piece}."
    if link:
        return f"{piece}; cells are linked through {through}."
    return f"{piece}; cells are not linked through {through}."


def _needs_depth(info: ModelInfo, axes: str) -> bool:
    return info.network.ndim == 3 and "Z" not in axes
