"""What the user looks at: one plane, or one volume, of an image layer."""

import math
from dataclasses import dataclass
from typing import Any

from napari.layers import Image
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from seamless_unet.axes import label_axes
from seamless_unet.plugin import layers
from seamless_unet.plugin.world import camera, to_pixel


@dataclass(frozen=True, eq=False)
class View:
    """One plane or volume of an image layer, or a part of it.

    Parameters
    ----------
    data
        Its pixels with the dimensions ``axes``, not read yet.
    axes
        Such as ``"YX"``, ``"CYX"``, ``"YXC"`` (RGB) or ``"CZYX"``.
    index
        Where it lies along the dimensions it does not have, such as ``{"T": 3}``.
    corner
        Its first pixel along those it has, such as ``{"Y": 0, "X": 128}``.
    layer_axes
        The dimensions of results: the layer's without its channels, or with one pixel for all of
        them; see `layers.placed_axes`.
    placement
        Keywords of ``add_labels`` or ``add_image`` that put an `expand`-ed result in its place.
    """

    data: Any
    axes: str
    index: dict[str, int]
    corner: dict[str, int]
    layer_axes: str
    placement: dict[str, Any]

    @property
    def region(self) -> tuple[slice, ...]:
        """Where it lies in an array of results for all of the layer."""
        sides = dict(zip(self.axes, self.data.shape, strict=True))
        starts = {**self.index, **self.corner, "C": 0}
        return tuple(
            slice(starts[axis], starts[axis] + (sides[axis] if axis in self.corner else 1))
            for axis in self.layer_axes
        )

    def expand(self, labels: NDArray) -> NDArray:
        """Give a ([Z,] Y, X) result the dimensions ``layer_axes``."""
        return labels[tuple(slice(None) if a in self.corner else None for a in self.layer_axes)]


def current_view(
    viewer: Any,
    image: Image,
    axes: str,
    *,
    ndim: int = 2,
    most_pixels: int | None = None,
    channels_too: bool = False,
) -> View:
    """Return the plane or volume of an image layer that the viewer shows, at full size.

    Parameters
    ----------
    viewer
        Its sliders and camera say where.
    image, axes
        A layer and what its dimensions are; see `layers.axes_choices`.
    ndim
        2 for a plane, 3 for a volume.
    most_pixels
        A larger plane or volume is cut to about so many pixels around the camera's center.
    channels_too
        Whether results have a dimension for channels that have a slider; see `layers.placed_axes`.

    Raises
    ------
    ValueError
        If a volume of an image without depth is asked for.
    """
    if ndim == 3 and "Z" not in axes:
        raise ValueError(f"The image {image.name!r} has no depth: it is made of single planes.")
    spatial = "ZYX"[-ndim:]
    sides = dict(zip(axes, layers.full_data(image).shape, strict=True))
    center = _center(viewer, image, axes, sides)
    wanted = _lengths({axis: sides[axis] for axis in spatial}, most_pixels)
    corner = {
        axis: min(max(center[axis] - length // 2, 0), sides[axis] - length)
        for axis, length in wanted.items()
    }
    index = {axis: center[axis] for axis in label_axes(axes) if axis not in spatial}
    places: dict[str, int | slice] = {
        **{axis: slice(corner[axis], corner[axis] + length) for axis, length in wanted.items()},
        **index,
    }
    return View(
        data=layers.lazy(layers.full_data(image))[tuple(places.get(a, slice(None)) for a in axes)],
        axes="".join(axis for axis in axes if axis not in index),
        index=index,
        corner=corner,
        layer_axes=layers.placed_axes(image, axes, channels_too=channels_too),
        placement=_placement(image, axes, {**index, **corner}, channels_too=channels_too),
    )


def _center(viewer: Any, image: Image, axes: str, sides: dict[str, int]) -> dict[str, int]:
    """Return the pixel in the middle of the canvas, or the nearest one that the layer has."""
    point = list(viewer.dims.point)
    displayed = viewer.dims.displayed
    for axis, at in zip(displayed, camera(viewer).center[-len(displayed) :], strict=True):
        point[axis] = at
    found = zip(axes, to_pixel(viewer, image, point), strict=False)  # colors are no dimension
    return {axis: min(max(round(float(at)), 0), sides[axis] - 1) for axis, at in found}


def _lengths(sides: dict[str, int], most_pixels: int | None) -> dict[str, int]:
    """Cut the longest sides until there are at most so many pixels."""
    lengths, budget = {}, float(most_pixels or math.prod(sides.values()))
    for count, axis in enumerate(sorted(sides, key=lambda axis: sides[axis])):
        fair = math.floor(budget ** (1 / (len(sides) - count)) + 1e-6)
        lengths[axis] = max(1, min(sides[axis], fair))
        budget /= lengths[axis]
    return {axis: lengths[axis] for axis in sides}


def _placement(
    image: Image, axes: str, first: dict[str, int], *, channels_too: bool
) -> dict[str, Any]:
    """Return the place of a part of a layer whose first pixel is given."""
    where = layers.placement(image, axes, channels_too=channels_too)
    whole = {key: where[key] for key in ("scale", "translate", "rotate", "shear")}
    corner = [
        first.get(axis, 0) for axis in layers.placed_axes(image, axes, channels_too=channels_too)
    ]
    return {**where, "translate": Affine(**whole)(corner)}
