"""From images and drawn labels to samples, and a part of them for validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.annotation import (
    WHOLE_OBJECTS,
    Meaning,
    border_term,
    class_weights,
    classify,
    read_meaning,
)
from seamless_unet.axes import check_axes, in_words, label_axes, loop_axes, split
from seamless_unet.config import Normalization, TrainConfig
from seamless_unet.normalize import normalize
from seamless_unet.sample import Sample
from seamless_unet.validation_split import split_validation


@dataclass(frozen=True)
class Summary:
    """What a training is going to use, to be shown before it starts."""

    images: int
    annotated: int
    left_out: tuple[str, ...]
    output: str
    objects: int
    class_pixels: dict[str, int]
    validation: str
    training_pixels: int
    validation_pixels: int
    start: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON types."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """Describe it in a few lines."""
        pixels = ", ".join(f"{name} {count:,}" for name, count in self.class_pixels.items())
        counted = [_counted(self.images, "image"), _counted(self.annotated, "annotated part")]
        if self.objects:
            counted.append(_counted(self.objects, "object"))
        lines = [
            f"Learning from {', '.join(counted)}.",
            f"Annotated pixels: {pixels}.",
            f"Held back to measure the score: {self.validation} "
            f"({self.validation_pixels:,} of {self.validation_pixels + self.training_pixels:,} "
            "annotated pixels).",
        ]
        if self.start:
            lines.append(f"Starts from {self.start}.")
        if self.left_out:
            shown = ", ".join(self.left_out[:5]) + (", ..." if len(self.left_out) > 5 else "")
            lines.append(f"Left out because nothing is drawn there: {shown}.")
        return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples to learn from, samples to validate with, and what the labels mean."""

    training: list[Sample]
    validation: list[Sample]
    meaning: Meaning
    summary: Summary

    def starting(self, start: str, classes: int) -> Dataset:
        """Return it for a network that starts from ``start``, in words, and has so many classes.

        A model of rims and cores may learn on from scribbles, which do not tell them apart: any
        is right then.
        """
        summary = dataclasses.replace(self.summary, start=start)
        changed = dataclasses.replace(self, summary=summary)
        if self.meaning.class_names != WHOLE_OBJECTS or classes <= len(WHOLE_OBJECTS):
            return changed
        training, validation = (
            [
                dataclasses.replace(s, target=np.where(s.target > 0, classes, 0).astype(np.int16))
                for s in samples
            ]
            for samples in (self.training, self.validation)
        )
        values = (0, *(1,) * (classes - 1))
        meaning = dataclasses.replace(self.meaning, class_values=values)
        return dataclasses.replace(
            changed, training=training, validation=validation, meaning=meaning
        )


def make_dataset(
    images: Sequence[NDArray],
    labels: Sequence[NDArray],
    config: TrainConfig,
    *,
    axes: str | None = None,
    names: Sequence[str] | None = None,
    normalization: Normalization | None = None,
) -> Dataset:
    """Cut images and labels into samples and set a validation part aside.

    Parameters
    ----------
    images, labels
        One integer label array per image, of its shape without C.
    config
        Its ``ndim``, ``annotation``, border and class weights, ``validation`` and ``seed``.
    axes
        Of every image, such as ``"ZCYX"``; ``None`` takes the last of ``"ZYX"``.
    names
        Of the images, for messages.

    Raises
    ------
    ValueError
        If images and labels do not match, or the labels cannot be learned from.
    """
    names = names or [f"image {number}" for number in range(1, len(images) + 1)]
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} image(s) but {len(labels)} label image(s): give pairs")
    if not images:
        raise ValueError("there is no image to learn from")
    meaning = read_meaning(
        [_whole_numbers(*pair) for pair in zip(labels, names, strict=True)], config
    )
    pieces: list[Sample] = []
    left_out: list[str] = []
    for number, (image, drawn, name) in enumerate(zip(images, labels, names, strict=True)):
        image_axes = check_axes(axes or _default_axes(image, config.ndim), image.shape, name=name)
        _check_same_shape(image, drawn, image_axes, name)
        kind = normalization or Normalization()
        for sample in _pieces(image, drawn, image_axes, number, name, meaning, config, kind):
            left_out += _empty_planes(sample)
            if sample.weight.any():
                pieces.append(sample)
    if len({len(sample.image) for sample in pieces}) > 1:
        raise ValueError(
            "the images have different numbers of channels: train on one kind at a time"
        )
    pieces = _weighted(pieces, meaning, config)
    training, validation, how = split_validation(pieces, config)
    counts = _class_counts(pieces, len(meaning.class_values))
    summary = Summary(
        images=len(images),
        annotated=len(pieces),
        left_out=tuple(left_out),
        output=meaning.output,
        objects=sum(len(np.unique(s.labels[s.labels > 0])) for s in pieces)
        if meaning.annotation == "objects"
        else 0,
        class_pixels=dict(zip(meaning.class_names, map(int, counts), strict=True)),
        validation=how,
        training_pixels=_annotated_pixels(training),
        validation_pixels=_annotated_pixels(validation),
    )
    return Dataset(training, validation, meaning, summary)


def _default_axes(image: NDArray, ndim: int) -> str:
    if not 2 <= image.ndim <= 3:
        raise ValueError(f"an image of shape {image.shape} needs axes, such as TZYX")
    return "ZYX"[-image.ndim :]


def _whole_numbers(labels: NDArray, name: str) -> NDArray:
    if not np.issubdtype(labels.dtype, np.integer) and labels.dtype != bool:
        raise ValueError(
            f"labels of {name} must be whole numbers, got {labels.dtype}: "
            "they look like an image or probabilities"
        )
    return labels


def _check_same_shape(image: NDArray, labels: NDArray, axes: str, name: str) -> None:
    expected = tuple(n for n, axis in zip(image.shape, axes, strict=True) if axis != "C")
    if labels.shape != expected:
        raise ValueError(
            f"{name} is {in_words(image.shape, axes)} but its labels are "
            f"{in_words(labels.shape)}: they must have the same size"
        )


def _pieces(
    image: NDArray,
    labels: NDArray,
    axes: str,
    number: int,
    name: str,
    meaning: Meaning,
    config: TrainConfig,
    normalization: Normalization,
) -> list[Sample]:
    """Cut one image into samples without weights yet; images along S count as separate."""
    stack = "Z" in axes
    spatial = 3 if stack else config.ndim
    loop = loop_axes(axes, spatial)
    images = split(image, axes, spatial)
    drawn = split(labels.astype(np.int32), label_axes(axes), spatial)
    samples = []
    for (index, piece), (_, piece_labels) in zip(images, drawn, strict=True):
        pixels = normalize(piece, normalization)  # the planes of a stack alike
        planes = range(piece.shape[1]) if stack and config.ndim == 2 else [None]
        for z in planes:
            place = dict(zip(loop, index, strict=True)) | ({} if z is None else {"Z": z})
            flat = piece_labels[0] if z is None else piece_labels[0, z]
            target, annotated = classify(flat, meaning, gap=config.gap, rim=config.rim)
            samples.append(
                Sample(
                    image=pixels if z is None else pixels[:, z],
                    labels=flat,
                    target=target,
                    weight=annotated.astype(np.float32),
                    source=(number, place.get("S", 0)),
                    name=" ".join([name, *(f"{axis}={i}" for axis, i in place.items())]),
                )
            )
    return samples


def _empty_planes(sample: Sample) -> list[str]:
    """Name the planes of a sample that nothing is drawn on."""
    if sample.weight.ndim == 2:
        return [] if sample.weight.any() else [sample.name]
    empty = np.flatnonzero(~sample.weight.any(axis=(1, 2)))
    return [f"{sample.name} Z={z}" for z in empty]


def _weighted(samples: list[Sample], meaning: Meaning, config: TrainConfig) -> list[Sample]:
    by_class = class_weights(_class_counts(samples, len(meaning.class_values)).tolist(), config)
    return [
        dataclasses.replace(
            s, weight=s.weight * (by_class[s.target] + border_term(s.labels, meaning, config))
        )
        for s in samples
    ]


def _class_counts(samples: Sequence[Sample], classes: int) -> NDArray[np.int64]:
    counts = np.zeros(classes, np.int64)
    for sample in samples:
        counts += np.bincount(sample.target[sample.weight > 0], minlength=classes)
    return counts


def _annotated_pixels(samples: Sequence[Sample]) -> int:
    return sum(int(np.count_nonzero(sample.weight)) for sample in samples)
