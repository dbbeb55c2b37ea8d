"""An image that stays in the parent: the child asks for the parts of it that it needs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.jobs.orders import Orders
from seamless_unet.lazy_array import LazyArray, lazy_array
from seamless_unet.normalize import check_finite


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

    def read(box: list[tuple[int, int]]) -> NDArray:
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
