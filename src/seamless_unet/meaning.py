"""What drawn labels mean: objects, classes or scribbles, and what a model can learn from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seamless_unet.config import Annotation, TrainConfig

_MOST_SCRIBBLE_CLASSES = 5
WHOLE_OBJECTS = ("background", "object")
OBJECT_PARTS = ("background", "rim", "core")
NO_BACKGROUND = (
    "every pixel belongs to an object, so there is no background to learn from: "
    "leave background 0, or say that the values are classes"
)


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
            raise ValueError(NO_BACKGROUND)
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
