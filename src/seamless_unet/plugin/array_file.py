"""Arrays of layers, of any library, as files that another process maps into its memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_PIECE = 2**26  # bytes of an array that are copied at a time


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
    dtype = np.dtype(getattr(array.dtype, "numpy_dtype", array.dtype))
    out = np.lib.format.open_memmap(path, "w+", dtype, tuple(array.shape))
    rows = max(1, _PIECE * len(out) // out.nbytes)
    for start in range(0, len(out), rows):
        if stop():
            return
        out[start : start + rows] = np.asarray(array[start : start + rows])
    out.flush()
