"""What drawn labels mean: the class of every pixel, and which pixels are annotated."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import relabel_sequential

from seamless_unet.config import Annotation, TrainConfig
from seamless_unet.weight_map import separate_touching, weight_map

_MOST_SCRIBBLE_CLASSES = 5
WHOLE_OBJECTS = ("background", "object")
OBJECT_PARTS = ("background", "rim", "core")


@dataclass(frozen=True)
class Meaning:
    """How labels are read.

    Parameters
    ----------
    annotation
        As in `TrainConfig`.
    output
        Whether the model is to find ``"objects"`` or ``"classes"``.
    class_values
        The label value that stands for each class index in the model's result.
    """

    annotation: Annotation
    output: Literal["objects", "classes"]
    class_values: tuple[int, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names for the model file."""
        if self.output == "objects":
            return WHOLE_OBJECTS if len(self.class_values) == 2 else OBJECT_PARTS
        return tuple(f"class {value}" for value in self.class_values)

    @property
    def drawn_names(self) -> tuple[str, ...]:
        """Names of what people draw: whole objects, whatever parts of them are learned."""
        return WHOLE_OBJECTS if self.output == "objects" else self.class_names


def read_meaning(labels: Sequence[NDArray], config: TrainConfig) -> Meaning:
    """Look at all labels of a training and say what they mean.

    Parameters
    ----------
    labels
        Integer arrays of any shape.
    config
        Its ``annotation`` and ``scribble_values``.

    Raises
    ------
    ValueError
        If nothing is labeled, or all annotated pixels belong to one class.
    """
    values = _values(labels)
    drawn = [value for value in values if value > 0]
    if config.annotation == "objects":
        if 0 not in values:
            raise ValueError(
                "every pixel belongs to an object, so there is no background to learn from: "
                "leave background 0, or say that the values are classes"
            )
        return Meaning("objects", "objects", (0, 1, 1) if config.rim else (0, 1))
    if config.annotation == "classes":
        _check_several(values, "use at least two values, 0 may be one")
        return Meaning("classes", "classes", tuple(values))
    _check_several(drawn, "scribble background with 1 and objects with 2 or more")
    if drawn[0] != 1:
        raise ValueError(
            f"scribbles have the values {', '.join(map(str, drawn[:5]))} but no background: "
            "scribble background with 1"
        )
    kinds = drawn[1:]
    if _are_classes(kinds, config):
        return Meaning("scribbles", "classes", (0, *kinds))
    return Meaning("scribbles", "objects", (0, 1))


def read_meanings(
    labels: Sequence[NDArray], annotations: Sequence[Annotation], config: TrainConfig
) -> tuple[Meaning, list[Meaning]]:
    """Say what all labels mean, and those of each image, where they were drawn in different ways.

    Whole objects in some images and scribbles on objects in others are learned together. Where
    nothing is drawn at all, nothing is said of what labels mean.

    Parameters
    ----------
    labels
        Integer arrays of any shape.
    annotations
        Of each, instead of that of ``config``.
    config
        Its ``scribble_values`` and ``rim``.

    Returns
    -------
    meaning, of_each
        That of whole objects where there are any: they tell most.

    Raises
    ------
    ValueError
        As in `read_meaning`, and if no one model can learn it all.
    """
    of_kind: dict[Annotation, list[NDArray]] = {}
    for array, annotation in zip(labels, annotations, strict=True):
        of_kind.setdefault(annotation, []).append(array)
    if "classes" in of_kind and len(of_kind) > 1:
        raise ValueError(
            "the labels of some images show kinds of area (classes), those of others do not, and "
            "one model learns one of the two: train on them one after the other"
        )
    shown = [kind for kind, arrays in of_kind.items() if any(array.any() for array in arrays)]
    if len(shown) > 1:
        _check_no_classes(of_kind["scribbles"], config)
    most = max(shown or of_kind, key=lambda kind: kind == "objects")
    meaning = read_meaning(of_kind[most], dataclasses.replace(config, annotation=most))
    return meaning, [dataclasses.replace(meaning, annotation=kind) for kind in annotations]


def _check_no_classes(scribbles: Sequence[NDArray], config: TrainConfig) -> None:
    kinds = [value for value in _values(scribbles) if value > 1]
    if _are_classes(kinds, config):
        raise ValueError(
            f"scribbles have the values {', '.join(map(str, kinds))} for several classes, but the "
            "labels of other images show whole objects: scribble all objects with 2, or train on "
            "them one after the other"
        )


def _values(labels: Sequence[NDArray]) -> list[int]:
    """Return the different values of all labels together, in order."""
    values = sorted({int(value) for array in labels for value in np.unique(array)})
    if values and values[0] < 0:
        raise ValueError(f"labels must not be negative, got {values[0]}")
    if not values or values[-1] == 0:
        raise ValueError("there is no label: draw at least one object in the Labels layer or file")
    return values


def _are_classes(kinds: Sequence[int], config: TrainConfig) -> bool:
    """Whether scribbles of these values, without background, are of different classes."""
    auto = "class" if len(kinds) <= _MOST_SCRIBBLE_CLASSES else "object"
    read_as = auto if config.scribble_values == "auto" else config.scribble_values
    return len(kinds) > 1 and read_as == "class"


def _check_several(values: Sequence[int], advice: str) -> None:
    if len(values) < 2:
        raise ValueError(f"the labels have one class only, {values[0]}: {advice}")


def classify(
    labels: NDArray,
    meaning: Meaning,
    *,
    gap: int = 2,
    rim: int = 0,
    region: NDArray[np.bool_] | None = None,
    depth_known: bool = False,
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return the class index of each pixel and whether it is annotated.

    Touching objects are parted by background, as in the paper. Unless there is a region, a plane
    without any object is not annotated.

    Parameters
    ----------
    labels
        ([Z,] Y, X) integers of one plane or volume.
    gap, rim
        See `TrainConfig`; with a rim, objects have the classes 1 (rim) and 2 (core).
    region
        ([Z,] Y, X): nothing is annotated outside, and inside everything, but for scribbles.
    depth_known
        The network knows already how objects go on from plane to plane: where the region is a
        few planes of a volume, as corrections are, these do not teach it anew.

    Returns
    -------
    target, annotated
        ([Z,] Y, X) int16 and bool; target is 0 where not annotated, and the number of classes
        where it may be any but the background: scribbles do not tell rim from core.
    """
    target, annotated = _classify(labels, meaning, gap, rim)
    if region is not None:
        if depth_known and meaning.annotation == "objects" and labels.ndim == 3:
            for z in np.flatnonzero(_in_few(region, 2 * rim)):
                inside = separate_touching(labels[z], gap=gap) > 0
                target[z] = np.where(inside, len(meaning.class_values), 0)
        annotated = annotated & region if meaning.annotation == "scribbles" else region
    if rim and not depth_known and meaning.annotation == "objects" and labels.ndim == 3:
        for z in np.flatnonzero(_in_few(annotated, 2 * rim)):  # else each would be all core or rim
            target[z] = _classify(labels[z], meaning, gap, rim)[0]
    return (target * annotated).astype(np.int16), annotated


def _in_few(region: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Return which planes lie in runs of at most so many annotated ones, unless all are annotated.

    Nobody draws there how deep an object is.
    """
    runs, _ = ndi.label(region.any(axis=(1, 2)))
    few = np.bincount(runs) <= most
    return few[runs] & (runs > 0) & (runs == 0).any()


def _classify(
    labels: NDArray, meaning: Meaning, gap: int, rim: int
) -> tuple[NDArray, NDArray[np.bool_]]:
    classes = len(meaning.class_values)
    if meaning.annotation == "objects":
        drawn_on = (labels > 0).any(axis=(-2, -1), keepdims=True)  # per plane
        apart = separate_touching(labels, gap=gap)
        target = (apart > 0).astype(np.int16) + (_cores(apart, rim) if rim else 0)
        return target, np.broadcast_to(drawn_on, labels.shape)
    if meaning.annotation == "classes":
        return np.searchsorted(np.array(meaning.class_values), labels), np.ones(labels.shape, bool)
    if meaning.output == "objects":
        return (labels > 1) * (1 if classes == 2 else classes), labels > 0
    return np.searchsorted(np.array(meaning.class_values), labels) * (labels > 1), labels > 0


def _cores(labels: NDArray, rim: int) -> NDArray[np.bool_]:
    """Return the cores of all objects."""
    cores = np.zeros(labels.shape, bool)
    ids = relabel_sequential(labels)[0]
    for number, box in enumerate(ndi.find_objects(ids), 1):
        # what lies beyond the image is not outside the object
        window = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        cores[window] |= _core(ids[window] == number, rim)
    return cores


def _core(inside: NDArray[np.bool_], rim: int) -> NDArray[np.bool_]:
    """Return what is deeper than ``rim`` in one object, in a thin one the inner half.

    Always one piece, or one object would be learned as several: the rim is thinner where an
    object has a waist, and of several pieces the largest is taken.
    """
    if inside.all():
        return inside
    depth = ndi.distance_transform_edt(inside)
    for limit in range(rim, 0, -1):
        pieces, count = ndi.label(depth > min(limit, depth.max() / 2))
        if count == 1:
            return pieces > 0
    return pieces == np.bincount(pieces[pieces > 0]).argmax()


def border_term(labels: NDArray, config: TrainConfig) -> NDArray[np.float32]:
    """Return what Eq. 2 adds between whole objects, ([Z,] Y, X) float32."""
    if not config.border_weight:
        return np.zeros(labels.shape, np.float32)
    separated = separate_touching(labels, gap=config.gap)
    weights = weight_map(
        separated, w0=config.border_weight, sigma=config.border_sigma, class_balance=False
    )
    return weights - 1


def class_weights(counts: Sequence[int], config: TrainConfig) -> NDArray[np.float32]:
    """Return w_c of Eq. 2: every class gets the same total, and a pixel 1 on average.

    Parameters
    ----------
    counts
        Annotated pixels per class, over all images.
    """
    pixels = np.asarray(counts, np.float64)
    if not config.class_balance:
        return np.ones(len(pixels), np.float32)
    classes = np.count_nonzero(pixels)
    return (pixels.sum() / (classes * np.maximum(pixels, 1))).astype(np.float32)
