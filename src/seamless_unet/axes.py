"""What the dimensions of an image are: one letter each.

S (separate images), T (time), Z (slices), C (channels or colors), Y and X.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seamless_unet.lazy_array import ArrayLike

LETTERS = "STZCYX"
_IN_WORDS = (
    "one letter per dimension out of S (separate images), T (time), Z (slices), C (channels), "
    "Y and X, such as ZYX"
)


def split(data: ArrayLike, axes: str, ndim: int) -> Iterator[tuple[tuple[int, ...], ArrayLike]]:
    """Cut an image into the pieces that a network of ``ndim`` spatial axes takes, in order.

    Parameters
    ----------
    data, axes
        The image and its axes, in any order.
    ndim
        2 for pieces (C, Y, X), 3 for pieces (C, Z, Y, X); without a C axis C is 1.

    Yields
    ------
    index, piece
        ``index`` counts along the axes of `loop_axes`; ``piece`` is a view.

    Raises
    ------
    ValueError
        If ``ndim`` is 3 and there is no Z.

    Examples
    --------
    >>> [(i, p.shape) for i, p in split(np.zeros((2, 4, 5, 3)), "TYXC", 2)]
    [((0,), (3, 4, 5)), ((1,), (3, 4, 5))]
    """
    loop, spatial = loop_axes(axes, ndim), "ZYX"[-ndim:]
    if "C" not in axes:
        data, axes = data[np.newaxis], "C" + axes
    ordered = data.transpose([axes.index(a) for a in loop + "C" + spatial])
    for index in np.ndindex(ordered.shape[: len(loop)]):
        yield index, ordered[index]


def loop_axes(axes: str, ndim: int) -> str:
    """Return the axes that are not part of one piece: neither C nor among the ``ndim`` spatial.

    Raises
    ------
    ValueError
        If ``ndim`` is 3 and there is no Z.
    """
    if ndim == 3 and "Z" not in axes:
        raise ValueError(f"a 3-D model needs a stack with a Z axis, got axes {axes}")
    return "".join(a for a in axes if a not in "C" + "ZYX"[-ndim:])


def label_axes(axes: str) -> str:
    """Return the axes of an image's labels: its own without C."""
    return axes.replace("C", "")


def reordered(data: NDArray, axes: str, wanted: str) -> NDArray:
    """Return an array with its dimensions in another order; as it is if those are not the same.

    >>> reordered(np.zeros((3, 4, 5)), "ZTY", "TZY").shape
    (4, 3, 5)
    """
    if len(set(axes)) < len(axes) or sorted(axes) != sorted(wanted):
        return data
    return data.transpose([axes.index(axis) for axis in wanted])


def check_axes(axes: str, shape: tuple[int, ...], *, name: str = "the image") -> str:
    """Return ``axes`` in capitals if they can be those of an image of this ``shape``.

    Raises
    ------
    ValueError
        Naming what was expected.
    """
    axes = axes.upper()
    if unknown := sorted(set(axes) - set(LETTERS)):
        raise ValueError(
            f"{name} has {len(shape)} dimensions {shape}, and axes {axes!r} do not say what "
            f"{' and '.join(unknown)} is: give axes (--axes), {_IN_WORDS}"
        )
    if len(axes) != len(shape):
        raise ValueError(f"axes {axes!r} are {len(axes)}, but {name} has {len(shape)}: {shape}")
    if len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise ValueError(f"axes {axes!r} of {name} need Y and X, each letter once: {_IN_WORDS}")
    return axes


def in_words(shape: tuple[int, ...], axes: str = "") -> str:
    """Describe a shape.

    >>> in_words((5, 20, 30), "ZYX")
    '5 x 20 x 30 (ZYX)'
    """
    return " x ".join(map(str, shape)) + (f" ({axes})" if axes else "")
