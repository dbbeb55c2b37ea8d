"""Labels that a model made, for the user to correct and the model to learn from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from seamless_unet.model_file import read_info
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin import layers
from seamless_unet.plugin.layer_pair import LayerPair
from seamless_unet.plugin.view import View, current_view
from seamless_unet.plugin.world import to_world


def add_corrections(
    viewer: Any,
    image: Image,
    axes: str,
    view: View,
    found: NDArray,
    *,
    annotation: str,
    kinds: Sequence[int] = (),
) -> LayerPair:
    """Copy what a model found into new layers that the user corrects.

    Parameters
    ----------
    image, axes
        Where it was found, and its dimensions.
    view
        In which part.
    found
        Labels of that part, as `View.expand` makes them.
    annotation
        What the numbers mean to a training; the background of ``"scribbles"`` becomes 1.
    kinds
        Of area that the model knows, as numbers; none where it finds objects.

    Returns
    -------
    LayerPair
        A new Labels layer as large as the image, selected for painting, and a new Shapes layer
        with a rectangle around the part in which it counts: of a volume, on the plane that is
        shown, since nobody corrects all of them.
    """
    sides = dict(zip(axes, layers.full_data(image).shape, strict=True)) | {"C": 1}
    data = np.zeros([sides[axis] for axis in view.layer_axes], np.int32)
    background = 1 if annotation == "scribbles" else 0
    data[view.region] = np.where(found == 0, background, found)
    number = 1 + sum(layer.name.startswith("corrections") for layer in viewer.layers)
    where = layers.placement(image, axes)
    plane = _nearest_plane(view, current_view(viewer, image, axes))
    region = viewer.add_shapes(
        [_outline(view, plane)],
        shape_type="rectangle",
        name=f"corrected area {number}",
        edge_width=max(data.shape[-2:]) / 300,
        edge_color="yellow",
        face_color="transparent",
        **where,
    )
    labels = layers.add_labels(viewer, data, image, axes, name=f"corrections {number}")
    _show(viewer, labels, view.layer_axes, plane)
    labels.selected_label = _brush(max(background, int(found.max(initial=0))), background, kinds)
    viewer.layers.selection = {labels}
    labels.mode = "paint"
    return LayerPair(image, axes, labels, annotation, region)


def what_was_found(
    viewer: Any, image: Image, axes: str, view: View, found: NDArray, path: Path
) -> LayerPair:
    """Do as `add_corrections` for the model at a path.

    Raises
    ------
    ValueError
        With words, if the image or the model is not there any more or is another one.
    """
    if image not in viewer.layers:
        raise ValueError(f"The image '{image.name}' is gone: open it and train again.")
    if not path.exists():
        raise ValueError(f"The model '{path.stem}' is gone: train it again.")
    try:
        info = read_info(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"The model '{path.stem}' cannot be read: {error}") from error
    try:
        return add_corrections(viewer, image, axes, view, found, **_known_to(info))
    except ValueError as error:  # it does not fit into the data
        raise ValueError(f"The image '{image.name}' has changed: train on it again.") from error


def _known_to(info: ModelInfo) -> dict[str, Any]:
    """Return ``annotation`` and ``kinds`` for `add_corrections`: as the model learned them."""
    if info.output == "objects":
        return {"annotation": "objects"}
    return {"annotation": info.training["config"]["annotation"], "kinds": info.class_values}


def _brush(largest: int, background: int, kinds: Sequence[int]) -> int:
    """Return the number to paint with: of the next cell, or of a kind of area that is known.

    >>> _brush(7, 0, ()), _brush(1, 0, (0, 1, 2)), _brush(1, 1, (1, 2, 3))
    (8, 1, 3)
    """
    if not kinds:
        return largest + 1
    return largest if largest > background else max(kinds)


def what_to_correct(pair: LayerPair, view: View, model: str) -> str:
    """Return in words what to do with the layers of `add_corrections`."""
    assert pair.region is not None
    labels, area = f"'{pair.labels.name}'", f"'{pair.region.name}'"
    volume = "Z" in view.corner
    plane = " on this plane" if volume else ""
    others = f" On other planes that you correct, draw a rectangle in {area}." if volume else ""
    return (
        f"Correct the layer {labels} inside the rectangle{plane}, where all of it counts "
        f"as right (make the rectangle smaller if it need not be all).{others} "
        f"Then train again: it goes on from '{model}'."
    )


def _nearest_plane(view: View, shown: View) -> list[int]:
    """Return where the plane of a view lies that is shown, or the one nearest to it."""
    *others, _, _ = view.region
    return [
        min(max(here.start, side.start), side.stop - 1)
        for here, side in zip(shown.region, others, strict=False)
    ]


def _show(viewer: Any, layer: Labels, axes: str, plane: list[int]) -> None:
    """Move the sliders to a plane of a layer of such dimensions, but for that of the channels."""
    world = to_world(viewer, layer, (*plane, 0, 0))
    for axis, point in enumerate(world[: len(plane)], viewer.dims.ndim - layer.ndim):
        is_channel = axes[axis - viewer.dims.ndim] == "C"
        if axis not in viewer.dims.displayed and not is_channel:
            viewer.dims.set_point(axis, point)


def _outline(view: View, plane: list[int]) -> NDArray:
    """Return the corners of a view, just outside of its outermost pixels, on a plane."""
    *_, rows, columns = view.region
    top, bottom = rows.start - 0.5, rows.stop - 0.5
    first, last = columns.start - 0.5, columns.stop - 0.5
    corners = [(top, first), (top, last), (bottom, last), (bottom, first)]
    return np.array([(*plane, *corner) for corner in corners])
