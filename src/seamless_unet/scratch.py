"""Large arrays that are needed for a while: in temporary files instead of memory."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seamless_unet.disk_space import reserve

_IN_MEMORY = 2**30  # bytes; a larger array is kept on the disk


def is_in_memory(size: int) -> bool:
    """Whether a `scratch_array` of so many bytes is in memory."""
    return size <= _IN_MEMORY


def scratch_array(shape: tuple[int, ...], dtype: type[np.generic]) -> NDArray:
    """Return an array of zeros: in a temporary file where it is large."""
    size = np.dtype(dtype).itemsize * math.prod(shape)
    if is_in_memory(size):
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:  # it goes with the last reference to the array
        reserve(file, size)
        return np.memmap(file, dtype, "w+", shape=shape)


def scratch_folder() -> Path:
    """Return where the files are."""
    return Path(tempfile.gettempdir())
