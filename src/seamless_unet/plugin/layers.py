"""Layers and arrays: what the dimensions of a layer are, and where a new layer belongs."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tifffile
from napari.layers import Image, Labels, Layer

from seamless_unet.axes import check_axes, label_axes

_NAMES = {
    **{"t": "T", "time": "T", "frame": "T", "z": "Z", "depth": "Z", "slice": "Z"},
    **{"c": "C", "channel": "C", "y": "Y", "x": "X", "s": "S", "sample": "S"},
}
_WORDS = {"T": "time", "Z": "depth", "C": "channels", "S": "separate images", "Y": "y", "X": "x"}
_POSSIBLE = {
    2: ("YX",),
    3: ("ZYX", "TYX", "SYX", "CYX"),
    4: ("TZYX", "ZCYX", "CZYX", "TCYX", "CTYX", "SZYX", "SCYX", "STYX"),
    5: ("TZCYX", "TCZYX", "CTZYX", "STZYX", "SZCYX", "SCZYX"),
}


def axes_choices(layer: Image) -> list[tuple[str, str]]:
    """Return what the dimensions of a layer may be, likeliest first, as (words, axes).

    ``axes`` has one letter per dimension of `full_data`; the colors of an RGB layer are a ``C``
    at its end.
    """
    ndim = layer.ndim
    known = _named_axes(layer) or _file_axes(layer)
    possible = [axes for axes in _POSSIBLE.get(ndim, ()) if not (layer.rgb and "C" in axes)]
    if known is not None:
        possible = [known, *(axes for axes in possible if axes != known)]
    colors = "C" if layer.rgb else ""
    return [(_in_words(axes), axes + colors) for axes in possible]


def _in_words(axes: str) -> str:
    return ", ".join(_WORDS[axis] for axis in axes)


def _named_axes(layer: Image) -> str | None:
    letters = [_NAMES.get(label.lower(), "?") for label in layer.axis_labels]
    return _checked("".join(letters), full_data(layer).shape[: layer.ndim])


def _file_axes(layer: Image) -> str | None:
    """Return the axes in the file that a layer came from: napari's own TIFF reader drops them."""
    path = layer.source.path
    if path is None or Path(path).suffix.lower() not in (".tif", ".tiff"):
        return None
    with contextlib.suppress(OSError, ValueError, IndexError), tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        if tuple(series.shape) == tuple(full_data(layer).shape):
            return _checked(series.axes[: layer.ndim], series.shape[: layer.ndim])
    return None


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


def one_channel(layer: Image, axes: str, channel: int) -> tuple[Any, str]:
    """Return one channel of an image layer, and its axes without C."""
    index = (slice(None),) * axes.index("C") + (channel,)
    return full_data(layer)[index], label_axes(axes)


def check_same_place(image: Image, axes: str, labels: Labels) -> None:
    """Refuse labels that were not drawn on the image.

    Raises
    ------
    ValueError
        Naming both shapes.
    """
    shape = full_data(image).shape
    expected = tuple(n for n, axis in zip(shape, axes, strict=True) if axis != "C")
    found = tuple(full_data(labels).shape)
    if found != expected:
        raise ValueError(
            f"The labels {labels.name!r} are {_times(found)} pixels but the image {image.name!r} "
            f"is {_times(expected)}: choose the labels that were drawn on this image. (For new "
            "ones, select the image and click the labels button above the layer list.)"
        )


def _times(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def placement(layer: Image, axes: str) -> dict[str, Any]:
    """Return what puts labels of an image layer in the same place: keywords of ``add_labels``.

    The labels have the layer's dimensions without its channels.
    """
    keep = [i for i, axis in enumerate(axes[: layer.ndim]) if axis != "C"]
    where: dict[str, Any] = {
        "scale": layer.scale[keep],
        "translate": layer.translate[keep],
        "units": tuple(layer.units[i] for i in keep),
    }
    if not _are_numbers(layer.axis_labels):  # napari's own numbers count from the last dimension
        where["axis_labels"] = tuple(layer.axis_labels[i] for i in keep)
    if len(keep) == layer.ndim:
        return {**where, "rotate": layer.rotate, "shear": layer.shear, "affine": layer.affine}
    where["rotate"] = layer.rotate[keep][:, keep]
    where["affine"] = layer.affine.set_slice(keep)
    return where


def _are_numbers(axis_labels: Iterable[str]) -> bool:
    return all(label.lstrip("-").isdigit() for label in axis_labels)


def pixel_size(layer: Image, axes: str) -> dict[str, float]:
    """Return micrometre per pixel for those of Z, Y and X whose unit is a length."""
    sizes = zip(axes, layer.scale, layer.units, strict=False)
    return {
        axis: float((size * unit).to("micrometer").magnitude)
        for axis, size, unit in sizes
        if axis in "ZYX" and unit.is_compatible_with("micrometer")
    }


def add_labels(viewer: Any, labels: Any, image: Image, axes: str, *, name: str) -> Labels:
    """Add a new Labels layer in the place of an image layer; napari makes its name unique."""
    return viewer.add_labels(labels, name=name, **placement(image, axes))


def in_viewer(viewer: Any, kind: type[Layer]) -> list[Layer]:
    """Return the viewer's layers of a kind, from the top of the list."""
    return [layer for layer in reversed(viewer.layers) if isinstance(layer, kind)]
