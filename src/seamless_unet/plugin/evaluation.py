"""How well labels agree, in words and tables: what the Evaluate dock shows of a comparison."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.object_states import STATES

_COUNTS = [
    ("tp", "found (true positives)", "True cells that one cell of the result matches."),
    ("fn", "missed (false negatives)", "True cells that no cell of the result matches."),
    ("fp", "invented (false positives)", "Cells of the result that match no true cell."),
]
_RATES = [
    ("recall", "found part of the true cells (recall)", "found / (found + missed)"),
    ("precision", "right part of the result's cells (precision)", "found / (found + invented)"),
    ("f1", "both in one (F1)", "2 found / (2 found + missed + invented)"),
    ("ap", "average precision (AP)", "found / (found + missed + invented)"),
]
_MEASURES = [
    (
        "mean_ap",
        "AP, mean of IoU 0.5 to 0.95",
        "The average precision for ten overlaps from 0.5 to 0.95: also how exact outlines are.",
    ),
    (
        "mean_iou",
        "overlap of matched cells (mean IoU)",
        "How exact the outlines of the cells matched at 0.5 are; missed cells do not count.",
    ),
    (
        "seg",
        "overlap of all true cells (SEG)",
        "The measure of the Cell Tracking Challenge: a missed cell counts as 0.",
    ),
    (
        "dice",
        "agreement of the area (Dice)",
        "Of cell and background only; which cell a pixel belongs to does not count.",
    ),
    (
        "pixel_error",
        "different pixels (pixel error)",
        "Part of all pixels that are cell in one layer and background in the other.",
    ),
    (
        "adapted_rand_error",
        "pairs of pixels torn apart or run together (adapted Rand error)",
        "0 is perfect. The measure of the SNEMI3D challenge; large cells count most.",
    ),
]
_STATES = {
    "found": "found",
    "missed": "missed",
    "merged": "missed: run together",
    "split": "missed: in pieces",
    "invented": "invented",
    "merging": "invented: several cells",
    "piece": "invented: a piece",
}
_ONE_KIND = 3  # so many times as many parts as numbers mean that the numbers are no cells


def measures_table(overall: dict[str, Any], iou: float) -> tuple[dict[str, list], list[str]]:
    """Return the measures of all images together, and what each of them means.

    Parameters
    ----------
    overall
        `Evaluation.to_json`.
    iou
        From which on two cells match.
    """
    match = matches(overall, iou)
    rows = [
        ("true cells", overall["true_objects"], "Cells in the layer of what is true."),
        ("cells in the result", overall["predicted_objects"], "Cells in the layer of the result."),
        *((text, match[name], about) for name, text, about in _COUNTS + _RATES),
        *((text, overall[name], about) for name, text, about in _MEASURES),
    ]
    texts, values, abouts = map(list, zip(*rows, strict=True))
    return {"Measure": texts, "Value": values}, abouts


def images_table(images: Sequence[dict[str, Any]], iou: float, names: Sequence[str]) -> dict:
    """Return the measures of each plane or stack; ``names`` are those of the axes they lie on."""
    found = [matches(image, iou) for image in images]
    table: dict[str, list] = {
        name: [image["index"][axis] for image in images]
        for axis, name in enumerate(names[: len(images[0]["index"])])
    }
    titles = {"tp": "found", "fn": "missed", "fp": "invented", "f1": "F1", "ap": "AP"}
    table |= {title: [match[key] for match in found] for key, title in titles.items()}
    return table | {
        "mean IoU": [image["mean_iou"] for image in images],
        "Dice": [image["dice"] for image in images],
    }


def objects_table(objects: NDArray[np.void], places: NDArray, names: Sequence[str]) -> dict:
    """Return what became of each cell, and where it is.

    Parameters
    ----------
    objects
        `seamless_unet.object_states.object_states`.
    places
        (objects, axes) the pixel in the middle of each.
    names
        Of the axes.
    """
    words = np.array([_STATES[state] for state in STATES])
    return {
        "state": words[objects["state"]],
        "IoU": objects["iou"],
        "pixels": objects["size"],
        "true number": objects["truth"],
        "result's number": objects["predicted"],
        **dict(zip(names, places.T, strict=True)),
    }


def matches(evaluation: dict[str, Any], iou: float) -> dict[str, Any]:
    """Return counts and rates of the cells that match at an IoU."""
    return next(match for match in evaluation["matches"] if match["iou"] == iou)


def remarks(
    overall: dict[str, Any], parts: dict[str, int], truth: str, predicted: str
) -> list[str]:
    """Say what makes the measures mean little: no cells, or numbers that stand for no cells.

    Parameters
    ----------
    overall, parts
        As the child's job ``evaluate`` gives them.
    truth, predicted
        Names of the layers.
    """
    said = []
    for name, key in ((truth, "truth"), (predicted, "predicted")):
        cells = overall["true_objects" if key == "truth" else "predicted_objects"]
        if not cells:
            said.append(f"There is no cell in '{name}': is it the right layer?")
        elif parts[key] >= _ONE_KIND * cells or cells == 1 < parts[key]:
            said.append(
                f"'{name}' has {cells} number{'s' * (cells > 1)} for {parts[key]} separate parts, "
                "as if numbers meant kinds of area. Here every cell needs a number of its own, "
                "or all cells of a kind count as one."
            )
    return said
