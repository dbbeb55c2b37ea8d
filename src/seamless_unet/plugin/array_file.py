"""Arrays of layers, of any library, or parts of them, as files that another process reads."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_2_0

_PIECE = 2**26  # bytes of an array that are copied at a time
_LARGEST_COPY = 2**30  # bytes


def is_better_left(array: Any) -> bool:
    """Whether an array should be read where it is needed, not be copied as a whole.

    So should what takes long to copy, and what is not in memory: nobody knows how long that takes.
    """
    return not isinstance(array, np.ndarray) or array.nbytes > _LARGEST_COPY


def about(array: Any) -> dict[str, Any]:
    """Return shape and dtype as JSON takes them."""
    return {"shape": [int(size) for size in array.shape], "dtype": _dtype(array).str}


def write_box(path: Path, array: Any, slices: Sequence[Sequence[int]]) -> None:
    """Copy a part of an array to a ``.npy`` file.

    Parameters
    ----------
    path, array
        As in `write_array`.
    slices
        Start and stop along each axis.
    """
    part = np.asarray(array[tuple(slice(*side) for side in slices)], _dtype(array))
    np.save(path, part)


def write_array(path: Path, array: Any, *, stop: Callable[[], bool] = lambda: False) -> None:
    """Copy an array to a ``.npy`` file piece by piece, so that it never has to fit in memory.

    Parameters
    ----------
    path
        Where to.
    array
        Anything with a shape, a dtype and slices: numpy, dask, zarr, tensorstore.
    stop
        Asked before each piece; once it is true, the rest is left out.
    """
    if 0 in array.shape:
        raise ValueError(f"it is empty: its shape is {tuple(array.shape)}")
    dtype, shape = _dtype(array), tuple(map(int, array.shape))
    header = {"descr": dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    rows = max(1, _PIECE // (dtype.itemsize * math.prod(shape[1:])))
    # not mapped into memory: there a full disk would end napari instead of raising an error
    with open(path, "wb") as file:
        write_array_header_2_0(file, header)
        for start in range(0, shape[0], rows):
            if stop():
                return
            file.write(np.ascontiguousarray(array[start : start + rows], dtype).data)


def _dtype(array: Any) -> np.dtype[Any]:
    return np.dtype(getattr(array.dtype, "numpy_dtype", array.dtype))  # tensorstore has its own
