"""How good a network is on the validation part."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seamless_unet.config import Normalization
from seamless_unet.metrics import combine, evaluate
from seamless_unet.model_file import Model
from seamless_unet.model_header import ModelInfo
from seamless_unet.predict import predict
from seamless_unet.sample import Sample
from seamless_unet.segment import segment
from seamless_unet.unet import UNet

_AS_IS = Normalization(kind="fixed")  # samples are normalized already


@dataclass(frozen=True, eq=False)
class Predicted:
    """The annotated part of a sample and the (K, [Z,] Y, X) probabilities there."""

    sample: Sample
    probabilities: NDArray[np.floating]


def predict_samples(network: UNet, info: ModelInfo, samples: Sequence[Sample]) -> list[Predicted]:
    """Return what a network in eval mode makes of the annotated part of each sample."""
    model = Model(dataclasses.replace(info, normalization=_AS_IS), network)
    views = [_cropped(sample, network.geometry.near) for sample in samples]
    return [Predicted(view, predict(model, view.image)) for view in views]


def score(info: ModelInfo, predicted: Sequence[Predicted]) -> float:
    """Return how well the annotated pixels are met, 0 to 1.

    Where whole objects are drawn the average precision, mean over IoU thresholds from 0.5 to 0.95;
    where none are, the mean Dice coefficient of the classes.

    Parameters
    ----------
    info
        Of the model; for objects its `ModelInfo.instances` make objects of the probabilities.
    predicted
        From `predict_samples`.
    """
    whole = with_objects(predicted)
    if any((p.sample.labels * p.sample.annotated).any() for p in whole):
        return combine(
            evaluate(
                p.sample.labels * p.sample.annotated,
                segment(p.probabilities, **info.instances) * p.sample.annotated,
            )
            for p in whole
        ).mean_ap
    objects = info.output == "objects"
    classes = np.arange(2 if objects else info.network.classes)[:, np.newaxis]
    overlaps = np.zeros((3, len(classes)))  # both, predicted, true pixels per class
    for p in predicted:
        truth: NDArray = p.sample.target[p.sample.annotated]
        found = p.probabilities[:, p.sample.annotated]
        if objects:  # whatever part of an object
            truth, found = truth > 0, np.stack([found[0], 1 - found[0]])
        hits = np.stack([found.argmax(axis=0) == classes, truth == classes])  # (2, classes, pixels)
        overlaps += [hits.all(axis=0).sum(axis=1), *hits.sum(axis=2)]
    both, predicted_pixels, true_pixels = overlaps[:, overlaps[2] > 0]
    return float(np.mean(2 * both / (predicted_pixels + true_pixels)))


def with_objects(predicted: Sequence[Predicted]) -> list[Predicted]:
    """Return those whose labels show whole objects, if any."""
    return [p for p in predicted if p.sample.annotation == "objects"]


def weighted_entropy(predicted: Sequence[Predicted]) -> float:
    """Return the loss per annotated pixel; see `seamless_unet.loss.weighted_cross_entropy`."""
    entropy, pixels = 0.0, 0
    for p in predicted:
        truth = p.sample.target[p.sample.annotated]
        found = p.probabilities[:, p.sample.annotated]
        found = np.concatenate([found, 1 - found[:1]])  # K: any class but the background
        likelihood = found[truth, np.arange(len(truth))]
        weight = p.sample.weight[p.sample.annotated]
        entropy -= float(np.sum(weight * np.log(np.maximum(likelihood, 1e-7))))
        pixels += len(truth)
    return entropy / max(pixels, 1)


def _cropped(sample: Sample, context: int) -> Sample:
    """Return the annotated part of a sample with the context that its prediction needs."""
    window = []
    for axis, size in enumerate(sample.weight.shape):
        others = tuple(i for i in range(sample.weight.ndim) if i != axis)
        where = np.flatnonzero(sample.annotated.any(axis=others))
        window.append(slice(max(where[0] - context, 0), min(where[-1] + 1 + context, size)))
    inside = tuple(window)
    return dataclasses.replace(
        sample,
        image=sample.image[(slice(None), *inside)],
        labels=sample.labels[inside],
        target=sample.target[inside],
        weight=sample.weight[inside],
    )
