"""What a model that is going to be trained says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seamless_unet.config import ModelInfo, Normalization, TrainConfig, UNetConfig
from seamless_unet.dataset import Dataset
from seamless_unet.model_file import Model

# before they are chosen by the validation part
_SEED_THRESHOLD = 0.7
_CORE_THRESHOLD = 0.5


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
    start: Model | None = None,
) -> ModelInfo:
    """Return what is known about a model before its training.

    Parameters
    ----------
    normalization
        That the images were prepared with.
    pixel_size
        Micrometre per axis; empty where unknown.
    start
        Whose weights it starts from: probabilities become objects as they do there.
    """
    meaning = dataset.meaning
    network = network_config(dataset, config)
    whole = meaning.annotation == "objects"
    seeds = None
    if meaning.output == "objects":
        seeds = _SEED_THRESHOLD if network.classes == 2 else _CORE_THRESHOLD
    instances: dict[str, Any] = {"seed_threshold": seeds, "min_size": 0, "grow": 0}
    if start is not None:
        instances = {name: getattr(start.info, name) for name in ("threshold", *instances)}
    if whole:
        instances |= {"min_size": _least_size(dataset), "grow": config.gap}
    return ModelInfo(
        network=network,
        normalization=normalization,
        output=meaning.output,
        axes="ZYX"[-config.ndim :],
        channels=tuple(f"channel {number}" for number in range(1, network.in_channels + 1)),
        classes=meaning.class_names,
        class_values=meaning.class_values,
        pixel_size=dict(pixel_size),
        **instances,
        training={"data": dataset.summary.to_json(), "config": config.to_json()},
    )


def _least_size(dataset: Dataset) -> int:
    """Return a quarter of the smallest usual object, in pixels: less is not an object."""
    sizes = [
        size
        for sample in dataset.training
        if sample.annotation == "objects"
        for size in np.unique(sample.labels[sample.labels > 0], return_counts=True)[1]
    ]
    return int(np.percentile(sizes, 5) / 4) if sizes else 0
