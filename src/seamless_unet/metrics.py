"""How well predicted labels agree with the truth: per image and overall.

An `Evaluation` holds counts and sums, and derives every rate from them, so that the overall
result of many images is the evaluation of their added counts. Where a rate has nothing to divide
by it is 1 if neither image has an object and 0 otherwise, an error 0; none is ever NaN.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seamless_unet.overlaps import Overlaps, find_overlaps

IOU_THRESHOLDS = (0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95)

_MEASURES = {
    "ap50": "AP at IoU 0.5",
    "mean_ap": "AP, mean of 0.5 to 0.95",
    "mean_iou": "mean IoU of objects matched at 0.5",
    "seg": "SEG",
    "dice": "Dice",
    "pixel_error": "pixel error",
    "adapted_rand_error": "adapted Rand error",
}


@dataclass(frozen=True)
class Matches:
    """Objects found (tp), invented (fp) and missed (fn), matched one to one at an IoU or more."""

    iou: float
    tp: int
    fp: int
    fn: int

    @property
    def precision(self) -> float:
        """Part of the predicted objects that are true."""
        return self._rate(self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Part of the true objects that were found."""
        return self._rate(self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return self._rate(self.tp + (self.fp + self.fn) / 2)

    @property
    def ap(self) -> float:
        """Average precision as in the 2018 Data Science Bowl: tp / (tp + fp + fn)."""
        return self._rate(self.tp + self.fp + self.fn)

    def _rate(self, whole: float) -> float:
        return self.tp / whole if whole else float(self.fp == self.fn == 0)


@dataclass(frozen=True)
class Evaluation:
    """Counts of one image, or of several added up, and the measures that follow from them.

    Parameters
    ----------
    images, pixels
        How many were compared.
    true_objects, predicted_objects
        Numbers of objects.
    true_positives
        Matched objects at each of `IOU_THRESHOLDS`.
    matched_iou
        Sum of the IoU of the objects matched at 0.5.
    covered_iou
        Sum over true objects of the IoU with the predicted one that covers more than half of it.
    true_pixels, predicted_pixels, shared_pixels
        Foreground in each and in both.
    true_pairs, predicted_pairs, shared_pairs
        Ordered pairs of pixels of true objects that belong together in each and in both;
        predicted background counts as one object there.
    """

    images: int
    pixels: int
    true_objects: int
    predicted_objects: int
    true_positives: tuple[int, ...]
    matched_iou: float
    covered_iou: float
    true_pixels: int
    predicted_pixels: int
    shared_pixels: int
    true_pairs: int
    predicted_pairs: int
    shared_pairs: int

    @property
    def matches(self) -> tuple[Matches, ...]:
        """Matched objects at each of `IOU_THRESHOLDS`."""
        return tuple(
            Matches(iou, tp, self.predicted_objects - tp, self.true_objects - tp)
            for iou, tp in zip(IOU_THRESHOLDS, self.true_positives, strict=True)
        )

    @property
    def ap50(self) -> float:
        """AP at IoU 0.5."""
        return self.matches[0].ap

    @property
    def mean_ap(self) -> float:
        """Mean of AP over IoU 0.5, 0.55, ..., 0.95."""
        return sum(match.ap for match in self.matches) / len(self.matches)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the objects matched at 0.5: how good the outlines of found objects are.

        StarDist's ``mean_matched_score``, the segmentation quality of panoptic quality. Missed
        objects lower `seg`, not this.
        """
        return self._rate(self.matched_iou, self.true_positives[0])

    @property
    def seg(self) -> float:
        """SEG of the Cell Tracking Challenge (Maska et al. 2014): missed objects count as 0."""
        return self._rate(self.covered_iou, self.true_objects)

    @property
    def dice(self) -> float:
        """Dice coefficient of the foreground."""
        return self._rate(2 * self.shared_pixels, self.true_pixels + self.predicted_pixels)

    @property
    def pixel_error(self) -> float:
        """Part of the pixels that are foreground in one image only."""
        wrong = self.true_pixels + self.predicted_pixels - 2 * self.shared_pixels
        return wrong / self.pixels if self.pixels else 0.0

    @property
    def adapted_rand_error(self) -> float:
        """1 minus the F-score of pixel pairs within true objects, as scikit-image has it.

        True background is left out; 0 where no two pixels are left to compare.
        """
        pairs = self.true_pairs + self.predicted_pairs
        return 1 - 2 * self.shared_pairs / pairs if pairs else 0.0

    def _rate(self, part: float, whole: float) -> float:
        return part / whole if whole else float(self.true_objects + self.predicted_objects == 0)

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON types."""
        rates = ("precision", "recall", "f1", "ap")
        return {
            "images": self.images,
            "true_objects": self.true_objects,
            "predicted_objects": self.predicted_objects,
            **{name: getattr(self, name) for name in _MEASURES},
            "matches": [
                dataclasses.asdict(match) | {rate: getattr(match, rate) for rate in rates}
                for match in self.matches
            ],
        }

    def table(self) -> str:
        """Return aligned lines for people."""
        head = f"images {self.images}, true objects {self.true_objects}, "
        lines = [head + f"predicted objects {self.predicted_objects}", ""]
        lines.append(" IoU     tp     fp     fn  precision  recall     F1     AP")
        lines += [
            f"{m.iou:.2f} {m.tp:6d} {m.fp:6d} {m.fn:6d}"
            f"  {m.precision:9.3f}  {m.recall:6.3f}  {m.f1:.3f}  {m.ap:.3f}"
            for m in self.matches
        ]
        lines.append("")
        width = max(map(len, _MEASURES.values()))
        lines += [f"{text:{width}}  {getattr(self, name):.4f}" for name, text in _MEASURES.items()]
        return "\n".join(lines)


def evaluate(truth: ArrayLike, predicted: ArrayLike) -> Evaluation:
    """Compare predicted labels with true ones, as one image.

    Parameters
    ----------
    truth, predicted
        Integer ids of the same shape, any number of axes; 0 is background. Ids need not agree.

    Returns
    -------
    Evaluation
        Matches, AP, F1, SEG, Dice and Rand error; each property says its definition.

    Raises
    ------
    ValueError
        If the shapes differ, or labels are not whole numbers from 0.

    Examples
    --------
    >>> result = evaluate([[1, 1, 1, 0, 2, 2]], [[5, 5, 0, 0, 0, 0]])
    >>> result.matches[0]
    Matches(iou=0.5, tp=1, fp=0, fn=1)
    >>> round(result.mean_iou, 3), round(result.seg, 3)
    (0.667, 0.333)
    """
    return measure(find_overlaps(truth, predicted))


def measure(overlaps: Overlaps) -> Evaluation:
    """Return the evaluation of one image whose objects were compared already."""
    objects = overlaps.of_objects()
    true_sizes, predicted_sizes = objects.truth.sizes, objects.predicted.sizes
    matched = objects.iou[objects.matched()]
    covered = 2 * objects.shared > true_sizes[objects.row]
    # overlaps with predicted background are pairs of pixels too: it counts as one object
    predicted_inside = np.bincount(overlaps.column, overlaps.shared).astype(np.int64)
    return Evaluation(
        images=1,
        pixels=math.prod(overlaps.runs.shape),
        true_objects=overlaps.truth.count,
        predicted_objects=overlaps.predicted.count,
        true_positives=tuple(int((matched >= limit).sum()) for limit in IOU_THRESHOLDS),
        matched_iou=float(matched.sum()),
        covered_iou=float(objects.iou[covered].sum()),
        true_pixels=int(true_sizes[1:].sum()),
        predicted_pixels=int(predicted_sizes[1:].sum()),
        shared_pixels=int(objects.shared.sum()),
        true_pairs=_pairs(true_sizes[1:]),
        predicted_pairs=_pairs(predicted_inside),
        shared_pairs=_pairs(overlaps.shared),
    )


def combine(evaluations: Iterable[Evaluation]) -> Evaluation:
    """Return the overall evaluation: counts and sums are added, rates follow from the totals.

    So an image counts by its objects, pixels or pixel pairs: `mean_iou` and `seg` are means over
    all objects, `dice` and `pixel_error` over all pixels, none of them over images.

    Raises
    ------
    ValueError
        If there is no evaluation.
    """
    rows = [dataclasses.astuple(evaluation) for evaluation in evaluations]
    if not rows:
        raise ValueError("no evaluation to combine: evaluate at least one image")
    totals: list[Any] = [
        tuple(map(sum, zip(*column, strict=True))) if isinstance(column[0], tuple) else sum(column)
        for column in zip(*rows, strict=True)
    ]
    return Evaluation(*totals)


def _pairs(sizes: NDArray) -> int:
    """Return the number of ordered pairs of different pixels within groups of these sizes."""
    return sum(size * (size - 1) for size in sizes.tolist())  # may exceed 64 bits
