"""What a model has learned about its images, for images of other channels or dark objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seamless_unet.model_file import Model
from seamless_unet.sample import Sample, grey_values
from seamless_unet.unet import UNet


def contrasts(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """Return how much brighter than the background objects are in each channel.

    Returns
    -------
    NDArray
        (C,), negative where they are darker; absolute values add up to 1. Where all is alike, or
        one of both is not annotated, each channel has the same.
    """
    inside, outside = (grey_values(samples, foreground) for foreground in (True, False))
    alike = np.full(len(inside), 1 / len(inside))
    if not (inside.size and outside.size):
        return alike
    difference = inside.mean(axis=1, dtype=float) - outside.mean(axis=1, dtype=float)
    strength = np.abs(difference).sum()
    return difference / strength if strength else alike


def seen_in_channels(model: Model, mix: NDArray[np.floating]) -> Model:
    """Return a model of bright objects in one channel for images of C, of which it sees a mix.

    Parameters
    ----------
    model
        In eval mode.
    mix
        (C,) from `contrasts`: the part of each channel. Of a negative one it sees 1 - value, so
        that its objects, which are dark, are as bright as those that it knows.

    Returns
    -------
    Model
        Its first convolution mixes; the rest is as it was. The same model if there is nothing to
        mix.
    """
    if mix.tolist() == [1.0]:
        return model
    config = dataclasses.replace(model.network.config, in_channels=len(mix))
    weights = model.network.state_dict()
    first = weights["encoders.0.0.weight"]  # (base, 1, 3, 3)
    parts = torch.as_tensor(mix).to(first)
    dark = -parts.clamp(max=0).sum()
    weights["encoders.0.0.weight"] = first * parts.view(1, -1, *[1] * config.ndim)
    weights["encoders.0.0.bias"] = weights["encoders.0.0.bias"] + dark * first.flatten(1).sum(1)
    network = UNet(config).to(first)
    network.load_state_dict(weights)
    info = dataclasses.replace(model.info, network=config, channels=())
    return Model(info, network.eval().requires_grad_(False))
