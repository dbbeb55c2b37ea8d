"""``seamless-unet evaluate``: how well predicted labels agree with true ones."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.measure import label

from seamless_unet.axes import in_words, reordered, split
from seamless_unet.commands.output import say, tell
from seamless_unet.error_words import words
from seamless_unet.file_pairs import find_pairs
from seamless_unet.image_io import Image, read_labels
from seamless_unet.metadata import read_metadata
from seamless_unet.pair import is_mask
from seamless_unet.runs import with_small_ids

_SCATTERED = 5  # pieces of a number, on average; objects are torn now and then


def evaluate(args: argparse.Namespace) -> dict[str, Any]:
    """Compare labels, separate images and frames one by one, and all together."""
    from seamless_unet.metrics import combine
    from seamless_unet.metrics import evaluate as compare

    pairs, alone, unasked = find_pairs(args.labels, args.predicted, both_labels=True)
    if alone:
        raise ValueError(f"nothing was predicted for {', '.join(map(str, alone))}")
    if unasked:
        tell(f"note: there are no true labels for {', '.join(map(str, unasked))}")
    evaluations, images, failed = [], [], []
    for paths in pairs:
        about = {"labels": str(paths[0]), "predicted": str(paths[1])}
        try:
            both = _read(*paths, axes=args.axes)
        except (ValueError, OSError) as error:
            if len(pairs) == 1:
                raise
            failed.append(about | {"error": words(error, "evaluate")})
            tell(f"left out: {failed[-1]['error']}")
            continue
        for index, true_piece, predicted_piece in _pieces(paths, *both):
            evaluation = compare(true_piece, predicted_piece)
            name = " ".join([str(paths[0]), *map(str, index)])
            f1 = evaluation.matches[0].f1
            say(f"{name}: F1 {f1:.3f}, AP {evaluation.ap50:.3f} at IoU 0.5")
            evaluations.append(evaluation)
            images.append(about | {"index": list(index)} | evaluation.to_json())
    if not evaluations:
        raise ValueError(f"none of {len(pairs)} pairs could be compared")
    overall = combine(evaluations)
    print(overall.table())
    if failed:
        tell(f"seamless-unet: error: {len(failed)} of {len(pairs)} pairs could not be compared")
    return {"images": images, "overall": overall.to_json(), "failed": failed}


def _read(truth_path: Path, predicted_path: Path, *, axes: str | None) -> tuple[Image, Image]:
    """Return true labels and predicted labels of the same image."""
    paths = truth_path, predicted_path
    truth, predicted = (read_labels(path, axes=axes or _known_axes(*paths)) for path in paths)
    if truth.axes != predicted.axes and sorted(truth.axes) == sorted(predicted.axes):
        data = reordered(predicted.data, predicted.axes, truth.axes)
        predicted = dataclasses.replace(predicted, data=data, axes=truth.axes)
    if truth.data.shape != predicted.data.shape:
        raise ValueError(
            f"{truth_path} is {in_words(truth.data.shape, truth.axes)}, {predicted_path} is "
            f"{in_words(predicted.data.shape, predicted.axes)}: give labels of the same image"
        )
    if truth.axes != predicted.axes:
        tell(
            f"note: {truth_path} has the dimensions {truth.axes}, {predicted_path} "
            f"{predicted.axes}: compared as {truth.axes}; --axes says what both are"
        )
    return truth, predicted


def _pieces(
    paths: tuple[Path, Path], truth: Image, predicted: Image
) -> Iterator[tuple[tuple[int, ...], NDArray, NDArray]]:
    """Yield index along S and T, true labels and predicted labels ([Z,] Y, X)."""
    pairs = zip(paths, (truth, predicted), strict=True)
    sides = [_split(path, labels.data, truth.axes) for path, labels in pairs]
    for (index, true_piece), (_, predicted_piece) in zip(*sides, strict=True):
        yield index, true_piece, predicted_piece


def _known_axes(*paths: Path) -> str | None:
    """Return the axes that only one of two files of the same shape knows, else ``None``."""
    about = [read_metadata(path) for path in paths]
    named = [each.axes for each in about if each and not set(each.axes) - set("STZCYX")]
    alike = len({each.shape for each in about if each}) == 1
    return named[0] if alike and len(named) == 1 else None


def _split(path: Path, labels: NDArray, axes: str) -> Iterator[tuple[tuple[int, ...], NDArray]]:
    """Yield index along S and T, and labels ([Z,] Y, X), of which those of a mask get numbers."""
    mask, told = is_mask(labels), False
    for index, (ids,) in split(labels, axes, 3 if "Z" in axes else 2):
        pieces, count = ndi.label(ids, output=np.int32) if mask else (ids, 0)
        if not told and (count > 1 or _are_scattered(pieces)):
            told = True
            print(
                f"note: all labels of {path} have one number: each separate piece is an object"
                if mask
                else f"note: the numbers in {path} are scattered over {_SCATTERED} separate pieces "
                "each and more, like classes or grey values: give labels with a number per object"
            )
        yield index, pieces


def _are_scattered(ids: NDArray) -> bool:
    """Tell labels of an image, or of kinds of area, from those of objects."""
    small = with_small_ids(ids).astype(np.int32, copy=False)
    numbers = np.count_nonzero(np.bincount(small.ravel())[1:])
    return label(small, return_num=True, connectivity=1)[1] > _SCATTERED * numbers
