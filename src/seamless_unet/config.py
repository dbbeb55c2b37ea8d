"""What a network, its normalization and its training are made of; to and from JSON.

Every dataclass here is frozen, checks itself on construction, and refuses unknown
JSON keys, so that a model file written by a newer version fails with words instead
of with a wrong picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from seamless_unet.json_config import JsonConfig
from seamless_unet.ranges import WIDEST_GAP, check_below_one, check_least

Annotation = Literal["objects", "classes", "scribbles"]

# base channels by ndim, where a recipe leaves them open; in 2-D those of the bundled models
WIDTH = {2: 32, 3: 16}
_MOST_CHANNELS = 10_000
_DEEPEST = 10  # a pixel of the lowest level is 1024 wide


@dataclass(frozen=True)
class UNetConfig(JsonConfig):
    """The network; the defaults are Fig. 1 of Ronneberger et al. 2015 (31.03 M parameters).

    Parameters
    ----------
    ndim
        2 for images, 3 for stacks seen as volumes.
    in_channels, classes
        Channels in; classes out. One class means a single sigmoid output.
    depth
        Number of 2x2 max-poolings, 1 to 10.
    base_channels
        Channels of the first level; they double with each pooling.
    padding
        ``"valid"`` (the paper: each 3x3 convolution costs one pixel per side) or ``"same"``.
    padding_mode
        What ``padding="same"`` puts outside: ``"reflect"`` or ``"zeros"``.
    batch_norm
        Batch normalization between each 3x3 convolution and its ReLU.
    upsampling
        ``"transposed"`` (the paper's 2x2 up-convolution) or ``"linear"`` followed by a 1x1
        convolution that halves the channels.
    dropout
        Probability of dropout at the end of the contracting path.
    """

    ndim: int = 2
    in_channels: int = 1
    classes: int = 2
    depth: int = 4
    base_channels: int = 64
    padding: Literal["valid", "same"] = "valid"
    padding_mode: Literal["reflect", "zeros"] = "reflect"
    batch_norm: bool = False
    upsampling: Literal["transposed", "linear"] = "transposed"
    dropout: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_least(self, "in_channels", "classes", "base_channels")
        for name in ("in_channels", "classes", "base_channels"):
            if getattr(self, name) > _MOST_CHANNELS:
                raise ValueError(f"{name}={getattr(self, name)} must be at most {_MOST_CHANNELS}")
        _check_shape(self)
        check_below_one(self, "dropout")


@dataclass(frozen=True)
class Normalization(JsonConfig):
    """How grey values become network input: once per image, never per tile.

    Parameters
    ----------
    kind
        ``"percentile"``: ``low`` to 0 and ``high`` to 1, per channel, measured on the image.
        ``"standard"``: mean 0 and standard deviation 1, per channel, measured on the image.
        ``"fixed"``: ``(value - offset) / scale`` with the numbers kept here.
    low, high
        Percentiles, 0 to 100.
    offset, scale
        Grey values, used by ``"fixed"`` only.
    """

    kind: Literal["percentile", "standard", "fixed"] = "percentile"
    low: float = 1.0
    high: float = 99.8
    offset: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.low < self.high <= 100:
            raise ValueError(
                f"percentiles need 0 <= low < high <= 100, got {self.low}, {self.high}"
            )
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale={self.scale} must be above 0")
        if not math.isfinite(self.offset):
            raise ValueError(f"offset={self.offset} must be a grey value")


@dataclass(frozen=True)
class TrainConfig(JsonConfig):
    """How to train. ``TrainConfig.preset("quick")`` and ``("paper")`` fill in the rest.

    Parameters
    ----------
    annotation
        What the labels mean. ``"objects"``: every id above 0 is an object and 0 is background.
        ``"classes"``: the value is the class. ``"scribbles"``: 0 is not annotated, 1 is
        background, 2 and up are objects or classes.
    scribble_values
        What scribble values above 1 are: ``"class"``, ``"object"``, or ``"auto"``: classes
        where there are two to five different ones, objects otherwise.
    steps, minutes
        The budget: optimizer steps or wall-clock minutes, exactly one of them. The learning
        rate is annealed to it.
    ndim, depth, base_channels, batch_norm, dropout
        See `UNetConfig`. With ``ndim=2`` a stack is learned plane by plane; which one fits,
        `seamless_unet.volumes.fitting_recipe` knows. ``base_channels=None``
        is that of the weights to start from; with random ones 32, or 16 in 3-D, but half as many
        on CPUs, in 3-D on those with AVX2 only, where more would learn too little in a few minutes.
    patch
        Output size of a training patch in pixels per axis, rounded up to the nearest legal one
        and at most the size of the images.
    batch_size
        Patches per step.
    optimizer, learning_rate, momentum, weight_decay
        ``"sgd"`` uses momentum; ``"adam"`` is AdamW.
    ema
        Decay of the exponential moving average of the weights; 0 switches it off.
    border_weight, border_sigma
        w0 and sigma (pixels) of Eq. 2; ``border_weight=0`` switches the border term off.
    class_balance
        The term w_c of Eq. 2.
    gap
        Width in pixels of the background drawn between touching objects; even, 0 draws none; at
        most 100.
    rim
        Objects are learned as a rim of so many pixels around a core, in thin ones half of their
        depth, so that cores tell apart objects whose outlines run together; 0 learns them whole.
    elastic
        Standard deviation of the elastic deformation's displacements, in pixels (paper: 10).
    flip, rotate
        Mirror; rotate by any angle.
    zoom
        Largest relative change of size: 0.2 draws factors from 1/1.2 to 1.2.
    grey
        Strength of grey-value variation, 0 to 1.
    validation
        Part of the annotation kept for validation, 0 to 0.5 (exclusive of 0).
    start
        Weights to start from: ``"scratch"``, the path or name of a model, whose
        ``start_settings`` this recipe must share, or ``"auto"``: the bundled model that finds
        most of the drawn objects already, bright or dark, in whatever channels, and from scratch
        where none finds enough of them. A model of one channel sees several as a mix.
    seed
        Same seed, same model, on one machine and with a budget in steps.

    Raises
    ------
    ValueError
        If a field is out of range, or not exactly one of ``steps`` and ``minutes`` is given.
    TypeError
        If a field is of another type.
    """

    annotation: Annotation = "objects"
    scribble_values: Literal["auto", "class", "object"] = "auto"
    steps: int | None = None
    minutes: float | None = None
    ndim: int = 2
    depth: int = 3
    base_channels: int | None = None
    batch_norm: bool = True
    dropout: float = 0.0
    patch: int = 212
    batch_size: int = 2
    optimizer: Literal["sgd", "adam"] = "adam"
    learning_rate: float = 4e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    ema: float = 0.99
    border_weight: float = 10.0
    border_sigma: float = 5.0
    class_balance: bool = False
    gap: int = 2
    rim: int = 3
    elastic: float = 4.0
    flip: bool = True
    rotate: bool = True
    zoom: float = 0.25
    grey: float = 0.3
    validation: float = 0.15
    start: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_shape(self)
        check_least(self, "patch", "batch_size")
        if self.base_channels is not None:
            check_least(self, "base_channels")
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("say how long to train: either steps or minutes")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps={self.steps} must be at least 1")
        if self.minutes is not None and not self.minutes > 0:
            raise ValueError(f"minutes={self.minutes} must be above 0")
        if self.minutes == math.inf:
            raise ValueError("minutes=inf: give many, and stop the training when it is good enough")
        check_least(self, "rim", "seed", *_NOT_NEGATIVE, minimum=0)
        for name in ("learning_rate", "border_sigma", *_NOT_NEGATIVE):
            if math.isinf(getattr(self, name)):
                raise ValueError(f"{name}={getattr(self, name)} must be a finite number")
        if self.seed >= 2**63:
            raise ValueError(f"seed={self.seed} must be below 2^63")
        for name in ("learning_rate", "border_sigma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)} must be above 0")
        check_below_one(self, "ema", "dropout", "momentum")
        if self.grey > 1:
            raise ValueError(f"grey={self.grey} must be at most 1")
        if self.gap % 2 or not 0 <= self.gap <= WIDEST_GAP:
            raise ValueError(f"gap={self.gap} must be even and from 0 to {WIDEST_GAP}")
        if not 0 < self.validation <= 0.5:
            raise ValueError(f"validation={self.validation} must be above 0 and at most 0.5")

    @property
    def names_start(self) -> bool:
        """Whether ``start`` is a model that was chosen, whatever it knows."""
        return self.start not in ("auto", "scratch")

    @classmethod
    def preset(cls, name: str = "quick", **changes: Any) -> Self:
        """Return a named recipe, with changes.

        Parameters
        ----------
        name
            ``"quick"`` learns fastest from few annotations on a laptop's CPU (the experiment is
            in ``benchmarks/accuracy/README.md``); ``"paper"`` is Ronneberger et al. 2015: 31 M
            parameters, SGD with momentum 0.99, one large patch a step, elastic deformation of 10
            pixels. With ``ndim=3`` depth, width, patch and batch size are those for volumes.
        **changes
            Fields to set otherwise; with no budget among them, ``minutes=5``.
        """
        if name not in PRESETS:
            raise ValueError(f"preset {name!r} is not one of {', '.join(PRESETS)}")
        if "steps" not in changes and "minutes" not in changes:
            changes["minutes"] = 5.0
        return cls(**recipe_fields(name, changes))


PRESETS: dict[str, dict[str, Any]] = {
    "quick": {},
    "paper": {
        "depth": 4,
        "base_channels": 64,
        "batch_norm": False,
        "dropout": 0.5,
        "patch": 388,
        "batch_size": 1,
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "momentum": 0.99,
        "weight_decay": 0.0,
        "ema": 0.0,
        "elastic": 10.0,
        "class_balance": True,
        "zoom": 0.0,
        "rim": 0,
        "start": "scratch",
    },
}

_NOT_NEGATIVE = ("weight_decay", "border_weight", "elastic", "zoom", "grey")

# a volume of 128^3 would not fit a laptop, and few stacks have that many slices; of a single
# patch, PyTorch would compute most convolutions in its slow way, and normalizing by it is poor
_VOLUME: dict[str, Any] = {"depth": 2, "base_channels": None, "patch": 48, "batch_size": 2}


def recipe_fields(preset: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe that are not as in `TrainConfig`, those of volumes too."""
    volume = _VOLUME if changes.get("ndim") == 3 else {}
    return {**PRESETS[preset], **volume, **changes}


def _check_shape(config: UNetConfig | TrainConfig) -> None:
    if config.ndim not in (2, 3):
        raise ValueError(f"ndim={config.ndim} must be 2 or 3")
    if not 1 <= config.depth <= _DEEPEST:
        raise ValueError(f"depth={config.depth} must be from 1 to {_DEEPEST}")
