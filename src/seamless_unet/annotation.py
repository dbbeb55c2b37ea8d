"""The class of every pixel that is drawn on, which ones are annotated, and what they weigh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import relabel_sequential

from seamless_unet.config import TrainConfig
from seamless_unet.meaning import Meaning
from seamless_unet.weight_map import separate_touching, weight_map


def classify(
    labels: NDArray,
    meaning: Meaning,
    *,
    gap: int = 2,
    rim: int = 0,
    region: NDArray[np.bool_] | None = None,
    depth_known: bool = False,
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return the class index of each pixel and whether it is annotated.

    Touching objects are parted by background, as in the paper. Unless there is a region, a plane
    without any object is not annotated.

    Parameters
    ----------
    labels
        ([Z,] Y, X) integers of one plane or volume.
    gap, rim
        See `TrainConfig`; with a rim, objects have the classes 1 (rim) and 2 (core).
    region
        ([Z,] Y, X): nothing is annotated outside, and inside everything, but for scribbles.
    depth_known
        The network knows already how objects go on from plane to plane: where the region is a
        few planes of a volume, as corrections are, these do not teach it anew.

    Returns
    -------
    target, annotated
        ([Z,] Y, X) int16 and bool; target is 0 where not annotated, and the number of classes
        where it may be any but the background: scribbles do not tell rim from core.
    """
    target, annotated = _classify(labels, meaning, gap, rim)
    if region is not None:
        if depth_known and meaning.annotation == "objects" and labels.ndim == 3:
            for z in np.flatnonzero(_in_few(region, 2 * rim)):
                inside = separate_touching(labels[z], gap=gap) > 0
                target[z] = np.where(inside, len(meaning.class_values), 0)
        annotated = annotated & region if meaning.annotation == "scribbles" else region
    if rim and not depth_known and meaning.annotation == "objects" and labels.ndim == 3:
        for z in np.flatnonzero(_in_few(annotated, 2 * rim)):  # else each would be all core or rim
            target[z] = _classify(labels[z], meaning, gap, rim)[0]
    return (target * annotated).astype(np.int16), annotated


def _in_few(region: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Return which planes lie in runs of at most so many annotated ones, unless all are annotated.

    Nobody draws there how deep an object is.
    """
    runs, _ = ndi.label(region.any(axis=(1, 2)))
    few = np.bincount(runs) <= most
    return few[runs] & (runs > 0) & (runs == 0).any()


def _classify(
    labels: NDArray, meaning: Meaning, gap: int, rim: int
) -> tuple[NDArray, NDArray[np.bool_]]:
    classes = len(meaning.class_values)
    if meaning.annotation == "objects":
        drawn_on = (labels > 0).any(axis=(-2, -1), keepdims=True)  # per plane
        apart = separate_touching(labels, gap=gap)
        target = (apart > 0).astype(np.int16) + (_cores(apart, rim) if rim else 0)
        return target, np.broadcast_to(drawn_on, labels.shape)
    if meaning.annotation == "classes":
        return np.searchsorted(np.array(meaning.class_values), labels), np.ones(labels.shape, bool)
    if meaning.output == "objects":
        return (labels > 1) * (1 if classes == 2 else classes), labels > 0
    return np.searchsorted(np.array(meaning.class_values), labels) * (labels > 1), labels > 0


def _cores(labels: NDArray, rim: int) -> NDArray[np.bool_]:
    """Return the cores of all objects."""
    cores = np.zeros(labels.shape, bool)
    ids = relabel_sequential(labels)[0]
    for number, box in enumerate(ndi.find_objects(ids), 1):
        # what lies beyond the image is not outside the object
        window = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        cores[window] |= _core(ids[window] == number, rim)
    return cores


def _core(inside: NDArray[np.bool_], rim: int) -> NDArray[np.bool_]:
    """Return what is deeper than ``rim`` in one object, in a thin one the inner half.

    Always one piece, or one object would be learned as several: the rim is thinner where an
    object has a waist, and of several pieces the largest is taken.
    """
    if inside.all():
        return inside
    depth = ndi.distance_transform_edt(inside)
    for limit in range(rim, 0, -1):
        pieces, count = ndi.label(depth > min(limit, depth.max() / 2))
        if count == 1:
            return pieces > 0
    return pieces == np.bincount(pieces[pieces > 0]).argmax()


def border_term(labels: NDArray, config: TrainConfig) -> NDArray[np.float32]:
    """Return what Eq. 2 adds between whole objects, ([Z,] Y, X) float32."""
    if not config.border_weight:
        return np.zeros(labels.shape, np.float32)
    separated = separate_touching(labels, gap=config.gap)
    weights = weight_map(
        separated, w0=config.border_weight, sigma=config.border_sigma, class_balance=False
    )
    return weights - 1


def class_weights(counts: Sequence[int], config: TrainConfig) -> NDArray[np.float32]:
    """Return w_c of Eq. 2: every class gets the same total, and a pixel 1 on average.

    Parameters
    ----------
    counts
        Annotated pixels per class, over all images.
    """
    pixels = np.asarray(counts, np.float64)
    if not config.class_balance:
        return np.ones(len(pixels), np.float32)
    classes = np.count_nonzero(pixels)
    return (pixels.sum() / (classes * np.maximum(pixels, 1))).astype(np.float32)
