"""Segmenting an image of any axes: every piece a network can take, then labels linked through."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seamless_unet.axes import check_axes, label_axes, loop_axes, split
from seamless_unet.config import ModelInfo, Normalization
from seamless_unet.link import link_slices
from seamless_unet.normalize import measure
from seamless_unet.segment import segment

if TYPE_CHECKING:
    from seamless_unet.model_file import Model
    from seamless_unet.predict import Progress


@dataclass(frozen=True)
class Segmented:
    """The result, the last thing that `segment_stack` yields.

    Parameters
    ----------
    labels
        int32 with the image's axes without C (``axes``).
    objects
        How many different objects there are; ``None`` for a class map.
    probabilities
        float32 with ``probability_axes``, where C are the classes; ``None`` if not asked for.
    """

    labels: NDArray[np.int32]
    axes: str
    objects: int | None
    probabilities: NDArray[np.float32] | None
    probability_axes: str


def segment_stack(
    model: Model,
    image: NDArray,
    axes: str,
    *,
    tile_shape: int | Sequence[int] | None = None,
    device: str | None = None,
    symmetries: bool = False,
    memory: int | None = None,
    precision: str = "float32",
    threshold: float | None = None,
    min_size: int | None = None,
    link: bool = True,
    probabilities: bool = False,
) -> Iterator[Progress | Segmented]:
    """Segment an image, a stack, a film or many images; stop iterating to cancel.

    A 2-D model takes a stack slice by slice, normalized as one image. Objects are then linked
    through Z, and through T, by their overlap; separate images (S) never are.

    Parameters
    ----------
    model, image
        The image has any number of axes and any integer or float dtype.
    axes
        One letter out of ``"STZCYX"`` per dimension.
    tile_shape, device, symmetries, memory, precision
        See `seamless_unet.predict.predict`.
    threshold, min_size
        See `seamless_unet.segment.segment`; ``None`` takes the model's own.
    link
        Link through Z and T. Without, objects are numbered from 1 in every slice or frame.
    probabilities
        Keep the probabilities, which take 4 bytes per pixel and class.

    Yields
    ------
    Progress
        Tiles done, out of those of all slices together.
    Segmented
        Once, at the end.

    Raises
    ------
    ValueError
        If axes or channels do not fit the image and the model.
    """
    from seamless_unet.predict import Progress, predict_tiles

    info = model.info
    axes = check_axes(axes, image.shape)
    _check_channels(info, image, axes)
    loop, spatial = _order(axes, info.network.ndim)
    sizes = dict(zip(axes, image.shape, strict=True))
    if 0 in sizes.values():
        raise ValueError(f"the image is empty: its shape is {image.shape} ({axes})")
    loop_shape, shape = tuple(sizes[a] for a in loop), tuple(sizes[a] for a in spatial)
    classes = max(info.network.classes, 2)
    kept = np.empty((*loop_shape, classes, *shape), np.float32) if probabilities else None
    labels = np.empty((*loop_shape, *shape), np.int32)
    count = int(np.prod(loop_shape))
    for number, (index, piece, piece_model) in enumerate(_pieces(model, image, axes)):
        out = np.empty((classes, *shape), np.float32) if kept is None else kept[index]
        for tile in predict_tiles(
            piece_model,
            piece,
            out,
            tile_shape=tile_shape,
            device=device,
            symmetries=symmetries,
            memory=memory,
            precision=precision,
        ):
            yield Progress(number * tile.total + tile.done, count * tile.total)
        labels[index] = _labels(out, info, threshold, min_size)
    objects = None
    if info.output == "objects":
        linked = [a for a in "ZT" if a in loop] if link else []
        objects = _link(labels.transpose(_positions(loop + spatial, "STZYX")), loop, linked)
    labels = labels.transpose(_positions(loop + spatial, label_axes(axes)))
    yield Segmented(labels, label_axes(axes), objects, kept, loop + "C" + spatial)


def _check_channels(info: ModelInfo, image: NDArray, axes: str) -> None:
    channels = image.shape[axes.index("C")] if "C" in axes else 1
    if channels != info.network.in_channels:
        raise ValueError(
            f"the image has {channels} channel(s), the model takes {info.network.in_channels} "
            f"({', '.join(info.channels)}): choose those channels of the image, or a model that "
            f"was trained on such images; if {axes} are not the image's axes, say them"
        )


def _order(axes: str, ndim: int) -> tuple[str, str]:
    """Return the axes that are looped over, Z last, and those of one piece, both without C."""
    loop = loop_axes(axes, ndim)
    return loop.replace("Z", "") + "Z" * ("Z" in loop), "ZYX"[-ndim:]


def _pieces(
    model: Model, image: NDArray, axes: str
) -> Iterator[tuple[tuple[int, ...], NDArray, Model]]:
    """Yield index along the loop axes, piece (C, [Z,] Y, X), and the model to predict it with."""
    if model.info.network.ndim == 3 or "Z" not in axes:
        for index, piece in split(image, axes, model.info.network.ndim):
            yield index, piece, model
        return
    # measured slice by slice, the noise of an empty slice would become objects
    info = dataclasses.replace(model.info, normalization=Normalization("fixed"))
    for index, volume in split(image, axes, 3):  # volume: C, Z, Y, X
        offset, scale = measure(volume, model.info.normalization)  # C, 1, 1, 1
        for z in range(volume.shape[1]):
            plane = (volume[:, z] - offset[:, 0]) / scale[:, 0]
            yield (*index, z), plane, dataclasses.replace(model, info=info)


def _labels(
    probabilities: NDArray, info: ModelInfo, threshold: float | None, min_size: int | None
) -> NDArray[np.int32]:
    if info.output == "classes":
        return np.asarray(info.class_values, np.int32)[probabilities.argmax(0)]
    chosen = {"threshold": threshold, "min_size": min_size}
    changes = {name: value for name, value in chosen.items() if value is not None}
    return segment(probabilities, **(info.instances | changes))


def _link(labels: NDArray[np.int32], loop: str, linked: Sequence[str]) -> int:
    """Link in place (S, T, Z, Y, X as far as there) and return the number of objects."""
    order = "".join(a for a in "STZ" if a in loop)
    for axis in linked:  # Z first, then T links whole objects
        for index in np.ndindex(labels.shape[: order.index(axis)]):
            labels[index] = link_slices(labels[index])
    # from here on inwards, an id is one object
    apart = min((order.index(axis) for axis in linked), default=len(order))
    return sum(int(labels[index].max()) for index in np.ndindex(labels.shape[:apart]))


def _positions(axes: str, order: str) -> list[int]:
    return [axes.index(a) for a in order if a in axes]
