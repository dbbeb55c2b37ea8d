"""Eq. 1: cross entropy, every pixel with its own weight."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted cross entropy per annotated pixel (Eq. 1 of Ronneberger et al. 2015).

    The paper sums over all pixels; the mean over the pixels with a weight makes the learning
    rate independent of the size of the patch and of how much of it is annotated.

    Parameters
    ----------
    logits
        (N, K, [Z,] Y, X) float. K = 1 is the logit of the foreground.
    target
        (N, [Z,] Y, X) int64 class index, or K where it is any class but the background.
        Which class it is does not matter where the weight is 0.
    weight
        (N, [Z,] Y, X) float, 0 where not annotated: there the gradient is exactly 0.

    Returns
    -------
    Tensor
        Scalar; 0 where nothing is annotated.
    """
    if logits.shape[1] == 1:
        entropy = F.binary_cross_entropy_with_logits(
            logits[:, 0], target.to(logits.dtype), reduction="none"
        )
    else:
        classes = logits.shape[1]
        entropy = F.cross_entropy(logits, target.clamp(max=classes - 1), reduction="none")
        if (target == classes).any():
            either = logits.logsumexp(1) - logits[:, 1:].logsumexp(1)
            entropy = torch.where(target == classes, either, entropy)
    annotated = weight > 0
    # `where`, not a product: a weight of 0 times an infinite loss would be NaN
    weighted = torch.where(annotated, entropy * weight, torch.zeros_like(entropy))
    return weighted.sum() / annotated.sum().clamp(min=1)
