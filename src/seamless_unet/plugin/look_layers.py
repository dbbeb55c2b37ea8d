"""Where what the Look inside dock shows belongs: over the image, or beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.transforms import Affine
from numpy.typing import NDArray
from scipy.linalg import block_diag

from seamless_unet.plugin.layers import ONLY_SHOWS
from seamless_unet.plugin.view import View
from seamless_unet.plugin.world import per_unit

_APART = 0.05  # of the image's width, between it and what lies beside it


def add_weights(viewer: Any, weights: NDArray, place: dict[str, Any], labels: str) -> Image:
    """Add border weights over the labels they belong to."""
    return viewer.add_image(
        weights, name=f"border weights of {labels}", colormap="inferno", opacity=0.7, **place
    )


def add_features(
    viewer: Any, maps: NDArray, view: View, *, offset: Sequence[float], scale: int, name: str
) -> Image:
    """Add the maps of a level over the part of the image they show.

    Parameters
    ----------
    maps
        (F, [Z,] Y, X); F becomes the first dimension, with a slider of its own.
    view
        The part of the image.
    offset, scale
        Where the center of the maps' first pixel lies in the view, and how many pixels of the
        image one of theirs spans.
    """
    spatial = "ZYX"[-(maps.ndim - 1) :]
    sizes = dict(zip(spatial, maps.shape[1:], strict=True))
    starts = dict(zip(spatial, offset, strict=True))
    where = dict(view.placement)
    own = {key: where.pop(key) for key in ("scale", "translate", "rotate", "shear")}
    own["translate"] = Affine(**own)([starts.get(axis, 0.0) for axis in view.layer_axes])
    larger = [scale if axis in sizes else 1 for axis in view.layer_axes]
    own["scale"] = np.multiply(own["scale"], larger)
    shear = np.linalg.solve(own["rotate"], Affine(**own).linear_matrix) / own["scale"]
    where["affine"] = where["affine"].expand_dims([0])
    where["units"] = ("pixel", *where["units"])
    if "axis_labels" in where:
        where["axis_labels"] = ("feature", *where["axis_labels"])
    layer = viewer.add_image(
        maps.reshape([len(maps), *(sizes.get(axis, 1) for axis in view.layer_axes)]),
        name=name,
        colormap="viridis",
        scale=[1, *own["scale"]],
        translate=[0, *own["translate"]],
        rotate=block_diag(1, own["rotate"]),
        shear=block_diag(1, np.triu(shear)),
        **where,
    )
    viewer.dims.set_point(viewer.dims.ndim - layer.ndim, 0)  # the liveliest map
    return layer


def add_examples(
    viewer: Any, images: NDArray, classes: NDArray, weights: NDArray, image: Image
) -> list[Layer]:
    """Add sheets of examples at the right of the image, at its scale.

    Parameters
    ----------
    images
        (C, [Z,] Y, X), a layer for each channel.
    classes, weights
        ([Z,] Y, X).
    """
    ndim = classes.ndim
    extent = viewer.layers.extent.world
    low, high = (edge[-ndim:] for edge in extent)
    corner = np.array([*low[:-1], high[-1] + _APART * (high[-1] - low[-1])])
    place: dict[str, Any] = {
        "scale": np.abs(image.scale[-ndim:]),  # of a mirrored image, too
        "translate": corner / per_unit(viewer, image)[-ndim:],
        "units": image.units[-ndim:],
    }
    name = f"examples of {image.name}"
    added: list[Layer] = [
        viewer.add_image(
            channel,
            name=name if len(images) == 1 else f"{name}, channel {number}",
            blending="additive" if number > 1 else "translucent_no_depth",
            contrast_limits=(0, 1),
            **place,
        )
        for number, channel in enumerate(images, 1)
    ]
    added.append(
        viewer.add_image(
            weights, name=f"{name}: weights", colormap="inferno", visible=False, **place
        )
    )
    shows = {"name": f"{name}: classes", "metadata": {ONLY_SHOWS: True}}
    added.append(viewer.add_labels(classes, opacity=0.4, **shows, **place))
    return added
