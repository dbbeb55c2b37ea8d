"""From images and drawn labels to samples, and a part of them for validation."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seamless_unet.advice import Problem, find_problems, one_number, strokes_of_kinds
from seamless_unet.annotation import border_term, class_weights
from seamless_unet.config import Annotation, Normalization, TrainConfig
from seamless_unet.meaning import NO_BACKGROUND, WHOLE_OBJECTS, Meaning, read_meanings
from seamless_unet.pair import Pair, cut, read_pairs
from seamless_unet.sample import Sample
from seamless_unet.summary import Drawn, Summary
from seamless_unet.validation_split import split_validation


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples to learn from, samples to validate with, what the labels mean, and advice."""

    training: list[Sample]
    validation: list[Sample]
    meaning: Meaning
    summary: Summary
    problems: tuple[Problem, ...] = ()

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
    axes: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    annotations: Sequence[Annotation] | None = None,
    regions: Sequence[NDArray[np.bool_] | None] | None = None,
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
        Of every image, or one for each, such as ``"ZCYX"``; ``None`` takes the last of ``"ZYX"``.
    names
        Of the images, for messages.
    annotations
        What the labels of each image mean, instead of the one ``config.annotation`` for all.
        Whole objects in some images go together with scribbles on objects in others.
    regions
        For each image, ``None`` or bool of its labels' shape. Outside, nothing is annotated;
        inside, everything is, also where there is no object, but for scribbles.

    Raises
    ------
    ValueError
        If images and labels do not match, or the labels cannot be learned from.
    """
    pairs = read_pairs(
        images, labels, config, axes=axes, names=names, annotations=annotations, regions=regions
    )
    if empty := next((pair for pair in pairs if pair.labels.size == 0), None):
        raise ValueError(f"{empty.name} is empty: its shape is {empty.image.shape}")
    annotated = [pair.annotated_labels() for pair in pairs]
    if not any(map(np.any, annotated)) and any(pair.labels.any() for pair in pairs):
        raise ValueError("there is no label inside the region: draw at least one object there")
    meaning, meanings = read_meanings(annotated, [pair.annotation for pair in pairs], config)
    config = dataclasses.replace(config, annotation=meaning.annotation)
    pieces, left_out = _cut(pairs, meanings, config, normalization or Normalization())
    _check_channels(pieces, pairs)
    drawn = tuple(_drawn(pairs, pieces))
    counts = _class_counts(pieces, meaning)
    if meaning.output == "objects" and not counts[0]:  # planes without labels are none either
        raise ValueError(NO_BACKGROUND)
    class_pixels = _by_name(counts, meaning)
    weighted = _weighted(pieces, counts, config)
    training, validation, how = split_validation(weighted, config, meaning.drawn_names)
    summary = Summary(
        images=len(images),
        ndim=config.ndim,
        annotated=len(pieces),
        left_out=tuple(left_out),
        output=meaning.output,
        objects=sum(pair.objects for pair in drawn),
        class_pixels=class_pixels,
        validation=how,
        training_pixels=_annotated_pixels(training),
        validation_pixels=_annotated_pixels(validation),
        pairs=drawn,
        grey=(_mean_grey(training), _mean_grey(validation)),
    )
    problems = (
        *_misread(pairs, pieces, meaning, config),
        *find_problems(pieces, class_pixels, config),
    )
    return Dataset(training, validation, meaning, summary, problems)


def _cut(
    pairs: Sequence[Pair],
    meanings: Sequence[Meaning],
    config: TrainConfig,
    normalization: Normalization,
) -> tuple[list[Sample], list[str]]:
    """Return what is annotated, and the names of the planes on which nothing is drawn."""
    pieces: list[Sample] = []
    left_out: list[str] = []
    for number, (pair, own) in enumerate(zip(pairs, meanings, strict=True)):
        for sample in cut(pair, number, own, config, normalization):
            if pair.region is None:  # else it is the region that leaves them out
                left_out += _empty_planes(sample)
            if sample.weight.any():
                pieces.append(sample)
    return pieces, left_out


def _misread(
    pairs: Sequence[Pair], samples: Sequence[Sample], meaning: Meaning, config: TrainConfig
) -> Iterator[Problem]:
    """Say what was assumed about the labels, and may not be what was meant."""
    yield from one_number(_masks(pairs, samples))
    if config.scribble_values == "auto":
        yield from strokes_of_kinds(meaning)


def _masks(pairs: Sequence[Pair], samples: Sequence[Sample]) -> list[str]:
    """Name the pairs whose objects have one number and were told apart by their pieces."""
    divided = {s.source[0] for s in samples if len(np.unique(s.labels[s.labels > 0])) > 1}
    return [pair.name for n, pair in enumerate(pairs) if pair.is_mask and n in divided]


def _empty_planes(sample: Sample) -> list[str]:
    """Name the planes of a sample that nothing is drawn on."""
    if sample.weight.ndim == 2:
        return [] if sample.weight.any() else [sample.name]
    empty = np.flatnonzero(~sample.weight.any(axis=(1, 2)))
    return [f"{sample.name} Z={z}" for z in empty]


def _drawn(pairs: Sequence[Pair], samples: Sequence[Sample]) -> Iterator[Drawn]:
    """Count; an object counts in every plane or volume that the network sees apart."""
    of_pair: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        of_pair[sample.source[0]].append(sample)
    for number, pair in enumerate(pairs):
        whole = [s.labels for s in of_pair[number] if s.annotation == "objects"]
        yield Drawn(
            pair.name,
            objects=sum(len(np.unique(labels[labels > 0])) for labels in whole),
            planes=sum(int(np.sum(s.annotated.any(axis=(-2, -1)))) for s in of_pair[number]),
        )


def _check_channels(samples: Sequence[Sample], pairs: Sequence[Pair]) -> None:
    channels = {len(sample.image): pairs[sample.source[0]].name for sample in samples}
    if len(channels) > 1:
        found = ", ".join(f"{name} has {count}" for count, name in sorted(channels.items()))
        raise ValueError(
            f"the images have different numbers of channels ({found}): train on one kind at a time"
        )


def _weighted(
    samples: list[Sample], class_counts: NDArray[np.int64], config: TrainConfig
) -> list[Sample]:
    by_class = class_weights(class_counts.tolist(), config)
    return [
        dataclasses.replace(s, weight=s.weight * (by_class[s.target] + _border_term(s, config)))
        for s in samples
    ]


def _border_term(sample: Sample, config: TrainConfig) -> NDArray[np.float32] | float:
    """Return what Eq. 2 adds between objects; nothing where the labels do not show outlines."""
    return border_term(sample.labels, config) if sample.annotation == "objects" else 0.0


def _class_counts(samples: Sequence[Sample], meaning: Meaning) -> NDArray[np.int64]:
    """Return the pixels of each class, and last those of any but the background."""
    counts = np.zeros(len(meaning.class_values) + 1, np.int64)
    for sample in samples:
        counts += np.bincount(sample.target[sample.weight > 0], minlength=len(counts))
    return counts


def _by_name(counts: NDArray[np.int64], meaning: Meaning) -> dict[str, int]:
    *of_class, of_any = map(int, counts)
    found = dict(zip(meaning.class_names, of_class, strict=True))
    return found | ({"object": of_any} if of_any else {})


def _mean_grey(samples: Sequence[Sample]) -> tuple[float, ...]:
    """Return what the network sees where samples are annotated, on average, of each channel."""
    means = [sample.image[:, sample.annotated].mean(axis=1) for sample in samples]
    return tuple(np.mean(means, axis=0).tolist())


def _annotated_pixels(samples: Sequence[Sample]) -> int:
    return sum(int(np.count_nonzero(sample.weight)) for sample in samples)
