"""Eq. 2: how much each pixel counts in training, so that touching cells are kept apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seamless_unet.nearest_objects import two_nearest

# a border term below this is lost next to the class weight in float32
_NEGLIGIBLE = 6e-8


def weight_map(
    labels: NDArray,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    spacing: Sequence[float] | None = None,
    class_balance: bool = True,
) -> NDArray[np.float32]:
    """Return the pixel weights of Eq. 2 of Ronneberger et al. 2015.

    ``w = w_c + w0 * exp(-(d1 + d2)^2 / (2 sigma^2))``, where d1 and d2 are the distances to the
    nearest and second nearest object. The border term belongs to background pixels; the class
    term w_c gives background and foreground the same total, half of the pixels, so that its mean is
    1 where both are there.

    Parameters
    ----------
    labels
        ([Z,] Y, X) integer ids, 0 is background. Touching objects have no pixel between them to
        weigh: pass them through `separate_touching` first, as training does.
    w0, sigma
        Height and reach of the border term; sigma in pixels, or in the unit of ``spacing``.
    spacing
        Voxel size per axis; ``None`` means 1.
    class_balance
        Whether to add w_c; without it w_c is 1 everywhere.

    Returns
    -------
    ndarray
        ([Z,] Y, X) float32, equal within 1e-6 to one distance transform per object.

    Raises
    ------
    ValueError
        If the labels are not whole numbers from 0, or w0, sigma or spacing cannot be.

    Examples
    --------
    >>> weight_map(np.array([[1, 0, 2]]), w0=10, sigma=1, class_balance=False).round(3)
    array([[1.   , 2.353, 1.   ]], dtype=float32)
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be whole numbers, got {labels.dtype}: convert them first")
    if labels.min(initial=0) < 0:
        raise ValueError(f"labels must be 0 or more, got {labels.min()}")
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma={sigma} must be above 0 and finite")
    if not 0 <= w0 < math.inf:
        raise ValueError(f"w0={w0} must be at least 0 and finite")
    if spacing is not None and (
        len(spacing) != labels.ndim or not all(0 < size < math.inf for size in spacing)
    ):
        raise ValueError(f"spacing={tuple(spacing)} must be {labels.ndim} sizes above 0")
    foreground = labels > 0
    weights = np.ones(labels.shape, np.float32)
    if class_balance:
        for pixels in (foreground, ~foreground):
            if count := np.count_nonzero(pixels):
                weights[pixels] = labels.size / (2 * count)
    if w0 > _NEGLIGIBLE:
        reach = sigma * math.sqrt(2 * math.log(w0 / _NEGLIGIBLE))
        nearest, second = two_nearest(labels, reach, spacing=spacing)
        between = ~foreground & (second < reach)
        distance = np.add(nearest[between], second[between], dtype=np.float64)
        weights[between] += w0 * np.exp(-(distance**2) / (2 * sigma**2))
    return weights


def separate_touching(labels: NDArray, *, gap: int = 2) -> NDArray:
    """Return the labels with background drawn between touching objects, as in the paper's Fig. 3.

    A pixel becomes background where another object is no more than half the gap away, counted
    along axes and diagonals. An object that would vanish keeps its pixels.

    Parameters
    ----------
    labels
        ([Z,] Y, X) integer ids, 0 is background.
    gap
        Width in pixels of what is drawn between objects that touch; even, since each loses half.

    Examples
    --------
    >>> separate_touching(np.array([[1, 1, 1, 2, 2, 2]]))
    array([[1, 1, 0, 0, 2, 2]])
    """
    labels = np.asarray(labels)
    foreground = labels > 0
    highest = _spread(labels, np.maximum, gap // 2)
    beyond_any = np.iinfo(labels.dtype).max
    lowest = _spread(np.where(foreground, labels, beyond_any), np.minimum, gap // 2)
    touching = foreground & (highest != lowest)
    separated = np.where(touching, 0, labels)
    vanished = np.setdiff1d(labels[touching], separated)
    separated[touching] = np.where(np.isin(labels[touching], vanished), labels[touching], 0)
    return separated


def _spread(values: NDArray, extreme: np.ufunc, pixels: int) -> NDArray:
    """Return the extreme of the square or cube that reaches so many pixels to each side."""
    for axis in range(values.ndim):
        for _ in range(pixels):
            before = np.moveaxis(values, axis, 0)
            values = values.copy()
            after = np.moveaxis(values, axis, 0)
            extreme(after[1:], before[:-1], out=after[1:])
            extreme(after[:-1], before[1:], out=after[:-1])
    return values
