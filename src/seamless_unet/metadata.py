"""What a file says about its image: axes, pixel size, channels, read without the image."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seamless_unet.units import micrometres, number, seconds

if TYPE_CHECKING:
    import tifffile

_UNIT_TAG = {3: "cm", 4: "mm", 5: "µm"}  # inches are the default of programs that know no size
_ZARR_FILES = (".zattrs", ".zarray", "zarr.json")


@dataclass(frozen=True)
class Metadata:
    """What a file says about the array that is in it.

    Parameters
    ----------
    shape
        Of the array, at full size.
    axes
        A letter per dimension: ``"STZCYX"``, or letters of the file's own kind such as ``"Q"``;
        empty where the file does not say.
    pixel_size
        Micrometre per pixel for axes among Z, Y and X; an axis without known size is left out.
    channels
        Their names; empty where the file does not name each of them.
    """

    shape: tuple[int, ...]
    axes: str
    pixel_size: dict[str, float]
    channels: tuple[str, ...] = ()


def read_metadata(path: str | Path) -> Metadata | None:
    """Read what a TIFF file or an OME-Zarr folder says about its first image.

    Parameters
    ----------
    path
        TIFF, OME-TIFF, ImageJ TIFF, OME-Zarr of any version, or one array in it.

    Returns
    -------
    Metadata
        ``None`` for anything else, also for a file that is damaged or gone.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile  # not for layers that come from no such file

            with tifffile.TiffFile(path) as tif:
                shape, axes = tiff_axes(tif, tiff_series(tif)[0])
                return Metadata(shape, axes, tiff_pixel_size(tif), _tiff_channels(tif))
        if any((path / name).exists() for name in _ZARR_FILES):
            return _zarr_metadata(path)
    except Exception:  # of a damaged file: whoever reads the image itself says so
        return None
    return None


def tiff_series(tif: tifffile.TiffFile) -> Sequence[tifffile.TiffPageSeries]:
    """Return the series of an open file.

    Those of other files of its OME-TIFF set are left out, and small previews and masks beside the
    image.
    """
    series: Any = tif.series
    series = series(squeeze=False) if callable(series) else series  # from tifffile 2026.5 on
    own = [each for each in series if any(page and page.parent is tif for page in each.pages)]
    own = own if len(series) > 1 and own else list(series)
    full = [each for each in own if not (each.keyframe.is_reduced or each.keyframe.is_mask)]
    return full or own


def tiff_axes(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[tuple[int, ...], str]:
    """Return the shape of one of the `tiff_series` of an open file, and its axes."""
    said = _shaped_metadata(series.keyframe)
    shape, axes = series.shape, series.axes
    if hasattr(series, "get_shape"):  # before tifffile 2026.5
        shape, axes = series.get_shape(squeeze=False), series.get_axes(squeeze=False)
    if series.kind != "shaped":  # OME and ImageJ name axes of one pixel that nobody meant
        kept = [i for i, (n, a) in enumerate(zip(shape, axes, strict=True)) if n > 1 or a in "YX"]
        shape, axes = tuple(shape[i] for i in kept), "".join(axes[i] for i in kept)
    if "axes" in said and isinstance(said.get("pixel_size"), dict):  # this package's S are images
        return tuple(shape), axes
    # tifffile's S are samples, the colors of a pixel; only an S that someone wrote in front is ours
    return tuple(shape), re.sub("S$" if "axes" in said else "S", "C", axes)


def tiff_pixel_size(tif: tifffile.TiffFile) -> dict[str, float]:
    """Return micrometre per pixel of Z, Y and X as far as an open file gives it with a unit.

    What is no number there is left out: the image can be read all the same.
    """
    if tif.is_ome:
        pixels = _ome_pixels(tif)
        names = {axis: f"PhysicalSize{axis}" for axis in "ZYX"}
        return {
            axis: size
            for axis, name in names.items()
            if (size := micrometres(pixels.get(name, 0), pixels.get(f"{name}Unit", "µm"))) > 0
        }
    page = tiff_series(tif)[0].keyframe
    tags, about = page.tags, tif.imagej_metadata or _shaped_metadata(page)
    unit = (
        about.get("unit", "")
        if tif.is_imagej
        else _UNIT_TAG.get(tiff_tag(tags, "ResolutionUnit"), "")
    )
    per_unit = {"Y": tiff_tag(tags, "YResolution"), "X": tiff_tag(tags, "XResolution")}
    sizes = {axis: ratio[1] / ratio[0] for axis, ratio in per_unit.items() if ratio and ratio[0]}
    sizes |= {"Z": about["spacing"]} if "spacing" in about else {}
    found = {axis: micrometres(size, unit) for axis, size in sizes.items()}
    own = about.get("pixel_size")  # as this package writes it
    found |= {axis: number(size) for axis, size in own.items()} if isinstance(own, dict) else {}
    return {axis: size for axis, size in found.items() if size > 0}


def tiff_frame_interval(tif: tifffile.TiffFile) -> float | None:
    """Return the seconds from one frame of an open file to the next, if it says so."""
    if tif.is_ome:
        pixels = _ome_pixels(tif)
        time, unit = pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")
    elif tif.is_imagej:
        about = tif.imagej_metadata or {}
        time, unit = about.get("finterval"), about.get("tunit", "sec")
    else:  # as this package writes it
        time = _shaped_metadata(tiff_series(tif)[0].keyframe).get("frame_interval")
        unit = "s"
    interval = seconds(time, unit)
    return interval if interval > 0 else None


def _shaped_metadata(page: Any) -> dict[str, Any]:
    """Return what tifffile, and this package by it, wrote about the series of a page."""
    for description in (page.description, page.description1):
        try:
            said = json.loads(description)
        except ValueError:
            continue
        if isinstance(said, dict) and "shape" in said:
            return said
    return {}


def _tiff_channels(tif: tifffile.TiffFile) -> tuple[str, ...]:
    if not tif.is_ome:
        return ()
    channels = _ome_pixels(tif).get("Channel", [])
    return _names([c.get("Name") for c in (channels if isinstance(channels, list) else [channels])])


def _ome_pixels(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return what OME-XML says about the pixels of the first image."""
    from tifffile import xml2dict

    image = xml2dict(tif.ome_metadata or "")["OME"].get("Image", {})  # perhaps in another file
    return (image[0] if isinstance(image, list) else image).get("Pixels", {})


def _names(names: list[Any]) -> tuple[str, ...]:
    """Return the names of channels if each has one of its own.

    >>> _names(["DAPI", " GFP "]), _names(["DAPI", None]), _names(["GFP", "GFP"])
    (('DAPI', 'GFP'), (), ())
    """
    words = [str(name or "").strip() for name in names]
    return tuple(words) if all(words) and len(set(words)) == len(words) else ()


def tiff_tag(tags: tifffile.TiffTags, name: str) -> Any:
    """Return the value of a tag, ``None`` if there is none."""
    return tags[name].value if name in tags else None


def _zarr_metadata(folder: Path) -> Metadata:
    """Return what is said about an OME-Zarr image, given its folder or that of an array in it."""
    attributes = _zarr_attributes(folder)
    array = folder
    if "multiscales" not in attributes and "multiscales" in (
        around := _zarr_attributes(folder.parent)
    ):
        attributes = around
    elif "multiscales" in attributes:
        array = folder / attributes["multiscales"][0]["datasets"][0]["path"]
    about = _json(array / ".zarray") | _json(array / "zarr.json")
    shape = tuple(about["shape"])
    if "multiscales" not in attributes:
        names = about.get("dimension_names") or [""] * len(shape)
        return Metadata(shape, _letters(names), {})
    multiscale = attributes["multiscales"][0]
    axes = multiscale.get("axes", list("tczyx"))  # as it was before axes were written down
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    letters = _letters([axis["name"] for axis in axes])
    scales = _zarr_scale(multiscale, array.name, len(axes))
    pixel_size = {
        letter: size
        for letter, axis, scale in zip(letters, axes, scales, strict=True)
        if letter in "ZYX" and (size := micrometres(scale, axis.get("unit", ""))) > 0
    }
    channels = attributes.get("omero", {}).get("channels", [])
    return Metadata(shape, letters, pixel_size, _names([c.get("label") for c in channels]))


def _letters(names: list[str]) -> str:
    letters = [str(name or "?")[:1].upper() for name in names]
    return "" if "?" in letters else "".join(letters)


def _zarr_scale(multiscale: dict[str, Any], array: str, ndim: int) -> list[float]:
    """Return the size of a pixel of one of the arrays, in the units of the axes."""
    datasets = {Path(dataset["path"]).name: dataset for dataset in multiscale["datasets"]}
    scale = [1.0] * ndim
    for place in (datasets.get(array, {}), multiscale):  # a transformation may be for all arrays
        for transformation in place.get("coordinateTransformations", ()):
            if transformation["type"] == "scale":
                scale = [a * b for a, b in zip(scale, transformation["scale"], strict=True)]
    return scale


def _zarr_attributes(folder: Path) -> dict[str, Any]:
    """Return the attributes of a group or array, those of OME-Zarr 0.5 as if it were older."""
    attributes = _json(folder / "zarr.json").get("attributes", {}) | _json(folder / ".zattrs")
    return attributes | attributes.get("ome", {})


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
