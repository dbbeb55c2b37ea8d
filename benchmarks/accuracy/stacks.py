"""How well are objects of a stack found, by a 3-D network or a 2-D one and linking? One JSON line.

``DATA`` is a folder with ``image.tif`` and ``labels.tif`` (Z, Y, X), or the word ``sample`` for the
stack of drawn nuclei that comes with the package. The stack is cut in two, along y or x and between
0.35 and 0.65 of the length, where the fewest objects are cut; of equal places the nearest to the
middle. One half is trained on, the other one is segmented by itself and scored, and the other way
round: two trainings of the given time, whose counts are added up. So no pixel that is scored, nor
its surroundings, was seen in the training::

    python benchmarks/accuracy/stacks.py DATA --ndim 3 --minutes 5 --seed 0
    python benchmarks/accuracy/stacks.py DATA --ndim 2 --minutes 5 --seed 0

A 2-D network learns plane by plane, and `seamless_unet.stack.segment_stack` links what it finds.
Voxels are taken as they are, whatever the distance of the planes.

``objects``
    True ones that lie in one half. Those that are cut are left out of the score, and so are
    predicted ones that lie with more than half of their voxels in them.
``found``, ``missed``, ``invented``
    Matched at an IoU of 0.5 or more, true ones that are not, predicted ones that are not.
``merged``
    Pairs of true objects, one of them scored, of which one predicted object covers more than half
    of each.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from row import budget, command_line, device_name, emit, keep, parsed, recipe, trained
from scipy import ndimage as ndi
from splits import Pair
from touching import merged_pairs, overlaps

from seamless_unet.image_io import read_image, read_labels, sample_path
from seamless_unet.metrics import Evaluation, combine, evaluate
from seamless_unet.model_file import Model
from seamless_unet.stack import Segmented, segment_stack

NEAREST, FARTHEST = 0.35, 0.65  # where a stack may be cut, in parts of a side

Box = tuple[slice, ...]


def read(name: Path) -> Pair:
    """Return a stack of a folder, or the sample."""
    if str(name) == "sample":
        files = sample_path("nuclei_stack.tif"), sample_path("nuclei_stack_labels.tif")
    else:
        files = name / "image.tif", name / "labels.tif"
    image = read_image(files[0])
    if image.axes != "ZYX":
        raise ValueError(f"{files[0]} has the axes {image.axes}: give one stack, ZYX")
    return Pair(image.data, read_labels(files[1], like=image).data, name.name)


def cut_ids(labels: NDArray, axis: int, position: int) -> set[int]:
    """Return the ids of the objects that a cut before that pixel of an axis divides."""
    boxes = enumerate(ndi.find_objects(labels), 1)
    return {i for i, box in boxes if box and box[axis].start < position < box[axis].stop}


def best_cut(labels: NDArray) -> tuple[int, int]:
    """Return the axis, y or x, and the position where a cut divides the fewest objects.

    Examples
    --------
    >>> best_cut(np.array([[[1, 1, 0, 2, 2, 2], [1, 1, 0, 2, 2, 2]]]))
    (2, 3)
    """
    places = []
    for axis in (1, 2):
        size = labels.shape[axis]
        for position in range(round(NEAREST * size), round(FARTHEST * size) + 1):
            off_middle = abs(position / size - 0.5)
            places.append((len(cut_ids(labels, axis, position)), off_middle, axis, position))
    _, _, axis, position = min(places)
    return axis, position


def halves(labels: NDArray) -> Iterator[tuple[Box, Box]]:
    """Yield what to train on and what to test on, and the other way round."""
    axis, position = best_cut(labels)
    everything = (slice(None),) * labels.ndim
    sides = [
        (*everything[:axis], side, *everything[axis + 1 :])
        for side in (slice(0, position), slice(position, None))
    ]
    yield sides[0], sides[1]
    yield sides[1], sides[0]


def without_cut(truth: NDArray, predicted: NDArray, cut: set[int]) -> tuple[NDArray, NDArray]:
    """Return true and predicted labels without cut objects and what mostly lies in those.

    Examples
    --------
    >>> truth, predicted = np.array([1, 1, 1, 2, 2, 0]), np.array([5, 5, 0, 6, 6, 7])
    >>> without_cut(truth, predicted, {1})
    (array([0, 0, 0, 2, 2, 0]), array([0, 0, 0, 6, 6, 7]))
    """
    table = overlaps(truth, predicted)
    in_cut = table[[i for i in cut if i < len(table)]].sum(axis=0)
    dropped = 2 * in_cut > table.sum(axis=0)
    kept_truth = np.where(np.isin(truth, list(cut)), 0, truth)
    return kept_truth, np.where(dropped[predicted], 0, predicted)


def merged(truth: NDArray, predicted: NDArray, cut: set[int]) -> int:
    """Return how many pairs of true objects are merged, of which one at least is not cut."""
    ids = np.unique(truth[truth > 0]).tolist()
    pairs = {pair for pair in combinations(ids, 2) if not cut.issuperset(pair)}
    return len(merged_pairs(truth, predicted, pairs))


def segmented(model: Model, image: NDArray, device: str) -> NDArray[np.int32]:
    """Return the objects that a model finds in a stack, as users get them."""
    for event in segment_stack(model, image, "ZYX", device=device):
        if isinstance(event, Segmented):
            labels = event.labels
    return labels


def tested(
    stack: Pair, arguments: argparse.Namespace
) -> Iterator[tuple[Evaluation, int, dict[str, Any]]]:
    """Yield evaluation, merged pairs and a description, for each half."""
    axis, position = best_cut(stack.labels)
    cut = cut_ids(stack.labels, axis, position)
    config = recipe(arguments, ndim=arguments.ndim, start=arguments.start)
    for number, (learned, rest) in enumerate(halves(stack.labels)):
        pair = Pair(stack.image[learned], stack.labels[learned], f"half {number}")
        model, seconds = trained([pair], config, device=arguments.device)
        image, truth = stack.image[rest], stack.labels[rest]
        found = segmented(model, image, arguments.device)
        folder = arguments.output and arguments.output / f"trained_on_half_{number}"
        keep(folder, model, [Pair(image, truth, f"{stack.name} half {1 - number}")], [found])
        result = evaluate(*without_cut(truth, found, cut))
        told = {
            "objects": result.true_objects,
            "found": result.matches[0].tp,
            "trained_steps": model.info.training["steps"],
            "seconds": round(seconds, 1),
        }
        yield result, merged(truth, found, cut), told


def main() -> None:
    parser = command_line(__doc__, without=("limit",))
    parser.add_argument("--ndim", type=int, choices=(2, 3), default=3)
    parser.add_argument("--start", default="scratch", help="as in TrainConfig")
    arguments = parsed(parser)
    stack = read(arguments.data)
    axis, position = best_cut(stack.labels)
    results, pairs, told = zip(*tested(stack, arguments), strict=True)
    pooled = combine(results)
    matches = pooled.matches[0]
    emit(
        "stacks",
        data=arguments.data.name,
        split=f"cut at {'zyx'[axis]}={position}, each half tested by the model of the other",
        seed=arguments.seed,
        **budget(arguments),
        device=device_name(),
        ndim=arguments.ndim,
        start=arguments.start,
        changes=arguments.changes,
        cut=len(cut_ids(stack.labels, axis, position)),
        objects=pooled.true_objects,
        found=matches.tp,
        merged=sum(pairs),
        missed=matches.fn,
        invented=matches.fp,
        ap50=pooled.ap50,
        mean_iou=pooled.mean_iou,
        halves=told,
    )


if __name__ == "__main__":
    main()
