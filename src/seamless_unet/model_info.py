"""What a model that is going to be trained says about itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import relabel_sequential

from seamless_unet.config import WIDTH, Normalization, TrainConfig, UNetConfig
from seamless_unet.dataset import Dataset
from seamless_unet.gaps import close_gaps
from seamless_unet.history import LOSSES, thinned
from seamless_unet.model_file import Model
from seamless_unet.model_header import ModelInfo, numbered_channels
from seamless_unet.necks import share_with_necks
from seamless_unet.thumbnail import thumbnail

# As the loss weighs the gaps, the background seems more probable than it is; as strokes leave
# outlines open, objects seem wider than they are. Figures are in benchmarks/accuracy/README.md.
_THRESHOLD = 0.4
_SCRIBBLED_THRESHOLD = 0.75
_SEED_THRESHOLD = 0.7
_CORE_THRESHOLD = 0.3
# times the smallest size of a model to start from: a few images may show large objects only
_MUCH_LARGER = 2
_FEW = 3  # objects, of which half as much is taken for the smallest size
LEAST_NECKS = 10  # objects: of fewer, nobody can tell whether they have necks
_MOST_NECKS = 500  # objects that are looked at
SHARE_OF_NECKS = 0.02  # more of them, and it is their shape
_LEAST_DEPTH = 1.5  # pixels
_MOST_EARLIER = 10  # trainings that a model remembers


def network_config(dataset: Dataset, config: TrainConfig) -> UNetConfig:
    """Return the network that a recipe and the data ask for."""
    return UNetConfig(
        ndim=config.ndim,
        in_channels=len(dataset.training[0].image),
        classes=len(dataset.meaning.class_values),
        depth=config.depth,
        base_channels=config.base_channels or WIDTH[config.ndim],
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
        **_instances(dataset, config, network.classes, start),
        training={
            "data": dataset.summary.to_json(),
            "config": config.to_json(),
            "earlier": list(earlier),
            "thumbnail": thumbnail(fullest.image, fullest.labels),
        },
    )


def _instances(
    dataset: Dataset, config: TrainConfig, classes: int, start: Model | None
) -> dict[str, Any]:
    """Return how probabilities become objects: as `ModelInfo.instances`, but for cores."""
    whole = dataset.meaning.annotation == "objects"
    instances: dict[str, Any] = {"threshold": 0.5, "seed_threshold": None}
    instances |= {"neck": 0.0, "min_size": 0, "grow": 0}
    if whole:
        instances["seed_threshold"] = _SEED_THRESHOLD if classes == 2 else _CORE_THRESHOLD
        if config.border_weight:
            instances["threshold"] = _THRESHOLD
    elif dataset.meaning.output == "objects":
        instances["threshold"] = _SCRIBBLED_THRESHOLD
    if start is not None:
        instances = {name: getattr(start.info, name) for name in instances}
    if whole:
        sizes = _sizes(dataset)
        least = least_size(sizes)
        if instances["min_size"]:  # of a model that has seen more of them
            least = min(least, _MUCH_LARGER * instances["min_size"])
        instances |= {"min_size": least, "grow": _grow(dataset, config.gap)}
        if len(sizes) >= LEAST_NECKS:
            instances["neck"] = _neck(dataset, sizes)
    return instances


def earlier_trainings(info: ModelInfo) -> list[dict[str, Any]]:
    """Return what a model that is learned on from tells about its trainings, the last one last."""
    training = info.training
    last: dict[str, Any] = {key: training.get(key) for key in ("steps", "seconds", "score")}
    last["history"] = thinned(training.get("history", ()), LOSSES // _MOST_EARLIER)
    return [*training.get("earlier", ()), last][-_MOST_EARLIER:]


def _drawn(dataset: Dataset) -> list[NDArray[np.int32]]:
    """Return labels of whole objects."""
    return [s.labels for s in dataset.training if s.annotation == "objects"]


def _sizes(dataset: Dataset) -> list[int]:
    """Return the pixels of every whole object."""
    return [
        size
        for labels in _drawn(dataset)
        for size in np.unique(labels[labels > 0], return_counts=True)[1]
    ]


def least_size(sizes: Sequence[int]) -> int:
    """Return the pixels below which nothing is an object.

    That is two thirds of the smallest usual object (5th percentile of what was drawn), and less
    where few were drawn, since the smallest may not be among them: of three, a third.
    """
    count = len(sizes)
    return int(np.percentile(sizes, 5) * 2 / 3 * count / (count + _FEW)) if count else 0


def _grow(dataset: Dataset, gap: int) -> int:
    """Return the width of gaps to close between objects that are found.

    That is the gap drawn between touching objects, or 0 where closing such gaps takes more from
    the drawn objects' background than it gives back to them, as between cells with thin membranes.
    """
    lost = 0
    for sample in dataset.training:
        if sample.annotation == "objects" and gap:
            labels = relabel_sequential(sample.labels)[0].astype(np.int32)
            apart = labels * (sample.target > 0)
            closed = apart.copy()
            close_gaps(closed, gap)
            wrong = ((found != labels) & sample.annotated for found in (closed, apart))
            by_closing, by_parting = map(np.count_nonzero, wrong)
            lost += int(by_closing - by_parting)
    return gap if lost <= 0 else 0


def _neck(dataset: Dataset, sizes: Sequence[int]) -> float:
    """Return from which depth on a neck divides.

    0 where more than a few of the objects that were drawn have such a neck themselves.
    """
    depth = neck_depth(sizes, dataset.training[0].labels.ndim)
    share = share_with_necks(_drawn(dataset), depth, most=_MOST_NECKS)
    return depth if share <= SHARE_OF_NECKS else 0.0


def neck_depth(sizes: Sequence[int], ndim: int) -> float:
    """Return a fifth of the usual radius, in pixels: from there on a neck divides."""
    ball = math.pi if ndim == 2 else 4 / 3 * math.pi
    return max(_LEAST_DEPTH, round(0.2 * float(np.median(sizes) / ball) ** (1 / ndim), 1))
