"""What a model is given: a layer, channels of it, or layers as channels; all of it or a plane."""

from collections.abc import Mapping, Sequence
from typing import Any

from napari.layers import Image

from seamless_unet.axes import label_axes
from seamless_unet.plugin import layers


def channel_choices(viewer: Any, image: Image, axes: str) -> list[tuple[str, Any]]:
    """Return what can be given to a model as one of its channels, as (words, channel).

    Those of the image by name or number; or, if it has none, the image and the viewer's other
    layers of its shape.
    """
    if "C" in axes:
        numbers = range(layers.channels(image, axes))
        names = layers.channel_names(image, axes) or [str(number + 1) for number in numbers]
        return list(zip(names, numbers, strict=True))
    shape = tuple(layers.full_data(image).shape)
    others = [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image)
        and not layer.rgb
        and tuple(layers.full_data(layer).shape) == shape
    ]
    return [(layer.name, layer) for layer in [image, *(o for o in others if o is not image)]]


def model_input(
    image: Image,
    axes: str,
    channels: Sequence[int | Image] = (),
    index: Mapping[str, int] | None = None,
) -> tuple[Any, str]:
    """Return what a model is given, and its axes; nothing of it is read yet.

    Parameters
    ----------
    image, axes
        A layer and what its dimensions are.
    channels
        Out of `channel_choices`; none of them takes the image as it is.
    index
        Which plane or volume, such as ``{"T": 3}``; ``None`` takes all of it.
    """
    if not channels:
        parts = [layers.full_data(image)]
    elif isinstance(channels[0], Image):
        parts = [layers.full_data(layer) for layer in channels]
    else:
        parts = [layers.one_channel(image, axes, channel)[0] for channel in channels]
        axes = label_axes(axes)
    if index:
        where = tuple(index.get(axis, slice(None)) for axis in axes)
        parts = [layers.lazy(part)[where] for part in parts]
        axes = "".join(axis for axis in axes if axis not in index)
    if len(parts) == 1:
        return parts[0], axes
    import dask.array as da

    return da.stack([layers.in_dask(part) for part in parts]), "C" + axes
