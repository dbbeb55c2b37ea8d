"""What a model file says about itself, and how that becomes objects and further trainings."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from typing import Any, Literal

from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.json_config import JsonConfig
from seamless_unet.ranges import check_settings

_PIXELS = ("neck", "min_size", "grow")


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
        What one network input is, without channels: ``"YX"`` or ``"ZYX"``, as its network's.
    channels, classes
        Names, one per channel in and class out; numbered where they are left open.
    class_values
        The label value of each class index; where they are left open, 0 for the first and 1 for
        the others, or of a class map the indices.
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
    axes: str = ""
    channels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    class_values: tuple[int, ...] = ()
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
        for name, value in self._left_open().items():
            object.__setattr__(self, name, getattr(self, name) or value)
        self._check_network()
        if not all(_is_number(size) and 0 < size < math.inf for size in self.pixel_size.values()):
            raise ValueError(f"pixel_size={self.pixel_size} must be in micrometre, above 0")
        check_settings(
            **{name: getattr(self, name) for name in ("threshold", "seed_threshold", *_PIXELS)}
        )
        _check_summary("training", self.training)
        for number, training in enumerate(self.training.get("earlier", ())):
            _check_summary(f"earlier training {number}", training)

    def _left_open(self) -> dict[str, Any]:
        """Return what stands for fields that nothing is said of."""
        network, count = self.network, max(self.network.classes, 2)
        numbered = tuple(f"class {number}" for number in range(count))
        values = tuple(range(count))
        return {
            "axes": "ZYX"[-network.ndim :],
            "channels": numbered_channels(network.in_channels),
            "classes": ("background", "object") if count == 2 else numbered,
            "class_values": tuple(min(k, 1) for k in values)
            if self.output == "objects"
            else values,
        }

    def _check_network(self) -> None:
        """Refuse fields that are not those of the network."""
        for name, value in self._left_open().items():
            given = getattr(self, name)
            if len(given) != len(value) or (name == "axes" and given != value):
                raise ValueError(f"{name}={given!r} does not fit the network, as {value!r} would")
        if not all(0 <= value < 2**31 for value in self.class_values):
            raise ValueError(f"class_values={self.class_values} must be labels, from 0 to 2^31 - 1")

    @property
    def instances(self) -> dict[str, Any]:
        """Keyword arguments for `seamless_unet.segment.segment`."""
        names = ("threshold", "seed_threshold", *_PIXELS)
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
    names = [pair.get("name", "") for pair in data.get("pairs", [])]
    texts = [summary.get("thumbnail", ""), *names]
    if not isinstance(summary.get("config", {}), dict) or not all(map(_is_text, texts)):
        raise ValueError(f"the summary of the {name} is damaged")
    try:
        base64.b64decode(texts[0], validate=True)
    except ValueError as error:
        raise ValueError(f"the picture in the summary of the {name} is damaged") from error
    numbers = [(key, summary.get(key)) for key in ("score", "seconds", "steps")]
    numbers += [(key, data.get(key)) for key in ("images", "objects")]
    for key, value in chain(numbers, *(event.items() for event in lists[0])):
        if value is not None and not _is_number(value):
            raise ValueError(f"{key}={value!r} in the summary of the {name} is no number")


def _is_list_of_dicts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


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
