"""How good a network is on the validation part."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from seamless_unet.config import ModelInfo, Normalization
from seamless_unet.metrics import Evaluation, combine, evaluate
from seamless_unet.model_file import Model
from seamless_unet.predict import predict
from seamless_unet.sample import Sample
from seamless_unet.segment import segment
from seamless_unet.unet import UNet

_AS_IS = Normalization(kind="fixed")  # samples are normalized already


def validate(network: UNet, info: ModelInfo, samples: Sequence[Sample]) -> tuple[float, float]:
    """Return score and loss over the annotated pixels of the samples.

    The score is 0 to 1: for annotated objects the average precision, mean over IoU thresholds
    from 0.5 to 0.95, for classes and scribbles the mean Dice coefficient of the classes.

    Parameters
    ----------
    network
        In eval mode, on any device.
    info
        Of the model that the network is to become.
    samples
        The validation part.
    """
    model = Model(dataclasses.replace(info, normalization=_AS_IS), network)
    whole_objects = info.training["config"]["annotation"] == "objects"
    evaluations: list[Evaluation] = []
    overlaps = np.zeros((3, network.config.classes))  # both, predicted, true pixels per class
    entropy, pixels = 0.0, 0
    for sample in samples:
        view = _cropped(sample, network.geometry.near)
        annotated = view.weight > 0
        probabilities = predict(model, view.image)
        truth = view.target[annotated]
        likelihood = probabilities[:, annotated][truth, np.arange(len(truth))]
        entropy -= float(np.sum(view.weight[annotated] * np.log(np.maximum(likelihood, 1e-7))))
        pixels += len(truth)
        if whole_objects:
            found = segment(probabilities, **info.instances)
            evaluations.append(evaluate(view.labels * annotated, found * annotated))
        else:
            predicted = probabilities[:, annotated].argmax(axis=0)
            classes = np.arange(network.config.classes)[:, np.newaxis]
            hits = np.stack([predicted == classes, truth == classes])  # (2, classes, pixels)
            overlaps += [hits.all(axis=0).sum(axis=1), *hits.sum(axis=2)]
    loss = entropy / max(pixels, 1)
    if whole_objects:
        return combine(evaluations).mean_ap, loss
    both, predicted_pixels, true_pixels = overlaps[:, overlaps[2] > 0]
    return float(np.mean(2 * both / (predicted_pixels + true_pixels))), loss


def _cropped(sample: Sample, context: int) -> Sample:
    """Return the annotated part of a sample with the context that its prediction needs."""
    window = []
    for axis, size in enumerate(sample.weight.shape):
        others = tuple(i for i in range(sample.weight.ndim) if i != axis)
        where = np.flatnonzero((sample.weight > 0).any(axis=others))
        window.append(slice(max(where[0] - context, 0), min(where[-1] + 1 + context, size)))
    inside = tuple(window)
    return dataclasses.replace(
        sample,
        image=sample.image[(slice(None), *inside)],
        labels=sample.labels[inside],
        target=sample.target[inside],
        weight=sample.weight[inside],
    )
