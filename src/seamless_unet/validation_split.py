"""A part of the annotation that is not learned from, to measure the score on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from seamless_unet.config import TrainConfig
from seamless_unet.meaning import WHOLE_OBJECTS
from seamless_unet.sample import Sample

_MANY_IMAGES = 10  # from which on whole images are held back
_MANY_CLASSES = 10  # more are rather the numbers of objects
_MUCH = 3  # times the part that is to be held back


def split_validation(
    samples: Sequence[Sample], config: TrainConfig, class_names: Sequence[str] = WHOLE_OBJECTS
) -> tuple[list[Sample], list[Sample], str]:
    """Set a part of the annotation aside: whole images, or a part of each where they are few.

    One or two whole images would say little about the others, and learning would miss them.

    Parameters
    ----------
    class_names
        For people, where the model is to find classes.

    Returns
    -------
    training, validation, how
        Neither list is empty; ``how`` says in words what was set aside.

    Raises
    ------
    ValueError
        If too little is drawn for that, and for learning every class.
    """
    training, validation, how = _split(samples, config)
    missing = _classes(samples, config) - _classes(training, config)
    if missing:
        raise ValueError(
            f"{class_names[min(missing)]} is drawn only in what is held back to measure the score "
            f"({how}): draw it in more places"
        )
    return training, validation, how


def _classes(samples: Sequence[Sample], config: TrainConfig) -> set[int]:
    """Return the classes that are drawn; those of an object's parts count as one."""
    drawn = {int(k) for sample in samples for k in np.unique(sample.target[sample.annotated])}
    return {min(k, 1) for k in drawn} if config.annotation == "objects" else drawn


def _split(
    samples: Sequence[Sample], config: TrainConfig
) -> tuple[list[Sample], list[Sample], str]:
    sources = sorted({sample.source for sample in samples})
    if len(sources) >= _MANY_IMAGES:
        chosen = _held_back(samples, sources, config)
        if not any(_shows(s) for s in samples if s.source in chosen) and any(map(_shows, samples)):
            return _split_each(samples, config)  # the only image that shows something is among them
        training = [s for s in samples if s.source not in chosen]
        validation = [s for s in samples if s.source in chosen]
        return training, validation, f"{len(chosen)} of {len(sources)} images"
    return _split_each(samples, config)


def _held_back(
    samples: Sequence[Sample], sources: Sequence[tuple[int, int]], config: TrainConfig
) -> set[tuple[int, int]]:
    """Draw sources, of those alike in what they show the same part, and not all of them."""
    kinds = dict.fromkeys(sources, ("", False))
    for sample in samples:
        kinds[sample.source] = (sample.annotation, kinds[sample.source][1] or _shows(sample))
    order = np.random.default_rng(config.seed).permutation(len(sources))
    alike: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    for source in (sources[i] for i in order):
        alike.setdefault(kinds[source], []).append(source)
    most = max(alike, key=lambda kind: (kind[1], len(alike[kind])))  # those that tell a score
    needed = _only_sources(samples, config)
    chosen: set[tuple[int, int]] = set()
    for kind, group in alike.items():
        count = max(round(config.validation * len(group)), kind == most)
        free = [source for source in group if source not in needed]
        chosen.update(free[: min(count, len(group) - 1)])
    return chosen or {sources[order[0]]}


def _shows(sample: Sample) -> bool:
    """Whether something else than background is annotated."""
    return bool((sample.annotated & (sample.target > 0)).any())


def _only_sources(samples: Sequence[Sample], config: TrainConfig) -> set[tuple[int, int]]:
    """Return the sources that are the only ones to show a class."""
    showing: dict[int, set[tuple[int, int]]] = {}
    for sample in samples:
        for k in _classes([sample], config):
            showing.setdefault(k, set()).add(sample.source)
    return {source for sources in showing.values() if len(sources) == 1 for source in sources}


def _split_each(
    samples: Sequence[Sample], config: TrainConfig
) -> tuple[list[Sample], list[Sample], str]:
    """Set aside a part of every image that has enough: planes where there are several."""
    training: list[Sample] = []
    planes_held_back: list[Sample] = []
    single: list[Sample] = []
    ends: list[Sample] = []  # held back of single ones
    for source in sorted({sample.source for sample in samples}):
        planes = [sample for sample in samples if sample.source == source]
        if len(planes) > 2:
            shown = [number for number, plane in enumerate(planes) if _shows(plane)]
            shown = shown if len(shown) > 1 else list(range(len(planes)))
            count = min(max(1, round(config.validation * len(shown))), len(shown) - 1)
            held_back = _last_planes(len(planes), shown[-count:], config.validation)
            training += [plane for z, plane in enumerate(planes) if z not in held_back]
            planes_held_back += [planes[z] for z in held_back]
        else:
            single += planes
            for plane in planes:
                learned, end = _split_region(plane, config)
                training.append(learned)
                ends += [end] if end else []
    if not planes_held_back and not ends:
        raise ValueError(_too_little(samples, config))
    of = "each image" if len(ends) == len(single) else f"{len(ends)} of {len(single)} images"
    how = f"the end of the longest side of {of}"
    if planes_held_back:
        beside = ", and the end of the longest side of single images" if ends else ""
        kind = "volumes" if samples[0].weight.ndim == 3 else "planes"
        how = f"the last annotated {kind}, {len(planes_held_back)} of {len(samples)}{beside}"
    return training, planes_held_back + ends, how


def _split_region(sample: Sample, config: TrainConfig) -> tuple[Sample, Sample | None]:
    """Cut off the end of a side, the longest if possible, with a part of the labeled pixels.

    Every class stays with what is learned from; nothing is cut off where it cannot. Where that
    would be far more than this part of all that is annotated, less of what lies beyond the last
    label is cut off, and of several ends that with least of it is taken.
    """
    annotated = sample.weight > 0
    labeled = annotated & (sample.target > 0)
    labeled = labeled if labeled.any() else annotated
    classes, least = _classes([sample], config), 1.0
    cut: tuple[Sample, Sample | None] = (sample, None)
    for axis, backwards in product(np.argsort(labeled.shape)[::-1], (False, True)):
        others = tuple(i for i in range(labeled.ndim) if i != axis)
        turned = slice(None, None, -1 if backwards else 1)
        counts, pixels = (part.sum(axis=others)[turned] for part in (labeled, annotated))
        first, last = np.flatnonzero(counts)[[0, -1]]
        start = int(np.searchsorted(np.cumsum(counts), (1 - config.validation) * counts.sum())) + 1
        start = min(max(start, first + 1), last)  # something labeled on either side
        stop, part = len(counts), config.validation * pixels.sum()
        if pixels[start:].sum() > _MUCH * part:  # less of what lies beyond the last label
            enough = start + int(np.searchsorted(np.cumsum(pixels[start:]), part)) + 1
            stop = max(last + 1, enough)
        share = pixels[start:stop].sum() / pixels.sum()
        numbers = np.arange(len(counts))
        region = np.expand_dims(((start <= numbers) & (numbers < stop))[turned], others)
        learned = sample.restricted(~region)
        if first < last and share < least and _classes([learned], config) == classes:
            least, cut = share, (learned, sample.restricted(region))
        if least <= _MUCH * config.validation:
            break
    return cut


def _last_planes(count: int, shown: Sequence[int], part: float) -> list[int]:
    """Return which planes to hold back: those given, which show something, and all after the first.

    Where these are far more than the part of so many planes that is asked for, of those that show
    nothing no more than make up that part.
    """
    after = range(shown[0], count)
    if len(after) <= max(_MUCH * part * count, 1):
        return list(after)
    empty = [z for z in after if z not in shown]
    return sorted([*shown, *empty[: max(0, round(part * count) - len(shown))]])


def _too_little(samples: Sequence[Sample], config: TrainConfig) -> str:
    many = any(len(_classes([sample], config)) > _MANY_CLASSES for sample in samples)
    ids = " (or, if every number is an object, say that they are objects)"
    where = samples[0].name if len(samples) == 1 else "all images"
    return (
        f"{where}: too little is labeled to hold a part back and still learn every class: draw "
        f"more, in several places{ids if many else ''}"
    )
