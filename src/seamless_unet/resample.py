"""An image resized to the pixels that a model was trained on, and its labels brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from seamless_unet.runs import find_runs, numbered

_MOST = 20.0  # times: beyond, a pixel size is more likely wrong than meant


def resampled_shape(
    shape: Sequence[int],
    axes: str,
    pixel_size: Mapping[str, float],
    wanted: Mapping[str, float],
) -> tuple[int, ...]:
    """Return the shape of an image whose pixels get another size.

    Parameters
    ----------
    shape, axes
        Of the image: ``"YX"`` or ``"ZYX"``.
    pixel_size, wanted
        Micrometre per pixel now and then. Along Z nothing changes unless both say it.

    Raises
    ------
    ValueError
        If one of them does not say the size along Y and X, or they differ absurdly.

    Examples
    --------
    >>> resampled_shape((100, 30), "YX", {"Y": 0.25, "X": 0.25}, {"Y": 0.5, "X": 0.5})
    (50, 15)
    """
    sides = {"model": (wanted, ""), "image": (pixel_size, "give the image's pixel size, or ")}
    for who, (sizes, advice) in sides.items():
        if missing := [axis for axis in "YX" if not sizes.get(axis, 0) > 0]:
            raise ValueError(
                f"the {who} does not say the size of its pixels along {' and '.join(missing)}: "
                f"{advice}segment without resampling"
            )
    resampled = []
    for size, axis in zip(shape, axes, strict=True):
        both = axis in pixel_size and axis in wanted
        factor = pixel_size[axis] / wanted[axis] if both else 1.0
        if not 1 / _MOST <= factor <= _MOST:
            raise ValueError(
                f"a pixel of the image is {pixel_size[axis]:g} µm along {axis}, one of the model "
                f"{wanted[axis]:g} µm: that can hardly be right, check the image's pixel size"
            )
        resampled.append(max(1, round(size * factor)))
    return tuple(resampled)


def difference(pixel_size: Mapping[str, float], wanted: Mapping[str, float], axes: str) -> float:
    """Return by how much pixels differ in size along these axes; 0 where that is unknown.

    >>> difference({"Y": 0.5, "X": 0.4}, {"Y": 0.5, "X": 0.5}, "YX")
    0.25
    """
    known = [(pixel_size[a], wanted[a]) for a in axes if a in pixel_size and a in wanted]
    return max((max(one / other, other / one) - 1 for one, other in known), default=0.0)


def resampled(image: NDArray, shape: Sequence[int]) -> NDArray:
    """Resize an image, or probabilities, linearly; smoothed first along axes that shrink.

    Parameters
    ----------
    image
        (C, [Z,] Y, X).
    shape
        ([Z,] Y, X).

    Returns
    -------
    ndarray
        (C, *shape) float32, or float64 for a dtype that float32 would round; the image itself where
        nothing changes.
    """
    if image.shape[1:] == tuple(shape):
        return image
    exact = np.can_cast(image.dtype, np.float32)
    out = np.empty((len(image), *shape), np.float32 if exact else np.float64)
    for channel, part in zip(out, image, strict=True):
        channel[:] = resize(part.astype(out.dtype), shape, order=1, preserve_range=True)
    return out


def resampled_labels(labels: NDArray[np.int32], shape: Sequence[int]) -> NDArray[np.int32]:
    """Resize labels: every pixel has the id of the nearest one, or of none.

    Objects smaller than a pixel of the result may vanish; ids are 1 to n again, in the order of
    their first pixel.

    Parameters
    ----------
    labels
        ([Z,] Y, X).
    shape
        Likewise.

    Examples
    --------
    >>> resampled_labels(np.array([[0, 1], [2, 2]], np.int32), (2, 4))
    array([[0, 0, 1, 1],
           [2, 2, 2, 2]], dtype=int32)
    """
    taken = resampled_values(labels, shape)
    if taken is labels:
        return labels
    runs = find_runs(taken)
    (ids,) = runs.ids
    return runs.painted(numbered(ids)[ids])


def resampled_values(values: NDArray[np.int32], shape: Sequence[int]) -> NDArray[np.int32]:
    """Resize a class map ([Z,] Y, X): every pixel has the value of the nearest one."""
    if values.shape == tuple(shape):
        return values
    nearest = [
        (2 * np.arange(size) + 1) * before // (2 * size)
        for before, size in zip(values.shape, shape, strict=True)
    ]
    return values[np.ix_(*nearest)]
