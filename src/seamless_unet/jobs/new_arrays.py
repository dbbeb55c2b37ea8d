"""Arrays on the disk that a job fills: ``.npy`` files or OME-Zarr folders."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from seamless_unet.disk_space import reserve

_CHUNK = 1024  # pixels along Y and X
_LARGE = 8192  # pixels along Y or X, from which on a plane is kept in smaller sizes, too
_LABELS_SHRINK = 8  # times, at least: rows of one cell have one number
_OME_ORDER = "TSCZYX"  # time, then channels or whatever else is no space, then space
# folders that are being filled: whoever ends this process removes them
unfinished: set[Path] = set()
_KINDS = {"T": {"type": "time"}, "C": {"type": "channel"}, "S": {}}
_LENGTH = {"type": "space"}


@dataclass(frozen=True)
class Pyramid:
    """The same array at full size and in smaller ones; what is written is written to all.

    Parameters
    ----------
    levels
        Arrays; each next one has every second row and column of the one before.
    axes
        One letter per dimension.
    """

    levels: Sequence[Any]
    axes: str

    def __setitem__(self, where: tuple[int | slice, ...], values: NDArray) -> None:
        """Write all rows and columns of a place given by an index, or ``slice(None)``, per axis."""
        kept = [axis for axis, part in zip(self.axes, where, strict=True) if part == slice(None)]
        for number, level in enumerate(self.levels):
            step = slice(None, None, 2**number)
            level[where] = values[tuple(step if a in "YX" else slice(None) for a in kept)]


@contextlib.contextmanager
def new_array(
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    axes: str = "",
    pixel_size: Mapping[str, float] | None = None,
) -> Iterator[Any]:
    """Give an array to be written by slices; what is not completed is removed.

    Parameters
    ----------
    path
        A ``.npy`` file, or a folder for an OME-Zarr image, which is empty or not there yet: in
        chunks of a plane of at most 1024 x 1024 pixels, and in several sizes where a plane is so
        large that a window cannot show it at once.
    axes, pixel_size
        What the folder says of the image: one letter per dimension, and micrometre per pixel for
        axes among Z, Y and X, as far as it is known. OME-Zarr knows no other order of axes than
        that of `in_ome_order`: of others the arrays in the folder keep the names only.
    """
    if path.suffix == ".npy":
        file = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
        with open(path, "r+b") as opened:
            reserve(opened, path.stat().st_size)
        yield file
        file.flush()
        return
    import zarr

    group = zarr.create_group(path)
    unfinished.add(path)
    try:
        shapes = _level_shapes(shape, axes)
        levels = [
            group.create_array(
                str(number),
                shape=smaller,
                dtype=np.dtype(dtype),
                chunks=tuple(
                    min(n, _CHUNK) if a in "YX" else 1 for n, a in zip(smaller, axes, strict=True)
                ),
                dimension_names=axes.lower(),
            )
            for number, smaller in enumerate(shapes)
        ]
        if axes == in_ome_order(axes) and not {"S", "C"} <= set(axes):
            group.attrs["ome"] = _described(axes, len(levels), pixel_size or {})
        yield Pyramid(levels, axes)
    except BaseException:  # cancelled, too
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        unfinished.discard(path)


def in_ome_order(axes: str) -> str:
    """Return axes in the order that OME-Zarr asks for.

    >>> in_ome_order("ZTCYX")
    'TCZYX'
    """
    return "".join(sorted(axes, key=_OME_ORDER.index))


def stored_size(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> int:
    """Return how many bytes a `new_array` takes; in a folder it is compressed, so at most."""
    dtype, pixels = np.dtype(dtype), math.prod(shape)
    if path.suffix == ".npy":
        return dtype.itemsize * pixels
    least = _LABELS_SHRINK if dtype.kind in "iu" else 1
    return dtype.itemsize * pixels * 4 // 3 // least  # with the smaller sizes


def _level_shapes(shape: tuple[int, ...], axes: str) -> list[tuple[int, ...]]:
    """Return the sizes in which an array is kept, the last of them small enough to be read at once.

    >>> _level_shapes((2, 5000, 3000), "ZYX")
    [(2, 5000, 3000)]
    >>> _level_shapes((2, 9001, 3000), "ZYX")[1:]
    [(2, 4501, 1500), (2, 2251, 750), (2, 1126, 375), (2, 563, 188)]
    """
    plane = [n for n, axis in zip(shape, axes, strict=True) if axis in "YX"]
    count = 1
    if max(plane) > _LARGE:
        while -(-max(plane) // 2 ** (count - 1)) > _CHUNK:
            count += 1
    return [
        tuple(-(-n // 2**number) if a in "YX" else n for n, a in zip(shape, axes, strict=True))
        for number in range(count)
    ]


def _described(axes: str, count: int, pixel_size: Mapping[str, float]) -> dict[str, Any]:
    """Return what OME-Zarr 0.5 says about an image in so many sizes."""
    units = {axis: {"unit": "micrometer"} for axis in pixel_size}
    datasets = []
    for number in range(count):
        scale = [pixel_size.get(a, 1.0) * (2**number if a in "YX" else 1) for a in axes]
        scaled = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(number), "coordinateTransformations": scaled})
    named = [{"name": a.lower(), **_KINDS.get(a, _LENGTH), **units.get(a, {})} for a in axes]
    return {"version": "0.5", "multiscales": [{"axes": named, "datasets": datasets}]}
