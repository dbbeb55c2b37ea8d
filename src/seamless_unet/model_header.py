"""What a model file says about itself, and how that becomes objects and further trainings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import Any, Literal

from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.json_config import JsonConfig


@dataclass(frozen=True)
class ModelInfo(JsonConfig):
    """What a model file says about itself: its JSON header, readable without torch.

    Parameters
    ----------
    network, normalization
        How to rebuild the network and prepare an image for it.
    output
        ``"objects"``: foreground to be cut into instances; ``"classes"``: a class map.
    axes
        What one network input is, without channels: ``"YX"`` or ``"ZYX"``.
    channels, classes
        Names, one per channel in and class out.
    class_values
        The label value of each class index.
    pixel_size
        Micrometre per pixel for axes among Z, Y and X; empty where unknown.
    threshold, seed_threshold, neck, min_size, grow
        How probabilities become objects: see `seamless_unet.segment.segment`.
    training
        Summary: images, steps, minutes, score and the like.
    licence, description
        For people.
    version
        Of the package that wrote the file.
    """

    network: UNetConfig
    normalization: Normalization = dataclasses.field(default_factory=Normalization)
    output: Literal["objects", "classes"] = "objects"
    axes: str = "YX"
    channels: tuple[str, ...] = ("channel 1",)
    classes: tuple[str, ...] = ("background", "object")
    class_values: tuple[int, ...] = (0, 1)
    pixel_size: dict[str, float] = dataclasses.field(default_factory=dict)
    threshold: float = 0.5
    seed_threshold: float | None = None
    neck: float = 0.0
    min_size: int = 0
    grow: int = 2
    training: dict[str, Any] = dataclasses.field(default_factory=dict)
    licence: str = ""
    description: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = self.pixel_size.values() if isinstance(self.pixel_size, dict) else [None]
        if not all(_is_number(size) and 0 < size < math.inf for size in sizes):
            raise ValueError(f"pixel_size={self.pixel_size} must be in micrometre, above 0")
        _check_summary("training", self.training)
        for number, training in enumerate(self.training.get("earlier", ())):
            _check_summary(f"earlier training {number}", training)

    @property
    def instances(self) -> dict[str, Any]:
        """Keyword arguments for `seamless_unet.segment.segment`."""
        names = ("threshold", "seed_threshold", "neck", "min_size", "grow")
        cored = self.output == "objects" and len(self.classes) == 3
        return {name: getattr(self, name) for name in names} | {"cored": cored}

    @property
    def start_settings(self) -> dict[str, Any]:
        """Fields of `TrainConfig` that a training must share to start from this model."""
        shared = ("ndim", "depth", "base_channels", "batch_norm", "dropout")
        fields = {name: getattr(self.network, name) for name in shared}
        learned = self.training.get("config", {})
        fields |= {name: learned[name] for name in ("gap", "rim") if name in learned}
        return fields if len(self.classes) == 3 else fields | {"rim": 0}


def _check_summary(name: str, training: Any) -> None:
    """Refuse a summary of a training with something else than windows and files show of it.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    summary: dict[str, Any] = training if isinstance(training, dict) else {"data": None}
    data = summary.get("data", {})
    lists = [summary.get("history", []), summary.get("earlier", [])]
    lists += [data.get("pairs", [])] if isinstance(data, dict) else [None]
    if not all(map(_is_list_of_dicts, lists)):
        raise ValueError(f"the summary of the {name} is damaged")
    numbers = [(key, summary.get(key)) for key in ("score", "seconds", "steps")]
    numbers += [(key, data.get(key)) for key in ("images", "objects")]
    for key, value in chain(numbers, *(event.items() for event in lists[0])):
        if value is not None and not _is_number(value):
            raise ValueError(f"{key}={value!r} in the summary of the {name} is no number")


def _is_list_of_dicts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def numbered_channels(count: int) -> tuple[str, ...]:
    """Return the names of a model's channels where nobody has named them.

    >>> numbered_channels(2)
    ('channel 1', 'channel 2')
    """
    return tuple(f"channel {number}" for number in range(1, count + 1))


def are_numbered(channels: Sequence[str]) -> bool:
    """Return whether these names of channels say nothing: see `numbered_channels`."""
    return tuple(channels) == numbered_channels(len(channels))
