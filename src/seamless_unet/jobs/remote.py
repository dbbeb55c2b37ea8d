"""Arrays that a job is given: files, or what stays in the parent and is asked for in parts."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.jobs.orders import Orders
from seamless_unet.lazy_array import LazyArray, lazy_array
from seamless_unet.normalize import check_finite

_AT_ONCE = 2**28  # bytes that are asked for at a time
Box = list[tuple[int, int]]


def given_array(request: dict[str, Any], key: str, orders: Orders) -> NDArray | LazyArray:
    """Return an array of a request: a file, mapped into memory, or a `remote_array`."""
    about = request[key]
    if isinstance(about, str):
        return np.load(about, mmap_mode="r")
    return remote_array(about, request["id"], orders)


def remote_array(about: dict[str, Any], job: int, orders: Orders) -> LazyArray:
    """Return an array that asks for parts of itself by ``need`` events.

    Parameters
    ----------
    about
        ``remote``, the key of the array in the request, ``shape`` and ``dtype``.
    job
        Who asks: it waits for the answer, a ``piece`` with a ``path`` or an ``error``.
    """
    numbers = itertools.count(1)
    itemsize = np.dtype(about["dtype"]).itemsize

    def read(box: Box) -> NDArray:
        axis, parts = _cut(box, itemsize)
        return ask(box) if len(parts) == 1 else np.concatenate([read(p) for p in parts], axis)

    def ask(box: Box) -> NDArray:
        need = {"event": "need", "array": about["remote"], "number": next(numbers), "slices": box}
        orders.send({"id": job, **need})
        answer = orders.answer(job, need["number"])
        if "error" in answer:
            raise OSError(f"The layer could not be read: {answer['error']}")
        path = Path(answer["path"])
        piece = np.load(path)
        path.unlink()
        check_finite(piece)
        return piece

    return lazy_array(about["shape"], about["dtype"], read)


def _cut(box: Box, itemsize: int) -> tuple[int, list[Box]]:
    """Cut a box along its first axis that is longer than 1: return that, and small parts."""
    axis = next((i for i, (start, stop) in enumerate(box) if stop - start > 1), 0)
    start, stop = box[axis]
    row = itemsize * math.prod(b - a for a, b in box) // (stop - start)
    rows = max(1, _AT_ONCE // row)
    sides = [(first, min(first + rows, stop)) for first in range(start, stop, rows)]
    return axis, [[*box[:axis], side, *box[axis + 1 :]] for side in sides]
