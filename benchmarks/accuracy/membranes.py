"""How well are cell membranes found in electron micrographs (the paper's Table 1)? One JSON line.

``DATA`` is a folder with ``images.tif`` and ``cells.tif`` (Z, Y, X; 1 inside a cell) of the ISBI
2012 challenge. Trains from random weights on slices 0 to 17, of which the training keeps the last
three for validation, and tests on slices 18 to 23. Cells are the 4-connected pieces of a slice;
membranes part them already, so no gap is drawn and the border term of Eq. 2 acts on membranes::

    python benchmarks/accuracy/membranes.py DATA --minutes 30 dropout=0.5 elastic=10

Every figure is an error, over all test slices together, of the cell probability thresholded at 0.5
(``half``) and at the one of 0.1, 0.2, ..., 0.9 with the least such error on the three validation
slices (``chosen``); each is printed for single predictions and for the mean over 8 symmetries.
The challenge took the best of its thresholds on the test slices themselves. That is printed too
(``best``), since the paper's figures were made so; it flatters, and nothing else depends on it.

``pixel_error``
    Part of the pixels that are cell in one image only.
``pixel_f_error``
    1 - F-score of the pixels that are cell, as the challenge's script for Fiji computes pixel
    error: with as many pixels wrong it is less, as most of an image is cell.
``rand_error``
    1 - V_Rand, foreground-restricted (Arganda-Carreras et al. 2015): with n_ij pixels in true
    cell i and predicted cell j, n_i0 in true cell i and in no predicted one,
    V = 2 (sum n_ij^2 + sum n_i0) / (sum_i t_i^2 + sum_j s_j^2 + sum n_i0), without the pixels of
    true membranes. So a pixel predicted to be membrane is a piece by itself, as in the challenge's
    own program. `seamless_unet.metrics.adapted_rand_error`, scikit-image's, is not the same: there
    all pixels predicted to be membrane are one piece. It is printed as ``rand_error_one_piece``.
``rand_error_thinned``
    The same after predicted membranes are thinned to one pixel: the challenge's final measure, up
    to the thinning, which is scikit-image's ``skeletonize``.

Neither the data nor weights trained on them may be passed on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from row import budget, command_line, device_name, emit, keep, parsed, recipe, trained
from scipy import ndimage as ndi
from skimage.metrics import contingency_table
from skimage.morphology import skeletonize
from splits import Pair

from seamless_unet.metrics import combine, evaluate
from seamless_unet.model_file import Model
from seamless_unet.stack import Segmented, segment_stack

TRAINING, VALIDATION, TEST = slice(0, 18), slice(15, 18), slice(18, 24)
THRESHOLDS = tuple(tenths / 10 for tenths in range(1, 10))

Error = Callable[[NDArray, NDArray], float]


def cells_in(inside: NDArray) -> NDArray[np.int32]:
    """Return the 4-connected pieces of each slice, (Z, Y, X), numbered from 1 in every slice."""
    return np.stack([ndi.label(plane, output=np.int32)[0] for plane in inside])


def thinned(inside: NDArray) -> NDArray[np.bool_]:
    """Return the slices with what is not inside, the membranes, thinned to one pixel.

    Membranes end at a frame around the slice, so that thinning does not draw them back from it.
    """
    framed = (np.pad(~plane, 1, constant_values=True) for plane in inside.astype(bool))
    return np.stack([~skeletonize(plane)[1:-1, 1:-1] for plane in framed])


def pixel_error(truth: NDArray, inside: NDArray) -> float:
    """Return the part of the pixels that are inside in one of them only."""
    return float(np.mean((truth > 0) != inside))


def pixel_f_error(truth: NDArray, inside: NDArray) -> float:
    """Return 1 - F-score of the pixels that are inside.

    Examples
    --------
    >>> pixel_f_error(np.array([1, 1, 2, 2, 0]), np.array([True, True, False, True, False]))
    0.1428571428571429
    """
    both = np.count_nonzero((truth > 0) & inside)
    sizes = np.count_nonzero(truth) + np.count_nonzero(inside)
    return float(1 - 2 * both / sizes) if sizes else 0.0


def rand_error(truth: NDArray, inside: NDArray) -> float:
    """Return 1 - V_Rand of the pieces of ``inside``, over all slices.

    Parameters
    ----------
    truth
        (Z, Y, X) cells, numbered in every slice; 0 is not looked at.
    inside
        (Z, Y, X) bool.
    """
    return 1 - v_rand(zip(truth, cells_in(inside), strict=True))


def rand_error_thinned(truth: NDArray, inside: NDArray) -> float:
    """Return `rand_error` with predicted membranes thinned to one pixel."""
    return rand_error(truth, thinned(inside))


def rand_error_one_piece(truth: NDArray, inside: NDArray) -> float:
    """Return scikit-image's adapted Rand error, over all slices."""
    slices = zip(truth, cells_in(inside), strict=True)
    return combine(evaluate(*pair) for pair in slices).adapted_rand_error


ERRORS: tuple[Error, ...] = (
    pixel_error,
    pixel_f_error,
    rand_error,
    rand_error_thinned,
    rand_error_one_piece,
)


def v_rand(slices: Iterable[tuple[NDArray, NDArray]]) -> float:
    """Return the foreground-restricted Rand F-score of pairs of true and predicted labels.

    Sums of squares are added up over the slices.

    Examples
    --------
    >>> round(v_rand([(np.array([1, 1, 1, 0, 2, 2]), np.array([1, 1, 0, 1, 1, 1]))]), 4)
    0.6
    """
    both = true = predicted = 0
    for truth, found in slices:
        table = contingency_table(truth, found, ignore_labels=(0,)).toarray()[1:].astype(np.int64)
        alone = table[:, 0].sum()  # each a piece of one pixel
        both += (table[:, 1:] ** 2).sum() + alone
        true += (table.sum(axis=1) ** 2).sum()
        predicted += (table[:, 1:].sum(axis=0) ** 2).sum() + alone
    return float(2 * both / (true + predicted)) if true else 1.0


def found_in_slices(model: Model, images: NDArray, **options: Any) -> tuple[NDArray, NDArray]:
    """Return (Z, Y, X) objects, and 1 minus the probability of membranes, slice by slice."""
    for event in segment_stack(model, images, "ZYX", link=False, probabilities=True, **options):
        if isinstance(event, Segmented):
            labels, probabilities = event.labels, event.probabilities  # (Z, K, Y, X)
    return labels, 1 - probabilities[:, 0]


def of_objects(truth: NDArray, labels: NDArray) -> dict[str, float]:
    """Return the errors of objects as they are, which may touch: that they do is no pixel error."""
    return {
        "pixel_error": pixel_error(truth, labels > 0),
        "rand_error": 1 - v_rand(zip(truth, labels, strict=True)),
    }


def figures(
    truth: NDArray, cell: NDArray, validation_truth: NDArray, validation_cell: NDArray
) -> dict[str, dict[str, float]]:
    """Return every error at 0.5, at the threshold that validation chooses, and at the best one."""
    line = {}
    for error in ERRORS:
        held_back = [error(validation_truth, validation_cell > limit) for limit in THRESHOLDS]
        tried = [error(truth, cell > limit) for limit in THRESHOLDS]
        chosen = int(np.argmin(held_back))
        line[error.__name__] = {
            "half": tried[THRESHOLDS.index(0.5)],
            "chosen": tried[chosen],
            "threshold": THRESHOLDS[chosen],
            "best": min(tried),
        }
    return line


def read(folder: Path) -> tuple[NDArray, NDArray]:
    """Return images and numbered cells, (Z, Y, X)."""
    return tifffile.imread(folder / "images.tif"), cells_in(tifffile.imread(folder / "cells.tif"))


def tested(model: Model, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of single predictions and of means over symmetries; save the latter."""
    images, cells = read(arguments.data)
    numbers = range(len(images))[TEST][: arguments.limit]
    test = slice(numbers[0], numbers[-1] + 1)
    line: dict[str, Any] = {}
    for name, symmetries in (("single", False), ("symmetries", True)):
        options = {"symmetries": symmetries, "device": arguments.device}
        _, seen = found_in_slices(model, images[VALIDATION], **options)
        labels, cell = found_in_slices(model, images[test], **options)
        line[name] = {
            "objects": of_objects(cells[test], labels),
            **figures(cells[test], cell, cells[VALIDATION], seen),
        }
    pairs = [Pair(images[z], cells[z], f"Z={z}") for z in numbers]
    keep(arguments.output, model, pairs, labels)
    return line


def main() -> None:
    arguments = parsed(command_line(__doc__))
    config = recipe(arguments, start="scratch")
    images, cells = read(arguments.data)
    pair = Pair(images[TRAINING], cells[TRAINING], "slices 0-17")
    model, seconds = trained([pair], config, device=arguments.device)
    emit(
        "membranes",
        data=arguments.data.name,
        split="slices 0-17 to train, of these 15-17 to validate; 18-23 to test",
        seed=config.seed,
        **budget(arguments),
        device=device_name(),
        changes=arguments.changes,
        trained_steps=model.info.training["steps"],
        seconds=round(seconds, 1),
        limit=arguments.limit,
        **tested(model, arguments),
    )


if __name__ == "__main__":
    main()
