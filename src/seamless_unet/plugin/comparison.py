"""The layer that shows what was found, missed and invented, and the way to a cell in it."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from seamless_unet.object_states import FOUND, INVENTED, MISSED
from seamless_unet.plugin import layers
from seamless_unet.plugin.stored import layer_data
from seamless_unet.plugin.view import camera

# the three of Okabe and Ito's palette that are told apart best with any kind of color vision
COLORS = {FOUND: "#56b4e9", MISSED: "#f0e442", INVENTED: "#d55e00"}
WORDS = {FOUND: "found", MISSED: "missed", INVENTED: "invented"}
_LEAST_WIDTH = 40  # pixels on the screen that a cell is shown with


def add_comparison(viewer: Any, levels: Sequence[Any], predicted: Labels) -> Labels:
    """Add an image of what is found, missed and invented in the place of the result.

    Parameters
    ----------
    levels
        The image in one or several sizes; see `stored.layer_data`.
    predicted
        The result.
    """
    colors = dict.fromkeys((None, 0), "transparent") | COLORS
    layer = viewer.add_labels(
        **layer_data(levels),
        name=f"{predicted.name} compared",
        colormap=DirectLabelColormap(color_dict=colors),
        features={"index": [0, *WORDS], "cell": ["", *WORDS.values()]},
        opacity=0.6,
        **layers.placement(predicted, axis_letters(predicted)),
    )
    layer.editable = False  # there is nothing to correct in it, and on the disk nobody can
    return layer


def check_same_size(predicted: Labels, truth: Labels) -> None:
    """Refuse two layers of different images.

    Raises
    ------
    ValueError
        Naming both sizes.
    """
    sizes = [tuple(layers.full_data(layer).shape) for layer in (predicted, truth)]
    if sizes[0] != sizes[1]:
        words = [" x ".join(map(str, size)) for size in sizes]
        raise ValueError(
            f"'{predicted.name}' is {words[0]} pixels but '{truth.name}' is {words[1]}: "
            "choose two layers of the same image."
        )


def axis_letters(labels: Labels) -> str:
    """Return a letter for each dimension of labels, none of them a channel."""
    return "STZYX"[-labels.ndim :]


def axis_names(viewer: Any, labels: Labels) -> list[str]:
    """Return the names of the dimensions of labels, as the viewer's sliders have them.

    The last two are always y and x.
    """
    first = viewer.dims.ndim - labels.ndim  # a layer of fewer dimensions has the last ones
    sliders = viewer.dims.axis_labels[first:-2]
    names = [
        f"slider {first + number}" if label.lstrip("-").isdigit() else label
        for number, label in enumerate(sliders)
    ]
    return [*names, "y", "x"]


def show_place(viewer: Any, layer: Labels, place: Sequence[int], pixels: int) -> None:
    """Let the viewer show a cell in its middle, and large enough to be seen; or a plane.

    Parameters
    ----------
    layer
        Whose pixels are counted; it need not be in the viewer any more.
    place
        A pixel of the cell, or only its first axes: the plane.
    pixels
        How many the cell has.
    """
    dims = viewer.dims
    whole = [*place, *[0] * (layer.ndim - len(place))]
    world = layer.data_to_world(whole)[: len(place)]
    first = dims.ndim - layer.ndim
    point = [*dims.point[:first], *world, *dims.point[first + len(place) :]]
    dims.point = point
    if len(place) < layer.ndim:
        return
    camera(viewer).center = [point[axis] for axis in dims.displayed]
    width = pixels ** (1 / min(layer.ndim, 3)) * float(layer.scale[-1])
    camera(viewer).zoom = max(camera(viewer).zoom, _LEAST_WIDTH / width)
