"""Grey values to network input: measured once over the whole image, never per tile."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seamless_unet.config import Normalization
from seamless_unet.lazy_array import LazyArray

# percentiles of a larger channel are taken from every n-th pixel per axis
_LARGEST_SAMPLE = 2**24
_PART = 2**20  # of these that are counted at a time
_MOST = np.float64(
    1e30
)  # grey value; some programs write numbers near 3.4e38 where there is no data
_LEAST_PLANES = 16  # of a stack, looked at: one may be out of focus, or empty


def normalize(image: NDArray, normalization: Normalization) -> NDArray[np.float32]:
    """Return a (C, [Z,] Y, X) image as float32 network input; see `measure`."""
    return normalized(image, *measure(image, normalization))


def normalized(
    image: NDArray, offset: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return an image, or a part of it, as float32 network input, by what `measure` returned."""
    return ((image - offset) / scale).astype(np.float32)


def measure(
    image: NDArray | LazyArray, normalization: Normalization
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what to subtract from and to divide an image by, measured once over the whole.

    Parameters
    ----------
    image
        (C, [Z,] Y, X). A channel of one grey value becomes 0 everywhere. Of a channel of more than
        16 million pixels every n-th along each axis is looked at, of a stack at least 16 planes
        if it has them. A `LazyArray` is read for
        that only, and not searched for NaN.
    normalization
        The model's rule.

    Returns
    -------
    tuple of ndarray
        Offset and scale, each (C, 1, ...) float64 in grey values.

    Raises
    ------
    ValueError
        If a pixel is no number (see `check_finite`), or the image is empty or complex.
    """
    if image.size == 0:
        raise ValueError(f"the image is empty: its shape is {image.shape}")
    if image.dtype.kind not in "buif":
        raise ValueError(f"the image has pixels of {image.dtype}: give integers or floats")
    if not isinstance(image, LazyArray):
        check_finite(image)
    shape = (len(image), *(1,) * (image.ndim - 1))
    if normalization.kind == "fixed":
        ones = np.ones(shape)
        return normalization.offset * ones, normalization.scale * ones
    offsets, scales = zip(*(_measure_channel(part, normalization) for part in image), strict=True)
    return np.reshape(offsets, shape), np.reshape(scales, shape)


def check_finite(image: NDArray) -> None:
    """Refuse pixels that are NaN, infinite, or so large that they stand for no data.

    Raises
    ------
    ValueError
        With their number.
    """
    if not np.issubdtype(image.dtype, np.inexact):
        return
    bad = sum(map(_no_numbers, image))
    if bad:
        raise ValueError(
            f"the image has {bad} pixel(s) that are NaN, infinite or beyond {_MOST:g}, as if there "
            "were no data: replace them first, for example by the median of the others"
        )


def _no_numbers(part: NDArray) -> int:
    if part.min() >= -_MOST and part.max() <= _MOST:  # NaN is neither
        return 0
    return int(np.count_nonzero(~(abs(part) <= _MOST)))


def _every_nth(shape: Sequence[int]) -> tuple[slice, ...]:
    """Return an index of about `_LARGEST_SAMPLE` pixels at most, spread evenly.

    >>> [[n.step for n in _every_nth(shape)] for shape in ((64, 2048, 2048), (3, 8192, 8192))]
    [[3, 3, 3], [1, 4, 4]]
    """
    excess = math.prod(shape) / _LARGEST_SAMPLE
    planes = []
    if len(shape) == 3:
        most = max(1, shape[0] // _LEAST_PLANES)
        planes = [min(math.ceil(excess ** (1 / 3)), most)]
    in_plane = math.ceil(math.sqrt(excess / math.prod(planes)))
    return tuple(slice(None, None, n) for n in (*planes, in_plane, in_plane))


def _measure_channel(
    channel: NDArray | LazyArray, normalization: Normalization
) -> tuple[float, float]:
    sample = np.asarray(channel[_every_nth(channel.shape)])
    if normalization.kind == "standard":
        return _mean_and_deviation(sample)
    low, high = _percentiles(sample, [normalization.low, normalization.high])
    if low == high:  # nearly all pixels are alike: the few others still count
        low, high = float(sample.min()), float(sample.max())
    return low, high - low or 1.0


def _mean_and_deviation(sample: NDArray) -> tuple[float, float]:
    """Return both in float64, from one piece of the sample after the other."""
    least = float(sample.min())
    if least == sample.max():  # exactly: rounding would make a deviation of 1e-17
        return least, 1.0
    mean = sum(float(part.sum(dtype=np.float64)) for part in _parts(sample)) / sample.size
    away = (np.subtract(part, mean, dtype=np.float64) for part in _parts(sample))
    return mean, math.sqrt(sum(float((part**2).sum()) for part in away) / sample.size)


def _percentiles(sample: NDArray, percents: Sequence[float]) -> list[float]:
    """Return those of `numpy.percentile`, in less memory and, of 8 and 16 bits, less time."""
    ranks = np.asarray(percents) / 100 * (sample.size - 1)
    whole = np.stack([np.floor(ranks), np.ceil(ranks)]).astype(int)
    if sample.dtype in (np.uint8, np.uint16):
        most = np.iinfo(sample.dtype).max + 1
        counts = sum(np.bincount(part.ravel(), minlength=most) for part in _parts(sample))
        found = np.searchsorted(np.cumsum(counts), whole, "right")
    else:
        values = sample.flatten()
        values.partition(np.unique(whole))
        found = values[whole].astype(np.float64)
    below, above = found
    return (below + ranks % 1 * (above - below)).tolist()


def _parts(sample: NDArray) -> list[NDArray]:
    return np.array_split(sample, math.ceil(sample.size / _PART))
