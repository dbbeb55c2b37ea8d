"""Segmenting an image of any axes: every piece a network can take, then labels linked through."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.disk_space import check_room
from seamless_unet.found_pieces import SegmentConfig, found_pieces, scratch_size, seen_shape
from seamless_unet.lazy_array import LazyArray
from seamless_unet.linked_pieces import counted, linked, refined
from seamless_unet.pieces import Layout, Measured, Piece, Predicted, layout, pieces, put
from seamless_unet.scratch import scratch_folder

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
    image: NDArray | LazyArray,
    axes: str,
    *,
    pixel_size: Mapping[str, float] | None = None,
    device: str | None = None,
    probabilities: bool = False,
    **options: Any,
) -> Iterator[Progress | Segmented]:
    """Segment an image, a stack, a film or many images; stop iterating to cancel.

    A 2-D model takes a stack slice by slice, normalized as one image. Objects are then linked
    through Z, and through T, by their overlap; separate images (S) never are. Through Z, what one
    slice alone shows becomes a part of a larger object that it mostly lies over or under, and,
    unless ``neck`` is 0, objects are divided at necks (`seamless_unet.splinters`,
    `seamless_unet.z_necks`).

    Parameters
    ----------
    model, image
        The image has any number of axes and any integer or float dtype.
    axes
        One letter out of ``"STZCYX"`` per dimension.
    pixel_size
        Micrometre per pixel of the image along Y, X and perhaps Z: it is resized to the model's
        pixels, and labels and probabilities back to the image's. ``None`` leaves it as it is.
    device
        See `seamless_unet.predict.predict`.
    probabilities
        Keep the probabilities, which take 4 bytes per pixel and class.
    **options
        Fields of `SegmentConfig`: ``symmetries=True``, ``threshold=0.6``, ``link=False``, ...

    Yields
    ------
    Progress
        Tiles done, out of those of all slices together.
    Segmented
        Once, at the end.

    Raises
    ------
    ValueError
        If axes, channels or pixel sizes do not fit the image and the model.
    """
    config = SegmentConfig(**options)
    plan = layout(model.info, image.shape, axes)
    labels = np.empty(plan.label_shape, np.int32)
    kept = np.empty(plan.probability_shape, np.float32) if probabilities else None
    objects = None
    for item in segment_pieces(
        model,
        image,
        plan,
        config,
        pixel_size=pixel_size,
        device=device,
        probabilities=probabilities,
    ):
        if isinstance(item, Predicted):
            put(kept, plan.probability_axes, item.index, item.probabilities, "C" + plan.spatial)
        elif isinstance(item, Piece):
            put(labels, plan.label_axes, item.index, item.labels, plan.spatial)
            objects = item.objects
        else:
            yield item
    yield Segmented(labels, plan.label_axes, objects, kept, plan.probability_axes)


def segment_pieces(
    model: Model,
    image: NDArray | LazyArray,
    plan: Layout,
    config: SegmentConfig | None = None,
    *,
    pixel_size: Mapping[str, float] | None = None,
    device: str | None = None,
    probabilities: bool = False,
    measured: Measured | None = None,
) -> Iterator[Progress | Predicted | Piece]:
    """Segment as `segment_stack` does, but hand over each piece as soon as it is final.

    So memory is needed for one piece, and for the `Runs` of others: of eight slices that are linked
    through Z, which come that much later than their probabilities, and of a whole stack where a
    film of stacks is linked through T, whose objects are numbered once it is complete.

    Parameters
    ----------
    model, image, pixel_size, device
        See `segment_stack`.
    plan
        The image's, for this model.
    config
        ``None`` means the defaults.
    probabilities
        Whether to yield those.
    measured
        What `seamless_unet.normalize.measure` found in the stack that the image is a plane of;
        ``None`` measures the image.

    Yields
    ------
    Progress
        Tiles done, out of those of all pieces together.
    Predicted
        For every piece, if asked for, along S, T, Z.
    Piece
        For every piece, along S, T, Z.

    Raises
    ------
    ValueError
        If the pixel sizes do not fit.
    OSError
        If the disk has no room for a piece that is too large for memory.
    """
    config = config or SegmentConfig()
    info = model.info
    shape = seen_shape(plan, info, pixel_size)
    check_room([(scratch_folder(), scratch_size(plan, info, pixel_size))])
    parts = pieces(image, plan, info, measured)
    items = found_pieces(model, parts, plan, config, shape, device, probabilities)
    neck = info.neck if config.neck is None else config.neck
    chain = len(plan.loop)  # axes of the index within which an id is one object
    if info.output == "objects" and config.link:
        for axis in "ZT":  # Z first, then T links whole objects
            if axis in plan.loop:
                chain = plan.loop.index(axis)
                items = linked(items, chain, math.prod(plan.loop_shape[chain + 1 :]))
                if axis == "Z":
                    items = refined(items, plan.loop_shape[chain], divide=neck > 0)
    yield from items if info.output == "classes" else counted(items, chain)
