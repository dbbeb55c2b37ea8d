"""Layers and arrays: what the dimensions of a layer are, and where a new layer belongs."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.transforms import Affine

from seamless_unet.axes import check_axes, label_axes
from seamless_unet.metadata import Metadata
from seamless_unet.plugin.layer_metadata import layer_metadata

_NAMES = {
    **{"t": "T", "time": "T", "frame": "T", "z": "Z", "depth": "Z", "slice": "Z"},
    **{"c": "C", "channel": "C", "y": "Y", "x": "X", "s": "S", "sample": "S"},
}
_WORDS = {"T": "time", "Z": "depth", "C": "channels", "S": "separate images", "Y": "y", "X": "x"}
_POSSIBLE = {
    2: ("YX",),
    3: ("ZYX", "TYX", "SYX", "CYX", "YXC"),
    4: ("TZYX", "ZCYX", "CZYX", "TCYX", "CTYX", "ZTYX", "SZYX", "SCYX", "STYX", "ZYXC", "TYXC"),
    5: ("TZCYX", "TCZYX", "CTZYX", "CZTYX", "ZTCYX", "STZYX", "SZCYX", "SCZYX", "STCYX", "TZYXC"),
}
# what a layer that the plugin made remembers in its metadata: its dimensions, and whether it is
# there to be looked at only
AXES, ONLY_SHOWS = "axes", "only shows"
_COLORS = ("red", "green", "blue", "opacity")
_shining: WeakKeyDictionary[Image, int] = WeakKeyDictionary()  # the same in whatever plane
_DARK = 96  # of 255: half of the pixels are darker where things shine on a dark ground
_FEW = 4  # of so many or fewer planes, each much larger, one guesses that they are channels
_LARGE = 32  # pixels


def axes_choices(layer: Image) -> list[tuple[str, str]]:
    """Return what the dimensions of a layer may be, likeliest first, as (words, axes).

    The names of its dimensions say it, else the file that it came from, else its shape.
    ``axes`` has one letter per dimension of `full_data`; the colors of an RGB layer are a ``C``
    at its end.
    """
    shape = tuple(full_data(layer).shape[: layer.ndim])
    named = named_axes(layer.axis_labels, shape)
    likeliest = named or _file_axes(layer, shape) or _likely_axes(shape)
    possible = [likeliest, *(axes for axes in _POSSIBLE.get(len(shape), ()) if axes != likeliest)]
    colors = "C" if layer.rgb else ""
    return [
        (_in_words(axes, shape), axes + colors)
        for axes in possible
        if axes and not (layer.rgb and "C" in axes)
    ]


def said_axes(layer: Labels) -> str | None:
    """Return the dimensions of labels as the plugin, their names or their file say them."""
    shape = tuple(full_data(layer).shape)
    remembered = _checked(str(layer.metadata.get(AXES, "")), shape)
    return remembered or named_axes(layer.axis_labels, shape) or _file_axes(layer, shape)


def _in_words(axes: str, shape: tuple[int, ...]) -> str:
    """Name the dimensions.

    >>> _in_words("TYX", (5, 512, 512))
    'time (5), y, x'
    """
    sizes = [f" ({n})" if axis not in "YX" else "" for axis, n in zip(axes, shape, strict=True)]
    return ", ".join(_WORDS[axis] + size for axis, size in zip(axes, sizes, strict=True))


def named_axes(axis_labels: Iterable[str], shape: tuple[int, ...]) -> str | None:
    """Return a letter for each dimension of a shape, if their names say them all."""
    letters = [_NAMES.get(label.lower(), "?") for label in axis_labels]
    return _checked("".join(letters), shape)


def _file_axes(layer: Image | Labels, shape: tuple[int, ...]) -> str | None:
    """Return the axes in the file that a layer came from: napari's own reader drops them."""
    return _checked(_kept_axes(layer_metadata(layer), shape), shape)


def _kept_axes(metadata: Metadata | None, shape: tuple[int, ...]) -> str:
    """Return the axes that a file has for an array of this shape; empty if it is not the file's.

    Readers drop axes of one pixel, and make a layer of each channel.
    """
    if metadata is None or len(metadata.axes) != len(metadata.shape):
        return ""
    sides = list(zip(metadata.axes, metadata.shape, strict=True))
    for dropped in ("", "C"):
        for least in (1, 2):
            kept = [(a, n) for a, n in sides if a not in dropped and (n >= least or a in "YX")]
            if tuple(n for _, n in kept) == shape:
                return "".join(a for a, _ in kept)
    return ""


def _likely_axes(shape: tuple[int, ...]) -> str | None:
    if len(shape) == 3:
        if shape[0] <= _FEW and min(shape[1:]) >= _LARGE:
            return "CYX"
        if shape[2] <= _FEW and min(shape[:2]) >= _LARGE:
            return "YXC"
    return next(iter(_POSSIBLE.get(len(shape), ())), None)


def _checked(axes: str, shape: tuple[int, ...]) -> str | None:
    try:
        return check_axes(axes, shape)
    except ValueError:
        return None


def full_data(layer: Image | Labels) -> Any:
    """Return a layer's array, at full size where it is multiscale: numpy, dask, zarr..."""
    return layer.data[0] if layer.multiscale else layer.data


def channels(layer: Image, axes: str) -> int:
    """Return the number of channels of an image layer."""
    return full_data(layer).shape[axes.index("C")] if "C" in axes else 1


def channel_names(layer: Image, axes: str) -> tuple[str, ...]:
    """Return the names of an image layer's channels; empty where its file does not say them."""
    count = channels(layer, axes)
    if layer.rgb:
        return _COLORS[:count]
    metadata = layer_metadata(layer)
    shape = tuple(full_data(layer).shape)
    names = metadata.channels if metadata and _kept_axes(metadata, shape) else ()
    return names if "C" in axes and len(names) == count else ()


def shining_channel(layer: Image) -> int | None:
    """Return which color shines most in an RGB layer on a dark ground; ``None`` for any other."""
    if layer in _shining or not layer.rgb:
        return _shining.get(layer)
    shown = layer.thumbnail[layer.thumbnail[..., 3] > 0, :3]  # around it nothing is drawn
    bright = np.percentile(shown, 99, axis=0) if len(shown) else np.zeros(3)
    if bright.max() < _DARK or np.median(shown.max(axis=1)) > _DARK:
        return None  # the plane that is shown may be an empty one
    return _shining.setdefault(layer, int(bright.argmax()))


def one_channel(layer: Image, axes: str, channel: int) -> tuple[Any, str]:
    """Return one channel of an image layer, and its axes without C."""
    index = (slice(None),) * axes.index("C") + (channel,)
    return lazy(full_data(layer))[index], label_axes(axes)


def lazy(array: Any) -> Any:
    """Return an array whose slices are not read until they are needed."""
    if isinstance(array, np.ndarray) or hasattr(array.dtype, "numpy_dtype"):
        return array  # zarr reads at once, tensorstore does not
    return in_dask(array)


def in_dask(array: Any) -> Any:
    """Return an array as a dask array."""
    import dask.array as da  # takes longer than a dock to open

    # a name found by dask would need all of the array read
    return array if isinstance(array, da.Array) else da.from_array(array, name=False)


def check_same_place(image: Image, axes: str, labels: Labels) -> None:
    """Refuse labels that were not drawn on the image.

    Raises
    ------
    ValueError
        Naming both shapes.
    """
    shape = full_data(image).shape
    expected = tuple(n for n, axis in zip(shape, axes, strict=True) if axis != "C")
    found = tuple(without_channels(image, axes, full_data(labels)).shape)
    if found != expected:
        raise ValueError(
            f"The labels {labels.name!r} are {_times(found)} pixels but the image {image.name!r} "
            f"is {_times(expected)}: choose the labels that were drawn on this image. (For new "
            "ones, select the image and click the labels button above the layer list.)"
        )


def _times(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def placement(layer: Image, axes: str, *, channels_too: bool = False) -> dict[str, Any]:
    """Return what puts labels of an image layer in the same place: keywords of ``add_labels``.

    The labels have the dimensions of `placed_axes`.
    """
    kept = placed_axes(layer, axes, channels_too=channels_too)
    keep = [i for i, axis in enumerate(axes[: layer.ndim]) if axis in kept]
    scale = layer.scale.copy()
    if "C" in kept:  # the nearest pixel of the labels is always the first
        scale[axes.index("C")] *= 2 * channels(layer, axes)
    shear = Affine(shear=layer.shear, scale=np.ones(layer.ndim)).linear_matrix[np.ix_(keep, keep)]
    where: dict[str, Any] = {
        "scale": scale[keep],
        "translate": layer.translate[keep],
        "rotate": layer.rotate[np.ix_(keep, keep)],
        # as napari gives it, a vector unless it is lower triangular
        "shear": shear if np.tril(shear, -1).any() else shear[np.triu_indices(len(keep), 1)],
        "affine": layer.affine.set_slice(keep),
        "units": tuple(layer.units[i] for i in keep),
    }
    if not _are_numbers(layer.axis_labels):  # napari's own numbers count from the last dimension
        where["axis_labels"] = tuple(layer.axis_labels[i] for i in keep)
    return where


def are_apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether pixels of one size are shown in different places; both as `placement` has them."""
    n = min(len(one["translate"]), len(other["translate"]))
    units, scale, translate = (
        [each[key][-n:] for each in (one, other)] for key in ("units", "scale", "translate")
    )
    if units[0] != units[1] or not np.allclose(*scale):
        return False  # of one of them, nobody has said how large its pixels are
    return bool((np.abs(translate[0] - translate[1]) > np.abs(scale[0]) / 2).any())


def placed_axes(layer: Image, axes: str, *, channels_too: bool = False) -> str:
    """Return the dimensions of a new layer in the place of an image: its own without channels.

    Where a slider for time or depth comes before that for channels, they keep one pixel along C,
    which all channels show. napari puts layers of fewer dimensions at the last sliders: without
    it, they would follow the wrong ones. With ``channels_too`` they keep it wherever channels have
    a slider, so that one for something else can come before it.

    >>> placed_axes(Image(np.zeros((2, 3, 4, 5))), "CTYX")
    'TYX'
    >>> placed_axes(Image(np.zeros((3, 2, 4, 5))), "TCYX")
    'TCYX'
    """
    return axes if axes[: layer.ndim].find("C") > (-1 if channels_too else 0) else label_axes(axes)


def without_channels(image: Image, axes: str, array: Any) -> Any:
    """Return an array of labels, or of a region, without a dimension for the image's channels.

    It may have one pixel along it, or, as napari's button makes labels, all of them: then what was
    drawn while any channel was shown counts.
    """
    at = axes[: image.ndim].find("C")
    if at < 0 or array.ndim != image.ndim:
        return array
    if array.shape[at] == 1:
        return lazy(array)[(slice(None),) * at + (0,)]
    return in_dask(array).max(axis=at) if array.shape[at] == channels(image, axes) else array


def _are_numbers(axis_labels: Iterable[str]) -> bool:
    return all(label.lstrip("-").isdigit() for label in axis_labels)


def pixel_size(layer: Image | Labels, axes: str) -> dict[str, float]:
    """Return micrometre per pixel for those of Z, Y and X whose size is known.

    The scale of the layer says it, where its unit is a length, else the file it came from.
    """
    metadata = layer_metadata(layer)
    shape = tuple(full_data(layer).shape[: layer.ndim])
    in_file = metadata.pixel_size if metadata and _kept_axes(metadata, shape) else {}
    sizes = zip(axes, layer.scale, layer.units, strict=False)
    in_layer = {
        axis: abs(float((size * unit).to("micrometer").magnitude))  # a mirrored layer's is negative
        for axis, size, unit in sizes
        if unit.is_compatible_with("micrometer")
    }
    found = in_file | in_layer
    return {axis: found[axis] for axis in axes if axis in "ZYX" and axis in found}


def add_labels(viewer: Any, labels: Any, image: Image, axes: str, *, name: str) -> Labels:
    """Add a new Labels layer in the place of an image layer; napari makes its name unique."""
    remembered = {AXES: placed_axes(image, axes)}
    return viewer.add_labels(labels, name=name, metadata=remembered, **placement(image, axes))


def in_viewer(viewer: Any, kind: type[Layer]) -> list[Layer]:
    """Return the viewer's layers of a kind, from the top; not those that only show something."""
    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, kind) and not layer.metadata.get(ONLY_SHOWS)
    ]
