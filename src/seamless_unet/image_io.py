"""Images and labels in TIFF files, with axes and pixel size, in and out.

OME-TIFF, ImageJ's and tifffile's own metadata are read; axes are letters as in `axes`.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from seamless_unet.axes import check_axes, in_words, label_axes, reordered
from seamless_unet.metadata import tiff_tag
from seamless_unet.tiff_content import TiffContent, read_tiff
from seamless_unet.whole_file import writing

_SOFTWARE = "seamless-unet"
_LEAST_PER_CM, _MOST_PER_CM = 1e-4, 2.0**31  # that a TIFF tag, a ratio of 32 bits, can say
_ENDINGS = (".tif", ".tiff", ".btf", ".tf8")
_SUFFIXES = (".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf8", *_ENDINGS)


@dataclass(frozen=True)
class Image:
    """An image as stored.

    Parameters
    ----------
    data
        Any number of dimensions, any dtype.
    axes
        One letter out of ``"STZCYX"`` per dimension of ``data``.
    pixel_size
        Micrometre per pixel for axes among Z, Y and X; an axis without known size is left out.
    name
        The file's name without folder and ending.
    frame_interval
        Seconds from one frame of T to the next; ``None`` where it is not known.
    """

    data: NDArray
    axes: str
    pixel_size: dict[str, float]
    name: str
    frame_interval: float | None = None


def read_image(path: str | os.PathLike[str], *, axes: str | None = None) -> Image:
    """Read a TIFF file.

    Parameters
    ----------
    path
        TIFF, OME-TIFF or ImageJ TIFF.
    axes
        What the dimensions are, such as ``"SYX"``; ``None`` takes it from the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a TIFF file, is damaged, holds images that do not stack, or neither the
        file nor ``axes`` says what its dimensions are.
    """
    return _image(path, read_tiff(path), axes)


def read_labels(
    path: str | os.PathLike[str], *, axes: str | None = None, like: Image | None = None
) -> Image:
    """Read a label image: whole numbers from 0, also as floats; errors also as in `read_image`.

    Parameters
    ----------
    path
        TIFF, OME-TIFF or ImageJ TIFF.
    axes
        What the dimensions are; ``None`` takes it from the file, or from ``like``.
    like
        The image that is labelled: the labels have its axes without C, in its order, and its shape.

    Returns
    -------
    Image
        With int32 data.

    Raises
    ------
    ValueError
        If the labels are not whole numbers, are negative, or have another shape than ``like``.
    """
    content = read_tiff(path)
    data = content.data
    if like is not None:
        is_said, axes = axes is not None, label_axes(like.axes)
        shape = tuple(n for n, a in zip(like.data.shape, like.axes, strict=True) if a != "C")
        # napari keeps one pixel for all channels
        flat, wanted = data.reshape(_without_ones(data.shape)), _named(axes, shape)
        if not is_said:
            flat = reordered(flat, _named(content.axes, data.shape), wanted)
        if list(flat.shape) == _without_ones(shape):
            content = content._replace(data=flat.reshape(shape), axes=axes)
        else:
            raise ValueError(
                f"image and labels differ in shape: {like.name} is {in_words(shape, axes)}, {path} "
                f"is {in_words(data.shape)}; give the labels that were drawn on this image"
            )
    labels = _image(path, content, axes)
    data = labels.data
    if data.dtype.kind not in "bui" and not _are_whole(data):
        raise ValueError(
            f"labels must be whole numbers: {path} is {data.dtype} and has others; give the labels "
            "themselves, not probabilities or a rescaled picture"
        )
    if (at := labels.axes.find("C")) >= 0 and data.shape[at] == 1:
        data, labels = data.squeeze(at), dataclasses.replace(labels, axes=label_axes(labels.axes))
    elif at >= 0:
        raise ValueError(f"labels have no channels: {path} is {in_words(data.shape, labels.axes)}")
    if data.size and not 0 <= int(data.min()) <= int(data.max()) <= np.iinfo(np.int32).max:
        raise ValueError(f"labels must be 0 to 2147483647: {path} has {data.min()} to {data.max()}")
    return dataclasses.replace(labels, data=data.astype(np.int32, copy=False))


def _without_ones(shape: Sequence[int]) -> list[int]:
    """Return a shape without axes of one pixel."""
    return [n for n in shape if n != 1]


def _named(axes: str, shape: Sequence[int]) -> str:
    """Return the letters of axes of more than one pixel."""
    return "".join(axis for axis, n in zip(axes, shape, strict=True) if n != 1)


def _image(path: str | os.PathLike[str], content: TiffContent, axes: str | None) -> Image:
    """Return what a file holds, with what it says about the axes that it has.

    Dimensions of one pixel that the file does not name are dropped, unless ``axes`` name them.
    """
    data = content.data
    sides = zip(data.shape, content.axes, strict=True)
    kept = [(n, axis) for n, axis in sides if n > 1 or axis.upper() in "STZCYX"]
    if axes is None and content.axes.count("C") > 1:
        raise ValueError(
            f"{path} has channels, each of them in colour ({in_words(data.shape)}): save it with "
            "channels only or as one picture in colour, or give axes (--axes) if it is something "
            "else"
        )
    if axes is None or len(axes) == len(kept) < data.ndim:
        data, axes = data.reshape([n for n, _ in kept]), axes or "".join(a for _, a in kept)
    axes = check_axes(axes, data.shape, name=str(path))
    pixel_size = {a: content.pixel_size[a] for a in axes if a in content.pixel_size}
    interval = content.frame_interval if "T" in axes else None
    return Image(data, axes, pixel_size, file_stem(path), interval)


def _are_whole(values: NDArray) -> bool:
    """Return whether floats are whole numbers, as ImageJ saves labels of 32 bits."""
    return values.dtype.kind == "f" and bool(
        np.all(np.isfinite(values) & (np.rint(values) == values))
    )


def write_image(
    path: str | os.PathLike[str],
    data: NDArray,
    *,
    axes: str,
    pixel_size: dict[str, float] | None = None,
    frame_interval: float | None = None,
    description: str = "",
) -> Path:
    """Write a TIFF file, whole or not at all.

    OME-TIFF where the axes allow it; otherwise (S, or an axis of one pixel) tifffile's JSON
    description. `read_image` gives back the same axes, pixel size, frame interval and values.

    Parameters
    ----------
    path
        An existing file is replaced.
    data
        Any real dtype; whole numbers wider than 16 bits are stored as narrow as their range
        allows, and are compressed.
    axes
        One letter out of ``"STZCYX"`` per dimension.
    pixel_size
        Micrometre per pixel for axes among Z, Y and X.
    frame_interval
        Seconds from one frame of T to the next.
    description
        For people, such as how it was made.

    Raises
    ------
    OSError
        If the folder is missing or not writable or the disk is full.
    """
    path = Path(path)
    data = _compact(np.asarray(data))
    axes = check_axes(axes, data.shape, name="the image to write")
    size = {axis: value for axis, value in (pixel_size or {}).items() if axis in axes}
    ome = "S" not in axes and axes.endswith("YX") and 1 not in data.shape
    metadata: dict[str, Any] = {"axes": axes}
    if ome:
        metadata |= {f"PhysicalSize{axis}": value for axis, value in size.items()}
    else:
        metadata |= {"pixel_size": size}
    if frame_interval is not None and "T" in axes:
        metadata |= {"TimeIncrement" if ome else "frame_interval": frame_interval}
    if description:
        # XML has no control characters, and no names of files that are no text
        metadata |= {"Description": "".join(c if c.isprintable() else "?" for c in description)}
    resolution: dict[str, Any] = {}
    per_cm = [1e4 / size[axis] for axis in "XY" if size.get(axis)]
    if len(per_cm) == 2 and all(_LEAST_PER_CM < value < _MOST_PER_CM for value in per_cm):
        resolution = {"resolution": per_cm, "resolutionunit": "CENTIMETER"}
    with writing(path) as temporary:
        tifffile.imwrite(
            temporary,
            data,
            ome=ome,
            bigtiff=data.nbytes > 2**31,
            photometric="minisblack",
            compression=None if data.dtype.kind == "f" else "zlib",
            metadata=metadata,
            software=_SOFTWARE,
            **resolution,
        )
    return path


def file_stem(path: str | os.PathLike[str]) -> str:
    """Return a file's name without folder and TIFF ending.

    >>> file_stem("a/b.ome.tif")
    'b'
    """
    name = Path(path).name
    suffix = next((s for s in _SUFFIXES if name.lower().endswith(s)), Path(path).suffix)
    return name[: len(name) - len(suffix)]


def tiff_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the TIFF files of a folder, sorted by name; hidden ones (``._a.tif``) are none."""
    shown = (path for path in Path(folder).iterdir() if not path.name.startswith("."))
    tiffs = (path for path in shown if path.suffix.lower() in _ENDINGS)
    return sorted(path for path in tiffs if not path.is_dir())


def written_here(path: str | os.PathLike[str]) -> bool:
    """Whether a file comes from `write_image`, so that replacing it loses nobody's own work."""
    try:
        with tifffile.TiffFile(path) as tif:
            return tiff_tag(tif.pages.first.tags, "Software") == _SOFTWARE
    except Exception:  # tifffile raises what it meets in a file that is damaged
        return False


def check_replaceable(path: Path) -> None:
    """Refuse to replace a file that `write_image` did not write; ValueError with its name.

    One without content, as after a power cut, is nobody's work.
    """
    if path.exists() and path.stat().st_size and not written_here(path):
        raise ValueError(f"{path} exists and is not a result of this program: move it away")


def sample_path(name: str) -> Path:
    """Return the path of a bundled sample such as ``"nuclei.tif"``."""
    here = Path(__file__).parent
    for folder in (here / "sample_data", here.parents[1] / "sample_data"):  # wheel, checkout
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"there is no bundled sample {name}")


def _compact(data: NDArray) -> NDArray:
    """Return the data in a type that every TIFF reader knows."""
    if data.dtype.kind in "ui" and data.dtype.itemsize > 2:
        low, high = (int(data.min()), int(data.max())) if data.size else (0, 0)
        types = (np.uint16, np.uint32, np.int32)
        fitting = [t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max]
        if not fitting:
            raise ValueError(f"values from {low} to {high} do not fit into 32 bits")
        return data.astype(fitting[0])
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    return data.astype(np.float32) if data.dtype == np.float16 else data
