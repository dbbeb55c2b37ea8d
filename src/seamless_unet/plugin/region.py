"""The part of an image that a Shapes layer encloses."""

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from seamless_unet.plugin import layers
from seamless_unet.plugin.world import ratios

_CORNERS = 64  # of a polygon that stands for an ellipse


def region_mask(shapes: Shapes, labels: Labels) -> NDArray[np.bool_]:
    """Return which pixels of a Labels layer lie in the closed shapes of a Shapes layer.

    A shape counts on the plane that it was drawn on, and on all planes where its layer has fewer
    dimensions than the labels.

    Returns
    -------
    ndarray
        bool, of the labels' shape.

    Raises
    ------
    ValueError
        If nothing is enclosed.
    """
    shape = tuple(layers.full_data(labels).shape)
    free = max(0, len(shape) - shapes.ndim)  # dimensions that the shapes know nothing of
    mask = np.zeros((1,) * free + shape[free:], bool)
    per_unit = ratios(shapes.units, labels.units)
    for corners, kind in zip(shapes.data, shapes.shape_type, strict=True):
        if kind not in ("rectangle", "ellipse", "polygon"):
            continue  # lines enclose nothing
        outline = _ellipse(corners) if kind == "ellipse" else corners
        world = [np.multiply(shapes.data_to_world(p), per_unit) for p in outline]
        points = np.array([labels.world_to_data(point) for point in world])
        plane = tuple(np.rint(points[:, :-2].mean(axis=0)).astype(int))
        plane = (0,) * free + plane[free:]
        if all(0 <= at < count for at, count in zip(plane, mask.shape, strict=False)):
            _fill(mask[plane], points[:, -2:])
    if not mask.any():
        raise ValueError(
            f"The shapes {shapes.name!r} enclose nothing of {labels.name!r}: draw a rectangle, "
            "an ellipse or a polygon around the part that is annotated completely."
        )
    return np.broadcast_to(mask, shape)


def _fill(plane: NDArray[np.bool_], points: NDArray) -> None:
    """Set the pixels in a polygon: along a row, those after an odd number of crossings.

    A hand-drawn outline has hundreds of corners, and libraries ask of every pixel on which side of
    each edge it lies. Pixels on the outline are inside.
    """
    center = points.mean(axis=0)
    points = center + (points - center) * (1 + 1e-9)
    ends = np.array(plane.shape)
    corner = np.clip(np.ceil(points.min(axis=0)), 0, ends).astype(int)
    beyond = np.clip(np.floor(points.max(axis=0)) + 1, corner, ends).astype(int)
    height, width = beyond - corner
    crossed = np.zeros((height, width + 1), bool)
    for (y, x), (next_y, next_x) in zip(points, np.roll(points, -1, axis=0), strict=True):
        between = np.ceil(np.sort([y, next_y])).astype(int)
        rows = np.arange(*np.clip(between, corner[0], beyond[0]))
        columns = np.ceil(x + (rows - y) * ((next_x - x) / ((next_y - y) or 1)))
        crossed[rows - corner[0], np.clip(columns - corner[1], 0, width).astype(int)] ^= True
    window = tuple(map(slice, corner, beyond))
    plane[window] |= np.logical_xor.accumulate(crossed, axis=1)[:, :-1]


def _ellipse(corners: NDArray) -> NDArray:
    """Return points on the ellipse that touches the four sides of a rectangle."""
    center = corners.mean(axis=0)
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, np.newaxis]
    return center + np.cos(angles) * first + np.sin(angles) * second
