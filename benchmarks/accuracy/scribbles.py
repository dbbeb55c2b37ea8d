"""How much do scribbles lose against drawing every object? One line of JSON.

Trains twice for the same time on the same 5 images of the test part of ``DATA`` (a folder of
SIZE_images.tif / SIZE_labels.tif stacks along S), once on scribbles and once on all objects, and
tests both on its other images. ``ratio`` is AP at IoU 0.5 of scribbles over that of objects::

    python benchmarks/accuracy/scribbles.py DATA --minutes 5 --seed 0 --start auto

The scribbles are drawn from the labels, the same for the same seed, as a person would: in each
image up to ``--strokes`` short strokes (at most 20 pixels long, 3 wide) each within one object
(value 2), and as many of background (value 1), by turns 3 wide and up to 40 long at random places,
and 1 wide and up to 20 long between neighbours, where two objects are at most 6 pixels apart. Where
objects touch, that is the line of 2 pixels along which they do. Strokes follow the longest of
some directions and bend a little. In no image are more than ``--percent`` of the pixels drawn on.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
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
from scipy import ndimage as ndi
from splits import Pair, read_split

from seamless_unet.weight_map import separate_touching, weight_map

BACKGROUND, OBJECT = 1, 2
IN_OBJECT, IN_BACKGROUND, BETWEEN = 20, 40, 20  # longest strokes, in pixels
NEIGHBOURS = 6  # pixels that they are apart at most
DIRECTIONS = 4  # that are tried for each stroke
BEND = 0.1  # radian per pixel, standard deviation


def walk(
    inside: NDArray, start: NDArray, angle: float, length: int, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Yield pixels from ``start`` on until the walk leaves ``inside`` or is long enough."""
    y, x = start
    for _ in range(length):
        angle += rng.normal(0, BEND)
        y, x = y + math.sin(angle), x + math.cos(angle)
        pixel = round(y), round(x)
        if not all(0 <= p < n for p, n in zip(pixel, inside.shape, strict=True)):
            return
        if not inside[pixel]:
            return
        yield pixel


def stroke(inside: NDArray, longest: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return the pixels of a stroke through a random place, along the longest of some directions.

    Parameters
    ----------
    inside
        (Y, X) bool, where the stroke may be; at least one pixel.
    longest
        In pixels.
    """
    places = np.argwhere(inside)
    start = places[rng.integers(len(places))]
    best: list[tuple[int, int]] = []
    for angle in rng.uniform(0, math.pi) + np.arange(DIRECTIONS) * math.pi / DIRECTIONS:
        ways = [walk(inside, start, a, longest // 2, rng) for a in (angle, angle + math.pi)]
        pixels = [tuple(map(int, start)), *(pixel for way in ways for pixel in way)]
        best = max(best, pixels, key=len)
    return best


def drawn(pixels: Sequence[tuple[int, int]], width: int, region: NDArray) -> NDArray[np.bool_]:
    """Return (Y, X) bool: the pixels of a stroke of that width, within ``region``."""
    line = np.zeros(region.shape, bool)
    line[tuple(np.transpose(pixels))] = True
    return ndi.maximum_filter(line, width) & region


def object_strokes(labels: NDArray, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """Yield strokes, each within another object."""
    for number in rng.permutation(np.unique(labels[labels > 0])):
        own = labels == number
        deep = ndi.binary_erosion(own)
        yield drawn(stroke(deep if deep.any() else own, IN_OBJECT, rng), 3, own)


def background_strokes(labels: NDArray, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """Yield strokes of background, by turns anywhere and between neighbours, if there are any."""
    outside = labels == 0
    wide = ndi.binary_erosion(outside)
    term = weight_map(labels, w0=1, sigma=NEIGHBOURS, class_balance=False) - 1
    between = outside & (term >= math.exp(-1 / 2))  # d1 + d2 <= NEIGHBOURS in Eq. 2
    while wide.any() or between.any():
        if wide.any():
            yield drawn(stroke(wide, IN_BACKGROUND, rng), 3, outside)
        if between.any():
            yield drawn(stroke(between, BETWEEN, rng), 1, outside)


def scribbled(
    labels: NDArray, rng: np.random.Generator, *, strokes: int, percent: float
) -> NDArray[np.uint8]:
    """Return scribbles on an image, (Y, X): 0 nothing, 1 background, 2 object.

    Parameters
    ----------
    labels
        (Y, X) true ids.
    strokes
        Of each kind, object and background, at most.
    percent
        Of the pixels that are drawn on, at most.
    """
    apart = separate_touching(labels)
    result = np.zeros(labels.shape, np.uint8)
    kinds = {OBJECT: object_strokes(apart, rng), BACKGROUND: background_strokes(apart, rng)}
    for _ in range(strokes):
        for value, kind in kinds.items():
            one = next(kind, None)
            if one is None:
                continue
            if 100 * np.count_nonzero(one | (result > 0)) > percent * labels.size:
                return result
            result[one] = value
    return result


def compared(
    pairs: Sequence[Pair], test: Sequence[Pair], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return the figures of one training for each annotation."""
    rng = np.random.default_rng(arguments.seed)
    options = {"strokes": arguments.strokes, "percent": arguments.percent}
    scribbles = [Pair(p.image, scribbled(p.labels, rng, **options), p.name) for p in pairs]
    pixels = sum(np.count_nonzero(pair.labels) for pair in scribbles)
    line: dict[str, Any] = {
        "percent_drawn": 100 * pixels / sum(pair.labels.size for pair in pairs),
        "percent_drawn_most": max(100 * float(np.mean(pair.labels > 0)) for pair in scribbles),
    }
    for annotation, drawn_on in (("scribbles", scribbles), ("objects", pairs)):
        config = recipe(
            arguments, annotation=annotation, scribble_values="object", start=arguments.start
        )
        model, seconds = trained(drawn_on, config, device=arguments.device)
        found = [found_in(model, pair.image, device=arguments.device) for pair in test]
        keep(arguments.output and arguments.output / annotation, model, test, found)
        pooled, each = scores(test, found)
        line[annotation] = {
            "ap50": pooled.ap50,
            "mean_ap": pooled.mean_ap,
            "dice": pooled.dice,
            "ap50_per_image": float(np.mean([evaluation.ap50 for evaluation in each])),
            "started_from": model.info.training["data"]["start"],
            "trained_steps": model.info.training["steps"],
            "seconds": round(seconds, 1),
        }
    objects = line["objects"]["ap50"]
    return line | {"ratio": line["scribbles"]["ap50"] / objects if objects else None}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--images", type=int, default=5, help="to draw and train on")
    parser.add_argument("--strokes", type=int, default=12, help="of each kind in an image, at most")
    parser.add_argument("--percent", type=float, default=2.0, help="of an image's pixels, at most")
    parser.add_argument("--start", choices=("auto", "scratch"), default="auto")
    arguments = parsed(parser)
    split = read_split(arguments.data)
    pairs, test = split.few(arguments.images, arguments.seed)
    test = test[: arguments.limit]
    emit(
        "scribbles",
        data=arguments.data.name,
        split=f"{len(pairs)} to train, {len(test)} to test",
        images=[pair.name for pair in pairs],
        seed=arguments.seed,
        **budget(arguments),
        device=device_name(),
        start=arguments.start,
        strokes=arguments.strokes,
        changes=arguments.changes,
        **compared(pairs, test, arguments),
    )


if __name__ == "__main__":
    main()
