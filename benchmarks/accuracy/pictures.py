"""Draw the best, the typical and the worst result of a test part, for the documentation.

``RESULT`` is the ``predicted.npz`` that a row saves with ``--output``. Writes one PNG of three rows
(best, median and worst image by AP at IoU 0.5, then by its mean from 0.5 to 0.95; fewer where there
are fewer images) and three columns: the image; true outlines, green where the object was found and
red where it was missed; predicted outlines, green where the object is true and magenta where it was
invented::

    python benchmarks/accuracy/pictures.py RESULT docs/touching.png

With ``--names``, those images are drawn instead, with the letters a, b, ...

Found means an IoU of 0.5 or more. Images without any true or predicted object are left out. Of a
stack, the plane with the most true objects is drawn. Pictures are made smaller until the file is.
"""

from __future__ import annotations

import argparse
import io
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage.metrics import contingency_table
from skimage.segmentation import find_boundaries
from skimage.transform import resize
from splits import Pair

from seamless_unet.metrics import Evaluation, evaluate

GREYS = 64  # shades; few make a small file
GREEN, RED, MAGENTA, WHITE = range(GREYS, GREYS + 4)
COLOURS = ((0, 220, 0), (255, 40, 40), (255, 0, 255), (255, 255, 255))
SPACE = 4  # pixels between pictures

Result = tuple[Pair, NDArray]


def read(path: Path) -> list[Result]:
    """Return image, truth and what was predicted, for every image of a file."""
    with np.load(path) as file:
        numbers = sorted(int(k.removeprefix("image_")) for k in file if k.startswith("image_"))
        if not numbers:
            raise ValueError(f"{path} has no images: give the predicted.npz that --output saves")
        return [
            (
                Pair(file[f"image_{n}"], file[f"truth_{n}"], str(file[f"name_{n}"])),
                file[f"predicted_{n}"],
            )
            for n in numbers
        ]


def named(results: Sequence[Result], names: Sequence[str]) -> list[tuple[str, Result, Evaluation]]:
    """Return the results of those names, with letters."""
    by_name = {pair.name: (pair, found) for pair, found in results}
    if missing := sorted(set(names) - set(by_name)):
        raise ValueError(f"no image {missing[0]!r}: there are {', '.join(by_name)}")
    of_names = zip(string.ascii_lowercase, map(by_name.__getitem__, names), strict=False)
    return [(letter, (p, found), evaluate(p.labels, found)) for letter, (p, found) in of_names]


def chosen(results: Sequence[Result]) -> list[tuple[str, Result, Evaluation]]:
    """Return the best, the typical (median) and the worst result, with words; none twice."""
    scored = [(evaluate(pair.labels, found), (pair, found)) for pair, found in results]
    scored = [one for one in scored if one[0].true_objects or one[0].predicted_objects]
    if not scored:
        raise ValueError("no image has an object, true or predicted: there is nothing to draw")
    scored.sort(key=lambda one: (one[0].ap50, one[0].mean_ap), reverse=True)
    words = {0: "best", len(scored) - 1: "worst", len(scored) // 2: "typical"}
    if len(scored) < 3:
        words = dict.fromkeys(range(len(scored)), "result")
    return [(words[place], *scored[place][::-1]) for place in sorted(words)]


def matched(truth: NDArray, predicted: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each id, true and predicted, whether it meets one of the other at IoU 0.5.

    Examples
    --------
    >>> matched(np.array([1, 1, 1, 2]), np.array([0, 3, 3, 0]))[0].tolist()
    [False, True, False]
    """
    shared = contingency_table(truth, predicted).toarray()
    sizes = shared.sum(axis=1, keepdims=True), shared.sum(axis=0, keepdims=True)
    iou = shared / np.maximum(sizes[0] + sizes[1] - shared, 1)
    hits = iou >= 0.5
    hits[0] = hits[:, 0] = False
    return hits.any(axis=1), hits.any(axis=0)


def plane(pair: Pair, predicted: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return grey image, truth and predicted, each (Y, X)."""
    image, truth = pair.image, pair.labels
    if truth.ndim == 3:
        z = int(np.argmax([len(np.unique(labels)) for labels in truth]))
        image, truth, predicted = image[z], truth[z], predicted[z]
    if image.ndim == 3:  # C, Y, X
        image = image.mean(axis=0)
    return image, truth, predicted


def fitted(labels: NDArray, shape: tuple[int, int]) -> NDArray:
    """Return labels of another size, each pixel the nearest one."""
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(int)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def shaded(image: NDArray, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image of another size in `GREYS`, dark parts lightened."""
    image = resize(image.astype(float), shape, anti_aliasing=True)
    low, high = np.percentile(image, [0.5, 99.8])
    grey = np.clip((image - low) / max(high - low, 1e-9), 0, 1) ** 0.6
    return np.round(grey * (GREYS - 1)).astype(np.uint8)


def strip(result: Result, size: int) -> NDArray[np.uint8]:
    """Return the three pictures of a result, side by side, as indices of colours."""
    pair, predicted = result
    found, true = matched(pair.labels, predicted)
    image, truth, predicted = plane(pair, predicted)
    factor = size / max(image.shape)
    shape = (max(round(image.shape[0] * factor), 1), max(round(image.shape[1] * factor), 1))
    grey = shaded(image, shape)
    pictures = [grey]
    for labels, right, wrong in ((truth, found, RED), (predicted, true, MAGENTA)):
        ids = fitted(labels, shape)
        outlines = find_boundaries(ids, mode="inner")
        colour = np.where(right[ids], GREEN, wrong)
        pictures.append(np.where(outlines, colour, grey).astype(np.uint8))
    gap = np.full((shape[0], SPACE), WHITE, np.uint8)
    return np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]])


def sheet(rows: Sequence[tuple[str, Result, Evaluation]], size: int) -> Image.Image:
    """Return the picture: a strip for every result, with words."""
    strips = [strip(result, size) for _, result, _ in rows]
    height = sum(len(one) for one in strips) + SPACE * (len(strips) - 1)
    canvas = np.full((height, max(one.shape[1] for one in strips)), WHITE, np.uint8)
    tops = np.cumsum([0, *(len(one) + SPACE for one in strips)])
    for top, one in zip(tops, strips, strict=False):
        canvas[top : top + len(one), : one.shape[1]] = one
    picture = Image.fromarray(canvas)
    shades = [(round(255 * i / (GREYS - 1)),) * 3 for i in range(GREYS)]
    picture.putpalette([value for colour in (*shades, *COLOURS) for value in colour])
    draw = ImageDraw.Draw(picture)
    draw.fontmode = "1"  # every pixel is an index, none between two
    for top, (word, _, evaluation) in zip(tops, rows, strict=False):
        text = f"{word}: AP {evaluation.ap50:.2f}"
        draw.rectangle(draw.textbbox((5, top + 4), text), fill=0)
        draw.text((5, top + 4), text, fill=WHITE)
    return picture


def compressed(rows: Sequence[tuple[str, Result, Evaluation]], size: int, most: int) -> bytes:
    """Return a PNG file of at most so many bytes, with smaller pictures where it must be."""
    while True:
        file = io.BytesIO()
        sheet(rows, size).save(file, "PNG", optimize=True)
        if len(file.getvalue()) <= most:
            return file.getvalue()
        if size < 64:
            raise ValueError(f"a file of {most} bytes is too small to show anything in")
        size = size * 9 // 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, help="predicted.npz")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--size", type=int, default=320, help="longer side of a picture, in pixels")
    parser.add_argument("--names", nargs="+", help="of images, instead of best, typical and worst")
    parser.add_argument("--most", type=int, default=300_000, help="bytes of the file")
    arguments = parser.parse_args()
    results = read(arguments.result)
    rows = named(results, arguments.names) if arguments.names else chosen(results)
    arguments.picture.write_bytes(compressed(rows, arguments.size, arguments.most))
    for word, (pair, _), evaluation in rows:
        print(f"{word}: {pair.name}, AP at IoU 0.5 {evaluation.ap50:.3f}")


if __name__ == "__main__":
    main()
