"""The layer that shows what was found, missed and invented, and the way to a cell in it."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from seamless_unet.object_states import FOUND, INVENTED, MISSED
from seamless_unet.plugin import layers
from seamless_unet.plugin.stored import layer_data
from seamless_unet.plugin.world import camera, per_unit, to_world

# the three of Okabe and Ito's palette that are told apart best with any kind of color vision
COLORS = {FOUND: "#56b4e9", MISSED: "#f0e442", INVENTED: "#d55e00"}
WORDS = {FOUND: "found", MISSED: "missed", INVENTED: "invented"}
_AXES = "STZYX"  # the last ones of which are taken where dimensions have no names
_LEAST_WIDTH = 40  # pixels on the screen that a cell is shown with


def add_comparison(viewer: Any, levels: Sequence[Any], predicted: Labels) -> Labels:
    """Add an image of what is found, missed and invented in the place of the result.

    Parameters
    ----------
    levels
        The image, of the dimensions of `compared_data`, in one or several sizes; see
        `stored.layer_data`.
    predicted
        The result.
    """
    colors = dict.fromkeys((None, 0), "transparent") | COLORS
    layer = viewer.add_labels(
        **layer_data([expanded(level, predicted) for level in levels]),
        name=f"{predicted.name} compared",
        colormap=DirectLabelColormap(color_dict=colors),
        features={"index": [0, *WORDS], "cell": ["", *WORDS.values()]},
        opacity=0.6,
        metadata={layers.ONLY_SHOWS: True},
        **layers.placement(predicted, axis_letters(predicted)),
    )
    layer.editable = False  # there is nothing to correct in it, and on the disk nobody can
    return layer


def check_same_size(predicted: Labels, truth: Labels) -> None:
    """Refuse two layers of different images, or of more dimensions than S, T, Z, Y and X.

    Raises
    ------
    ValueError
        Naming both sizes.
    """
    sizes = [tuple(compared_data(layer).shape) for layer in (predicted, truth)]
    if sizes[0] != sizes[1]:
        words = [" x ".join(map(str, size)) for size in sizes]
        raise ValueError(
            f"'{predicted.name}' is {words[0]} pixels but '{truth.name}' is {words[1]}: "
            "choose two layers of the same image."
        )
    if predicted.ndim > len(_AXES):
        raise ValueError(
            f"'{predicted.name}' has {predicted.ndim} dimensions: compare parts of it, of at most "
            f"{len(_AXES)}."
        )


def are_apart(predicted: Labels, truth: Labels) -> bool:
    """Whether layers whose pixels are of one size are shown in different places."""
    return layers.are_apart(
        *(layers.placement(layer, axis_letters(layer)) for layer in (predicted, truth))
    )


def axis_letters(labels: Labels) -> str:
    """Return a letter for each dimension of labels, none of them a channel."""
    return _AXES[-labels.ndim :]


def compared_dimensions(labels: Labels) -> list[int]:
    """Return which dimensions of labels are more than one pixel long, and the last two.

    The others, such as one pixel for all channels, make no planes and no stacks.
    """
    shape = layers.full_data(labels).shape
    return [i for i, length in enumerate(shape) if length > 1 or i >= len(shape) - 2]


def compared_data(labels: Labels) -> Any:
    """Return the array of labels with their `compared_dimensions`, not read yet."""
    data, kept = layers.full_data(labels), compared_dimensions(labels)
    if len(kept) == labels.ndim:
        return data
    return layers.lazy(data)[tuple(slice(None) if i in kept else 0 for i in range(labels.ndim))]


def expanded(array: Any, labels: Labels) -> Any:
    """Return an array of the dimensions of `compared_data` with all those of labels."""
    kept = compared_dimensions(labels)
    if len(kept) == labels.ndim:
        return array
    return layers.lazy(array)[tuple(slice(None) if i in kept else None for i in range(labels.ndim))]


def compared_axes(labels: Labels) -> str:
    """Return a letter for each of the `compared_dimensions`: as it is said, else a guess."""
    kept, said = compared_dimensions(labels), layers.said_axes(labels)
    names = [labels.axis_labels[i] for i in kept]
    named = layers.named_axes(names, compared_data(labels).shape)
    letters = "".join(said[i] for i in kept) if said else named
    return letters if letters and "C" not in letters else _AXES[-len(kept) :]


def pixel_size(labels: Labels) -> dict[str, float]:
    """Return micrometre per pixel along the `compared_axes`, as far as it is known."""
    letters = dict(zip(compared_dimensions(labels), compared_axes(labels), strict=True))
    return layers.pixel_size(labels, "".join(letters.get(i, "C") for i in range(labels.ndim)))


def axis_names(viewer: Any, labels: Labels) -> list[str]:
    """Return the names of the `compared_dimensions`, as the viewer's sliders have them.

    The last two are always y and x.
    """
    first = viewer.dims.ndim - labels.ndim  # a layer of fewer dimensions has the last ones
    sliders = viewer.dims.axis_labels[first:-2]
    kept = compared_dimensions(labels)
    names = [
        f"slider {first + number}" if label.lstrip("-").isdigit() else label
        for number, label in enumerate(sliders)
        if number in kept
    ]
    return [*names, "y", "x"]


def show_place(viewer: Any, layer: Labels, place: Sequence[int], pixels: int) -> None:
    """Let the viewer show a cell in its middle, and large enough to be seen; or a plane.

    Parameters
    ----------
    layer
        Whose pixels are counted.
    place
        A pixel of the cell along the `compared_dimensions`, or only the first of them: the plane.
    pixels
        How many the cell has.
    """
    dims, kept = viewer.dims, compared_dimensions(layer)
    at = dict(zip(kept, place, strict=False))
    world = to_world(viewer, layer, [at.get(i, 0) for i in range(layer.ndim)])
    point = list(dims.point)
    for i in at:
        point[dims.ndim - layer.ndim + i] = world[i]
    dims.point = point
    if len(at) < len(kept):
        return
    camera(viewer).center = [point[axis] for axis in dims.displayed]
    width = pixels ** (1 / min(len(kept), 3)) * float(layer.scale[-1] * per_unit(viewer, layer)[-1])
    camera(viewer).zoom = max(camera(viewer).zoom, _LEAST_WIDTH / width)
