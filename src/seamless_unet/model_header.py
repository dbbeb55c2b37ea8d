"""What a model file says about itself, and how that becomes objects and further trainings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
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


def numbered_channels(count: int) -> tuple[str, ...]:
    """Return the names of a model's channels where nobody has named them.

    >>> numbered_channels(2)
    ('channel 1', 'channel 2')
    """
    return tuple(f"channel {number}" for number in range(1, count + 1))


def are_numbered(channels: Sequence[str]) -> bool:
    """Return whether these names of channels say nothing: see `numbered_channels`."""
    return tuple(channels) == numbered_channels(len(channels))
