"""What does the border weight of Eq. 2 do for objects that touch? One line of JSON.

The test part are the tenth of the images of ``DATA`` (a folder of SIZE_images.tif / SIZE_labels.tif
stacks along S) with the most touching pairs of true objects, chosen by the labels alone. Trains
twice for the same time, with the same seed, on the same random images, once with the border weight
of the preset and once with ``border_weight=0``. These are other images, or, with ``--crowded``, a
part of that tenth, which then is not tested on: as somebody who has such images would do::

    python benchmarks/accuracy/touching.py DATA --minutes 5 --seed 0 --images 8 --crowded

Two objects *touch* where a pixel of one is at most 2 pixels from one of the other, counted along
axes and diagonals: at most one pixel of background is between them. Printed for each training:

``merged``
    Touching true pairs of which one predicted object covers more than half of each.
``split``
    True objects in which two or more predicted objects lie with more than half of their pixels.
``ap50``, ``mean_ap``
    AP at IoU 0.5 and its mean from 0.5 to 0.95, pooled over all objects of the test part.

``ratio`` is merged with the border weight over merged without. The bundled model has seen images
of this test part, so that ``--start auto`` is no fair test.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from row import (
    budget,
    command_line,
    device_name,
    emit,
    found_in,
    keep,
    parsed,
    recipe,
    scores,
    trained,
)
from skimage.metrics import contingency_table
from splits import Pair, read_pairs

NEAR = 2  # pixels
TEST_PART = 10  # one image of so many

IdPairs = set[tuple[int, int]]


def touching_pairs(labels: NDArray) -> IdPairs:
    """Return the pairs of ids, the lower one first, of objects that touch.

    Examples
    --------
    >>> sorted(touching_pairs(np.array([[1, 1, 2, 0, 3, 0, 0, 4]])))
    [(1, 2), (2, 3)]
    """
    pairs = set()
    shifts = product(range(NEAR + 1), range(-NEAR, NEAR + 1))
    for down, right in shifts:
        one = labels[down:, max(right, 0) : labels.shape[1] + min(right, 0)]
        other = labels[: labels.shape[0] - down, max(-right, 0) : labels.shape[1] - max(right, 0)]
        differ = (one != other) & (one > 0) & (other > 0)
        ids = np.sort(np.stack([one[differ], other[differ]]), axis=0)
        pairs |= set(map(tuple, np.unique(ids, axis=1).T.tolist()))
    return pairs


def overlaps(truth: NDArray, predicted: NDArray) -> NDArray[np.int64]:
    """Return the pixels shared by true and predicted ids, (true id, predicted id), from 0."""
    return contingency_table(truth, predicted).toarray().astype(np.int64)


def covering(truth: NDArray, predicted: NDArray) -> NDArray[np.int64]:
    """Return for each true id the predicted one that covers more than half of it, 0 if none does.

    Examples
    --------
    >>> covering(np.array([1, 1, 1, 2, 2]), np.array([7, 7, 0, 7, 0]))
    array([0, 7, 0])
    """
    table = overlaps(truth, predicted)
    most = table.argmax(axis=1)
    enough = 2 * table.max(axis=1) > table.sum(axis=1)
    enough[0] = False
    return np.where(enough, most, 0)


def merged_pairs(truth: NDArray, predicted: NDArray, pairs: Iterable[tuple[int, int]]) -> IdPairs:
    """Return those of the pairs of true ids that one predicted object covers most of each of.

    Examples
    --------
    >>> truth = np.array([1, 1, 1, 2, 2, 3])
    >>> merged_pairs(truth, np.array([7, 7, 0, 7, 7, 8]), {(1, 2), (2, 3)})
    {(1, 2)}
    """
    by = covering(truth, predicted)
    return {(one, other) for one, other in pairs if by[one] == by[other] > 0}


def split_objects(truth: NDArray, predicted: NDArray) -> int:
    """Return how many true objects have several predicted ones mostly within them.

    Examples
    --------
    >>> split_objects(np.array([1, 1, 1, 1, 2, 2]), np.array([5, 5, 0, 6, 7, 7]))
    1
    """
    table = overlaps(truth, predicted)
    within = 2 * table > table.sum(axis=0)
    return int((within[1:, 1:].sum(axis=1) > 1).sum())


def crowded(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Return the tenth of the images with the most touching pairs, and all others, in order."""
    counts = [len(touching_pairs(pair.labels)) for pair in pairs]
    order = np.argsort(-np.array(counts), kind="stable")
    test = set(order[: len(pairs) // TEST_PART].tolist())
    return (
        [pair for number, pair in enumerate(pairs) if number in test],
        [pair for number, pair in enumerate(pairs) if number not in test],
    )


def figures(test: Sequence[Pair], found: Sequence[NDArray]) -> dict[str, Any]:
    """Return counts and AP over the test part."""
    both = [(pair.labels, labels) for pair, labels in zip(test, found, strict=True)]
    pooled, _ = scores(test, found)
    return {
        "merged": sum(len(merged_pairs(*one, touching_pairs(one[0]))) for one in both),
        "split": sum(split_objects(*one) for one in both),
        "ap50": pooled.ap50,
        "mean_ap": pooled.mean_ap,
        "predicted_objects": pooled.predicted_objects,
    }


def compared(
    training: Sequence[Pair], test: Sequence[Pair], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return the figures with and without border weights, and the ratio of merged pairs."""
    line: dict[str, Any] = {}
    for name, weights in (("border_weight", {}), ("no_border_weight", {"border_weight": 0.0})):
        config = recipe(arguments, start=arguments.start, **weights)
        model, seconds = trained(training, config, device=arguments.device)
        found = [found_in(model, pair.image, device=arguments.device) for pair in test]
        keep(arguments.output and arguments.output / name, model, test, found)
        line[name] = {
            **figures(test, found),
            "weight": config.border_weight,
            "instances": model.info.instances,
            "trained_steps": model.info.training["steps"],
            "seconds": round(seconds, 1),
        }
    merged, without = (line[name]["merged"] for name in ("border_weight", "no_border_weight"))
    return line | {"ratio": merged / without if without else None}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--images", type=int, default=8, help="to train on")
    parser.add_argument("--start", default="scratch", help="as in TrainConfig")
    parser.add_argument("--crowded", action="store_true", help="train on crowded images")
    arguments = parsed(parser)
    test, others = crowded(read_pairs(arguments.data))
    source = test if arguments.crowded else others
    order = np.random.default_rng(arguments.seed).permutation(len(source))
    chosen, rest = np.split(order, [arguments.images])
    training = [source[i] for i in chosen]
    if arguments.crowded:
        test = [source[i] for i in rest]
    test = test[: arguments.limit]
    kind = "the most crowded tenth" if arguments.crowded else f"{len(others)} others"
    emit(
        "touching",
        data=arguments.data.name,
        split=f"{len(training)} of {kind} to train, {len(test)} of the most crowded tenth to test",
        seed=arguments.seed,
        **budget(arguments),
        device=device_name(),
        start=arguments.start,
        changes=arguments.changes,
        true_objects=sum(len(np.unique(p.labels)) - 1 for p in test),
        touching_pairs=sum(len(touching_pairs(p.labels)) for p in test),
        **compared(training, test, arguments),
    )


if __name__ == "__main__":
    main()
