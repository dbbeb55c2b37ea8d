"""Arrays of layers, of any library, or parts of them, as files that another process reads."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
    out = np.lib.format.open_memmap(path, "w+", _dtype(array), tuple(array.shape))
    rows = max(1, _PIECE * len(out) // out.nbytes)
    for start in range(0, len(out), rows):
        if stop():
            return
        out[start : start + rows] = np.asarray(array[start : start + rows])
    out.flush()


def _dtype(array: Any) -> np.dtype[Any]:
    return np.dtype(getattr(array.dtype, "numpy_dtype", array.dtype))  # tensorstore has its own
