"""Objects as foreground of one class and back, for peers that know no objects."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label, maximum_filter, minimum_filter


def apart(labels: np.ndarray) -> np.ndarray:
    """Return the foreground without the inner boundaries of objects that touch.

    Examples
    --------
    >>> apart(np.array([[0, 1, 1, 2, 2, 0, 3]])).astype(int)
    array([[0, 1, 0, 0, 1, 0, 1]])
    """
    ids = labels.astype(np.int64)
    largest = maximum_filter(ids, 3, mode="nearest")
    smallest = minimum_filter(np.where(ids > 0, ids, ids.max() + 1), 3, mode="nearest")
    return (ids > 0) & (largest == smallest)


def smallest_size(labels: list[np.ndarray]) -> float:
    """Return half the size in pixels of the smallest object of all images."""
    sizes = np.concatenate([np.bincount(ids.ravel())[1:] for ids in labels])
    return sizes[sizes > 0].min(initial=labels[0].size) / 2


def objects_in(foreground: np.ndarray, size: float) -> np.ndarray:
    """Return the 4-connected components of at least that size, numbered from 1."""
    components, _ = label(foreground)
    keep = np.bincount(components.ravel()) >= size
    keep[0] = False
    return (np.cumsum(keep) * keep)[components].astype(np.int32)
