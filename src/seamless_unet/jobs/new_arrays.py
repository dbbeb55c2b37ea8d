"""Arrays on the disk that a job fills: ``.npy`` files or zarr folders."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from seamless_unet.disk_space import reserve

_CHUNK = 1024  # pixels along Y and X


@contextlib.contextmanager
def new_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike, axes: str) -> Iterator[Any]:
    """Give an array to be written by slices; what is not completed is removed.

    Parameters
    ----------
    path
        A ``.npy`` file, or a folder that is not there yet, for a zarr array in chunks of a plane
        of at most 1024 x 1024 pixels, whose dimensions have the names of the axes.
    axes
        One letter per dimension.
    """
    if path.suffix == ".npy":
        file = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
        with open(path, "r+b") as opened:
            reserve(opened, path.stat().st_size)
        yield file
        file.flush()
        return
    import zarr

    chunks = [min(n, _CHUNK) if axis in "YX" else 1 for n, axis in zip(shape, axes, strict=True)]
    array = zarr.create_array(
        path,
        shape=shape,
        dtype=np.dtype(dtype),
        chunks=tuple(chunks),
        dimension_names=axes.lower(),
        attributes={"axes": axes},
    )
    try:
        yield array
    except BaseException:  # cancelled, too
        shutil.rmtree(path, ignore_errors=True)
        raise
