"""Eq. 2: how much each pixel counts in training, so that touching cells are kept apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import relabel_sequential

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
    term w_c gives background and foreground the same total and a mean of 1.

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
        ([Z,] Y, X) float32, equal within 1e-5 to one distance transform per object.

    Raises
    ------
    ValueError
        If the labels are not whole numbers, or sigma is not above 0.

    Examples
    --------
    >>> weight_map(np.array([[1, 0, 2]]), w0=10, sigma=1, class_balance=False).round(3)
    array([[1.   , 2.353, 1.   ]], dtype=float32)
    """
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be whole numbers, got {labels.dtype}: convert them first")
    if not sigma > 0:
        raise ValueError(f"sigma={sigma} must be above 0")
    foreground = labels > 0
    weights = np.ones(labels.shape, np.float32)
    if class_balance:
        for pixels in (foreground, ~foreground):
            if count := np.count_nonzero(pixels):
                weights[pixels] = labels.size / (2 * count)
    if w0 > _NEGLIGIBLE:
        reach = sigma * math.sqrt(2 * math.log(w0 / _NEGLIGIBLE))
        nearest, second = _two_nearest(labels, reach, spacing)
        between = ~foreground & (second < reach)
        distance = nearest[between] + second[between]
        weights[between] += w0 * np.exp(-(distance**2) / (2 * sigma**2))
    return weights


def _two_nearest(
    labels: NDArray, reach: float, spacing: Sequence[float] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the distances to the nearest and second nearest object, exact up to ``reach``.

    One distance transform per object, within its bounding box grown by ``reach``: the time is
    that of the boxes, not of objects times pixels.
    """
    nearest = np.full(labels.shape, np.inf, np.float32)
    second = np.full(labels.shape, np.inf, np.float32)
    steps = np.ones(labels.ndim) if spacing is None else np.asarray(spacing, float)
    grow = np.ceil(reach / steps).astype(int)
    ids = relabel_sequential(np.where(labels > 0, labels, 0))[0]
    for number, box in enumerate(ndi.find_objects(ids), 1):
        window = tuple(
            slice(max(side.start - margin, 0), side.stop + margin)
            for side, margin in zip(box, grow, strict=True)
        )
        outside = ids[window] != number
        distance = ndi.distance_transform_edt(outside, sampling=steps).astype(np.float32)
        one, two = nearest[window], second[window]
        np.minimum(two, np.maximum(one, distance), out=two)
        np.minimum(one, distance, out=one)
    return nearest, second


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
    ids = relabel_sequential(np.where(labels > 0, labels, 0))[0]
    highest = ndi.maximum_filter(ids, size=gap + 1)
    lowest = ndi.minimum_filter(np.where(ids > 0, ids, ids.max() + 1), size=gap + 1)
    touching = (labels > 0) & (highest != lowest)
    separated = np.where(touching, 0, labels)
    vanished = np.setdiff1d(labels, separated)
    return np.where(np.isin(labels, vanished) & touching, labels, separated)
