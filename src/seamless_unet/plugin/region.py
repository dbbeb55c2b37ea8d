"""The part of an image that a Shapes layer encloses."""

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray
from skimage.draw import polygon2mask

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
            mask[plane] |= polygon2mask(shape[-2:], points[:, -2:])
    if not mask.any():
        raise ValueError(
            f"The shapes {shapes.name!r} enclose nothing of {labels.name!r}: draw a rectangle, "
            "an ellipse or a polygon around the part that is annotated completely."
        )
    return np.broadcast_to(mask, shape)


def _ellipse(corners: NDArray) -> NDArray:
    """Return points on the ellipse that touches the four sides of a rectangle."""
    center = corners.mean(axis=0)
    first, second = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angles = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)[:, np.newaxis]
    return center + np.cos(angles) * first + np.sin(angles) * second
