"""The pieces of an image that a network takes at once, and where they lie in its results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.axes import check_axes, label_axes, loop_axes, split
from seamless_unet.lazy_array import LazyArray
from seamless_unet.model_header import ModelInfo
from seamless_unet.normalize import measure

_ORDER = "STZCYX"  # of the work: objects are linked through Z, then T, and never through S
_READ_WHOLE = 2**28  # bytes; a larger piece of a `LazyArray` is read tile by tile


@dataclass(frozen=True)
class Layout:
    """How an image is taken apart; every axis is one letter.

    Parameters
    ----------
    axes, shape
        Of the image.
    loop, loop_shape
        What pieces are counted along: S, T and Z in this order, as far as they are there and the
        network does not see them at once.
    spatial, piece_shape
        Of the labels of a piece: ``"YX"`` or ``"ZYX"``.
    label_axes, label_shape
        Of all labels: the image's own axes without C.
    probability_axes, probability_shape
        Of all probabilities: ``loop``, the classes, ``spatial``.
    """

    axes: str
    shape: tuple[int, ...]
    loop: str
    loop_shape: tuple[int, ...]
    spatial: str
    piece_shape: tuple[int, ...]
    label_axes: str
    label_shape: tuple[int, ...]
    probability_axes: str
    probability_shape: tuple[int, ...]

    def index_along(self, axes: str, index: tuple[int, ...]) -> tuple[int, ...]:
        """Return where a piece lies, for `put`, in an array that has other axes of one pixel, too.

        Parameters
        ----------
        axes
            Of the array.
        index
            Along ``loop``.
        """
        place = dict(zip(self.loop, index, strict=True))
        return tuple(place.get(a, 0) for a in _ORDER if a in axes and a not in self.spatial)


@dataclass(frozen=True)
class Predicted:
    """The probabilities of a piece, before its labels.

    Parameters
    ----------
    index
        Along `Layout.loop`.
    probabilities
        (K, [Z,] Y, X) float32.
    """

    index: tuple[int, ...]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Piece:
    """The labels of a piece, which are final.

    Parameters
    ----------
    index
        As in `Predicted`.
    labels
        ([Z,] Y, X) int32.
    objects
        How many different ones there are so far; ``None`` for a class map.
    """

    index: tuple[int, ...]
    labels: NDArray[np.int32]
    objects: int | None


Measured = tuple[NDArray[np.float64], NDArray[np.float64]]  # offset and scale
MeasuredPiece = tuple[tuple[int, ...], NDArray | LazyArray, Measured]


def layout(info: ModelInfo, shape: tuple[int, ...], axes: str) -> Layout:
    """Return how an image is taken apart for a model.

    Parameters
    ----------
    info
        Of the model.
    shape, axes
        Of the image, such as ``"TCZYX"``; nothing of it is read.

    Raises
    ------
    ValueError
        If axes or channels do not fit the image and the model, or the image is empty.
    """
    axes = check_axes(axes, shape)
    sizes = dict(zip(axes, shape, strict=True))
    channels = sizes.get("C", 1)
    if channels != info.network.in_channels:
        raise ValueError(
            f"the image has {channels} channel(s), the model takes {info.network.in_channels} "
            f"({', '.join(info.channels)}): choose those channels of the image (--channels), or a "
            f"model that was trained on such images; if {axes} are not the image's axes, say them"
        )
    looped = loop_axes(axes, info.network.ndim)
    if 0 in shape:
        raise ValueError(f"the image is empty: its shape is {shape} ({axes})")
    loop, spatial = "".join(a for a in _ORDER if a in looped), "ZYX"[-info.network.ndim :]
    classes = {"C": max(info.network.classes, 2)}

    def shape_of(axes: str) -> tuple[int, ...]:
        return tuple((sizes | classes)[axis] for axis in axes)

    labels, probabilities = label_axes(axes), loop + "C" + spatial
    parts = (loop, spatial, labels, probabilities)
    described = [part for axes_of in parts for part in (axes_of, shape_of(axes_of))]
    return Layout(axes, shape, *described)  # type: ignore[arg-type]


def pieces(
    image: NDArray | LazyArray,
    layout: Layout,
    info: ModelInfo,
    measured: Measured | None = None,
) -> Iterator[MeasuredPiece]:
    """Yield index along ``loop``, piece (C, [Z,] Y, X), and what `measure` found, or was given.

    The planes of a stack are measured as one image: slice by slice, the noise of an empty slice
    would become objects.
    """
    axes = "".join(a for a in _ORDER if a in layout.axes)
    ordered: Any = image.transpose([layout.axes.index(a) for a in axes])
    ndim = len(layout.spatial)
    if "Z" not in layout.loop:
        for index, piece in split(ordered, axes, ndim):
            piece = _read(piece)
            yield index, piece, measured or measure(piece, info.normalization)
        return
    for index, volume in split(ordered, axes, 3):  # volume: C, Z, Y, X
        found = measured
        if found is None:
            offset, scale = measure(volume, info.normalization)  # C, 1, 1, 1
            found = offset[:, 0], scale[:, 0]
        for z in range(volume.shape[1]):
            yield (*index, z), _read(volume[:, z]), found


def _read(piece: NDArray | LazyArray) -> NDArray | LazyArray:
    small = isinstance(piece, LazyArray) and piece.nbytes <= _READ_WHOLE
    return np.asarray(piece) if small else piece


def put(out: Any, axes: str, index: tuple[int, ...], piece: NDArray, piece_axes: str) -> None:
    """Write a piece, one of labels or of probabilities, to its place.

    Parameters
    ----------
    out, axes
        Any array that can be written to by slices, and its axes.
    index, piece, piece_axes
        Where it lies along those of S, T and Z that are not its own, and its axes.
    """
    place = dict(zip((a for a in _ORDER if a in axes and a not in piece_axes), index, strict=True))
    where = tuple(place.get(axis, slice(None)) for axis in axes)
    out[where] = piece.transpose([piece_axes.index(a) for a in axes if a in piece_axes])
