"""What the Models dock says about a model, in the user's words."""

from collections.abc import Mapping
from typing import Any

from seamless_unet.model_header import ModelInfo, are_numbered
from seamless_unet.plugin.library import Entry

_MOST_NAMES = 12  # of images


def headline(entry: Entry, *, learning: bool = False) -> str:
    """Return the line below a model's name in the list; ``learning`` while it is being trained.

    >>> from datetime import datetime
    >>> headline(Entry("a", None, True, datetime(2026, 1, 31), None, "it is damaged"))
    'cannot be read'
    """
    if learning:
        return "being trained"
    if entry.info is None:
        return "cannot be read"
    score = entry.info.training.get("score")
    known = [
        "" if score is None else f"score {score:.2f}",
        f"{entry.saved:%Y-%m-%d}" if entry.own else "comes with the plugin",
    ]
    return ", ".join(filter(None, known))


def facts(entry: Entry) -> list[tuple[str, str]]:
    """Return what is known about a model as (label, text), the most important first."""
    if entry.info is None:
        return [("Problem", entry.problem)]
    info, training = entry.info, entry.info.training
    known = [
        ("About", info.description),
        ("Takes", _images(info)),
        ("Finds", "cells" if info.output == "objects" else ", ".join(info.classes)),
        ("Score", _score(training)),
        ("Learned from", _data(training)),
        ("Images", _names(training)),
        ("Trained", _effort(entry)),
        ("Pixel size", pixel_size(info.pixel_size)),
        ("Network", f"U-Net of depth {info.network.depth}, {info.network.base_channels} channels"),
        ("Licence", info.licence),
    ]
    return [(label, text) for label, text in known if text]


def pixel_size(sizes: Mapping[str, float]) -> str:
    """Say how large a pixel is.

    >>> pixel_size({"Z": 2.0, "Y": 0.325, "X": 0.325}), pixel_size({})
    ('0.325 µm, slices 2 µm', '')
    """
    plane = " x ".join(dict.fromkeys(f"{sizes[axis]:.3g}" for axis in "YX" if axis in sizes))
    slices = f"slices {sizes['Z']:.3g} µm" if "Z" in sizes else ""
    return ", ".join(filter(None, [plane and f"{plane} µm", slices]))


def _images(info: ModelInfo) -> str:
    count = info.network.in_channels
    kind = "stacks as a whole" if info.network.ndim == 3 else "images, or stacks plane by plane"
    names = "" if are_numbered(info.channels) else f" ({', '.join(info.channels)})"
    return f"{kind}; {count} channel{'s' * (count > 1)}{names}"


def _score(training: Mapping[str, Any]) -> str:
    score = training.get("score")
    return "" if score is None else f"{score:.2f} of 1, on annotation held back from learning"


def _data(training: Mapping[str, Any]) -> str:
    data = training.get("data", {})
    if "images" not in data:
        return ""
    images = f"{data['images']:,} image{'s' * (data['images'] != 1)}"
    objects = data.get("objects", 0)
    return f"{objects:,} cell{'s' * (objects != 1)} in {images}" if objects else images


def _names(training: Mapping[str, Any]) -> str:
    """Return the names of the images, each once."""
    pairs = training.get("data", {}).get("pairs", ())
    names = list(dict.fromkeys(pair["name"] for pair in pairs if "name" in pair))
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _effort(entry: Entry) -> str:
    assert entry.info is not None
    training = entry.info.training
    steps, seconds = training.get("steps"), training.get("seconds")
    known = [
        f"{entry.saved:%Y-%m-%d %H:%M}" if entry.own else "",
        "" if seconds is None else f"{seconds / 60:.1f} minutes",
        "" if steps is None else f"{steps:,} steps",
    ]
    return ", ".join(filter(None, known))
