"""How probabilities become objects, chosen where the truth is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.model_header import ModelInfo
from seamless_unet.model_info import least_size
from seamless_unet.validate import Predicted, score, with_objects

_LEAST_OBJECTS = 200  # by fewer, settings are chosen that are worse on other images
_CHANCE = 0.15  # a gain of the score below this / sqrt(objects) is taken for chance


def calibrate(
    info: ModelInfo, predicted: Sequence[Predicted], before: float
) -> tuple[ModelInfo, float]:
    """Choose threshold, seeds, necks and smallest size by the score, one after the other.

    Parameters
    ----------
    info
        Of the model; its settings stay where no other choice is clearly better, where there are
        fewer than 200 objects, and where the annotation does not show whole objects. One with
        cores always keeps seeds.
    predicted
        The validation part, from `predict_samples`.
    before
        Its score with the settings of ``info``.

    Returns
    -------
    info, score
        The same model with the settings chosen, and its score with them: a little flattered,
        since it is the best of several.
    """
    best = before
    cored = info.instances["cored"]
    sizes = [
        size
        for p in with_objects(predicted)
        for size in _sizes(p.sample.labels[p.sample.annotated & (p.sample.labels > 0)])
    ]
    objects = len(sizes)
    if objects < _LEAST_OBJECTS:
        return info, best
    size = info.min_size or least_size(sizes)  # or 0 would be the end of all choice
    choices: dict[str, tuple[Any, ...]] = {  # of equally good ones the first is taken
        "threshold": (0.4, 0.5, 0.3, 0.6, 0.2, 0.7),
        # cores keep crowded objects apart, also where those held back happen to need none
        "seed_threshold": (0.2 if cored else None, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9),
        "neck": (0.0, 1.5, 2.0, 3.0),
        "min_size": (0, size // 2, size, 2 * size),
    }
    for name, values in choices.items():
        tried = [dataclasses.replace(info, **{name: v}) for v in values if v != getattr(info, name)]
        scores = [score(candidate, predicted) for candidate in tried]
        if scores and max(scores) > best + _CHANCE / math.sqrt(objects):
            best = max(scores)
            info = tried[scores.index(best)]
    return info, best


def _sizes(ids: NDArray) -> list[int]:
    return np.unique(ids, return_counts=True)[1].tolist()
