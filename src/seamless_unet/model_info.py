"""What a model that is going to be trained says about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seamless_unet.config import (
    ModelInfo,
    Normalization,
    TrainConfig,
    UNetConfig,
    numbered_channels,
)
from seamless_unet.dataset import Dataset
from seamless_unet.model_file import Model
from seamless_unet.thumbnail import thumbnail

# before they are chosen by the validation part
_SEED_THRESHOLD = 0.7
_CORE_THRESHOLD = 0.5
_MOST_EARLIER = 10  # trainings that a model remembers
_LOSSES = 500  # enough to draw the curve


def network_config(dataset: Dataset, config: TrainConfig) -> UNetConfig:
    """Return the network that a recipe and the data ask for."""
    return UNetConfig(
        ndim=config.ndim,
        in_channels=len(dataset.training[0].image),
        classes=len(dataset.meaning.class_values),
        depth=config.depth,
        base_channels=config.base_channels,
        batch_norm=config.batch_norm,
        dropout=config.dropout,
    )


def model_info(
    dataset: Dataset,
    config: TrainConfig,
    normalization: Normalization,
    pixel_size: Mapping[str, float],
    *,
    channels: Sequence[str] = (),
    start: Model | None = None,
    earlier: Sequence[dict[str, Any]] = (),
) -> ModelInfo:
    """Return what is known about a model before its training.

    Parameters
    ----------
    normalization
        That the images were prepared with.
    pixel_size
        Micrometre per axis; empty where unknown.
    channels
        Names; without one for each, they are numbered.
    start
        Whose weights it starts from: probabilities become objects as they do there.
    earlier
        From `earlier_trainings`.
    """
    meaning = dataset.meaning
    network = network_config(dataset, config)
    numbered = numbered_channels(network.in_channels)
    whole = meaning.annotation == "objects"
    seeds = None
    if meaning.output == "objects":
        seeds = _SEED_THRESHOLD if network.classes == 2 else _CORE_THRESHOLD
    instances: dict[str, Any] = {"seed_threshold": seeds, "min_size": 0, "grow": 0}
    if start is not None:
        instances = {name: getattr(start.info, name) for name in ("threshold", *instances)}
    if whole:
        instances |= {"min_size": _least_size(dataset), "grow": config.gap}
    fullest = max(dataset.training, key=lambda sample: np.count_nonzero(sample.labels))
    return ModelInfo(
        network=network,
        normalization=normalization,
        output=meaning.output,
        axes="ZYX"[-config.ndim :],
        channels=tuple(channels) if len(channels) == len(numbered) else numbered,
        classes=meaning.class_names,
        class_values=meaning.class_values,
        pixel_size=dict(pixel_size),
        **instances,
        training={
            "data": dataset.summary.to_json(),
            "config": config.to_json(),
            "earlier": list(earlier),
            "thumbnail": thumbnail(fullest.image, fullest.labels),
        },
    )


def earlier_trainings(info: ModelInfo) -> list[dict[str, Any]]:
    """Return what a model that is learned on from tells about its trainings, the last one last."""
    training = info.training
    last: dict[str, Any] = {key: training.get(key) for key in ("steps", "seconds", "score")}
    last["history"] = thinned(training.get("history", ()), _LOSSES // _MOST_EARLIER)
    return [*training.get("earlier", ()), last][-_MOST_EARLIER:]


def thinned(history: Sequence[dict[str, float]], most: int = _LOSSES) -> list[dict[str, float]]:
    """Return all validations of a training and at most so many losses."""
    stride = max(1, -(-len(history) // most))
    return [event for i, event in enumerate(history) if "score" in event or i % stride == 0]


def _least_size(dataset: Dataset) -> int:
    """Return a quarter of the smallest usual object, in pixels: less is not an object."""
    sizes = [
        size
        for sample in dataset.training
        if sample.annotation == "objects"
        for size in np.unique(sample.labels[sample.labels > 0], return_counts=True)[1]
    ]
    return int(np.percentile(sizes, 5) / 4) if sizes else 0
