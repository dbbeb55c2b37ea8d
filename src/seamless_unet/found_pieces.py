"""Pieces of an image, one after the other: through the network, and made into objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seamless_unet.bands import segment_in_bands
from seamless_unet.model_header import ModelInfo
from seamless_unet.pieces import Layout, MeasuredPiece, Piece, Predicted
from seamless_unet.ranges import check_settings
from seamless_unet.resample import (
    resampled,
    resampled_labels,
    resampled_shape,
    resampled_values,
)
from seamless_unet.scratch import is_in_memory, scratch_array
from seamless_unet.segment import segment

if TYPE_CHECKING:
    from seamless_unet.model_file import Model
    from seamless_unet.predict import Progress

_BAND = 2**23  # pixels of a piece in a file that are made into objects at a time


@dataclass(frozen=True, kw_only=True)
class SegmentConfig:
    """How to segment.

    Parameters
    ----------
    tile_shape, symmetries, memory, precision
        See `seamless_unet.predict.predict`.
    threshold, neck, min_size
        See `seamless_unet.segment.segment`; ``None`` takes the model's own. Of a resampled image
        pixels are the model's, so that ``min_size`` is the same area in every image. A ``neck`` of
        0 divides nothing that is linked through Z either, see `seamless_unet.z_necks.ZNecks`.
    link
        Link through Z and T, and join splinters through Z. Without, objects are numbered from 1 in
        every slice or frame.

    Raises
    ------
    ValueError
        If the threshold is not between 0 and 1, or a number of pixels is negative.
    """

    tile_shape: int | Sequence[int] | None = None
    symmetries: bool = False
    memory: int | None = None
    precision: str = "float32"
    threshold: float | None = None
    neck: float | None = None
    min_size: int | None = None
    link: bool = True

    def __post_init__(self) -> None:
        check_settings(threshold=self.threshold, neck=self.neck, min_size=self.min_size)


def scratch_size(
    plan: Layout, info: ModelInfo, pixel_size: Mapping[str, float] | None = None
) -> int:
    """Return how many bytes of temporary files `segment_pieces` needs."""
    pixels = math.prod(seen_shape(plan, info, pixel_size))
    probabilities = 4 * plan.probability_shape[len(plan.loop)] * pixels
    labels = [4 * pixels] * min(2, math.prod(plan.loop_shape))  # whoever got them may still look
    return sum(size for size in (probabilities, *labels) if not is_in_memory(size))


def seen_shape(
    plan: Layout, info: ModelInfo, pixel_size: Mapping[str, float] | None
) -> tuple[int, ...]:
    """Return the shape in which the network sees a piece."""
    if pixel_size is None:
        return plan.piece_shape
    return resampled_shape(plan.piece_shape, plan.spatial, pixel_size, info.pixel_size)


def found_pieces(
    model: Model,
    parts: Iterator[MeasuredPiece],
    plan: Layout,
    config: SegmentConfig,
    shape: tuple[int, ...],
    device: str | None,
    probabilities: bool,
) -> Iterator[Progress | Predicted | Piece]:
    """Yield every piece, which the network sees in this ``shape``, with ids of its own.

    The other parameters are those of `seamless_unet.stack.segment_pieces`.
    """
    from seamless_unet.predict import Progress, predict_tiles

    info = model.info
    count = math.prod(plan.loop_shape)
    classes = plan.probability_shape[len(plan.loop)]
    for number, (index, piece, measured) in enumerate(parts):
        if plan.piece_shape != shape:
            piece = resampled(np.asarray(piece), shape)
        out = scratch_array((classes, *shape), np.float32)
        for tile in predict_tiles(
            model,
            piece,
            out,
            measured=measured,
            tile_shape=config.tile_shape,
            device=device,
            symmetries=config.symmetries,
            memory=config.memory,
            precision=config.precision,
        ):
            yield Progress(number * tile.total + tile.done, count * tile.total)
        if probabilities:
            yield Predicted(index, resampled(out, plan.piece_shape))
        labels = _labels(out, info, config, plan.piece_shape)
        del out  # its room is for the next piece
        yield Piece(index, labels, None)


def _labels(
    probabilities: NDArray, info: ModelInfo, config: SegmentConfig, shape: tuple[int, ...]
) -> NDArray[np.int32]:
    """Return the labels of a piece in the shape that it has in the image."""
    rows = max(1, _BAND // math.prod(probabilities.shape[2:]))
    if info.output == "classes":
        classes = scratch_array(probabilities.shape[1:], np.int32)
        values = np.asarray(info.class_values, np.int32)
        for start in range(0, len(classes), rows):
            band = slice(start, start + rows)
            classes[band] = values[probabilities[:, band].argmax(0)]
        return resampled_values(classes, shape)
    chosen = {name: getattr(config, name) for name in ("threshold", "neck", "min_size")}
    changes = {name: value for name, value in chosen.items() if value is not None}
    if is_in_memory(probabilities.nbytes):
        labels = segment(probabilities, **(info.instances | changes))
    else:
        labels = scratch_array(probabilities.shape[1:], np.int32)
        segment_in_bands(probabilities, labels, rows, **(info.instances | changes))
    return resampled_labels(labels, shape)
