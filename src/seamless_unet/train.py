"""Training: a generator of events. Stop iterating to stop; the state holds the best model."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.advice import Problem
from seamless_unet.calibrate import calibrate
from seamless_unet.config import Annotation, TrainConfig
from seamless_unet.dataset import Dataset, make_dataset
from seamless_unet.device import choose_device, memory_format
from seamless_unet.history import recorded
from seamless_unet.model_file import Model
from seamless_unet.model_info import model_info
from seamless_unet.patches import DrawnAhead, Patches
from seamless_unet.sample import Sample, excerpt
from seamless_unet.start import begun, start_normalization, with_width
from seamless_unet.strokes import settle_by_strokes
from seamless_unet.summary import Summary
from seamless_unet.train_state import TrainState
from seamless_unet.update import update
from seamless_unet.validate import Predicted, predict_samples, score, weighted_entropy
from seamless_unet.volumes import fitting_recipe

_VALIDATIONS = 20  # in a budget of steps
_VALIDATION_TIME = 0.1  # at most this part of a budget of minutes
_MOST_VALIDATED = 2**24  # pixels; more would not tell more
_VALIDATED_PER_MINUTE = 400_000  # pixels: on two cores about a second for each minute
_MOST_SCRIBBLED = 2**21  # pixels, likewise
_CALIBRATED_FROM = 0.5  # of the budget: before, the network changes too much


@dataclass(frozen=True)
class Prepared:
    """The data were read and the state is there: the caller may keep it, save it, use it.

    ``problems`` are what makes learning from these data harder than it has to be.
    """

    summary: Summary
    state: TrainState
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Step:
    """One optimizer update: its number, its loss, and how much of the budget is used (0 to 1)."""

    step: int
    loss: float
    fraction: float
    seconds_left: float


@dataclass(frozen=True)
class Validated:
    """The validation part was predicted; ``best`` if no earlier score was higher.

    From the middle of the budget on, the score is that with the settings chosen by `calibrate`.
    """

    step: int
    score: float
    loss: float
    best: bool


@dataclass(frozen=True)
class Finished:
    """The budget is used up; ``model`` is the best one.

    ``reason`` is ``"used up"`` where the state to go on from had left nothing of it.
    """

    model: Model = field(repr=False)
    reason: str = "budget"


Event = Prepared | Step | Validated | Finished


def train(
    images: Sequence[NDArray] | NDArray,
    labels: Sequence[NDArray] | NDArray,
    config: TrainConfig | None = None,
    *,
    axes: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    annotations: Sequence[Annotation] | None = None,
    regions: Sequence[NDArray[np.bool_] | None] | NDArray[np.bool_] | None = None,
    pixel_size: Mapping[str, float] | None = None,
    channels: Sequence[str] = (),
    device: str = "auto",
    state: TrainState | None = None,
) -> Generator[Event, None, None]:
    """Learn from images and the labels drawn on them.

    Parameters
    ----------
    images, labels
        One array or several, of any integer or float dtype; integer labels of each image's shape
        without C.
    config
        ``None`` is that of the state to go on from, or else ``fitting_recipe("quick", {}, images,
        labels)``: five minutes, in volumes for crowded stacks; see
        `seamless_unet.volumes.fitting_recipe`.
    axes
        Of every image, or one for each, such as ``"SYX"`` or ``"ZCYX"``; ``None`` takes the last
        of ``"ZYX"``.
    names
        Of the images, for messages.
    annotations
        What the labels of each image mean, instead of the one ``config.annotation`` for all.
        Whole objects in some images go together with scribbles on objects in others.
    regions
        For each image, or the one, ``None`` or bool of its labels' shape. Outside, nothing is
        annotated; inside, everything is, also where there is no object, but for scribbles.
    pixel_size
        Micrometre per axis, remembered in the model.
    channels
        Their names, remembered too; without one for each, they are numbered.
    device
        ``"cpu"``, ``"cuda"``, ``"mps"``; ``"auto"`` takes the fastest there is.
    state
        Of an earlier training on the same images and labels, to go on from: with a budget in
        steps the result is the same as that of a training that was never interrupted.

    Yields
    ------
    Prepared, Step, Validated, Finished
        First one `Prepared`, then steps and validations, last one `Finished`.

    Raises
    ------
    ValueError
        If the labels cannot be learned from; the message says why.
    FloatingPointError
        If the training diverges.

    Examples
    --------
    >>> events = train(images, labels)  # doctest: +SKIP
    >>> state = next(events).state  # doctest: +SKIP
    >>> for event in events:  # doctest: +SKIP
    ...     print(event)
    >>> save_model(state.best_model(), "cells.safetensors")  # doctest: +SKIP
    """
    if config is not None and not isinstance(config, TrainConfig):
        raise TypeError(f"config={config!r}: give a recipe, such as TrainConfig.preset('quick')")
    given: dict[str, Any] = {
        "images": _several(images),
        "labels": _several(labels),
        "axes": axes,
        "names": names,
        "annotations": annotations,
        "regions": _several(regions) if regions is not None else None,
    }
    if state is None:
        config = config or fitting_recipe("quick", {}, **given)
    else:  # what it started from is behind it
        config = dataclasses.replace(config or state.config, start=state.config.start)
    normalization = state.info.normalization if state else start_normalization(config)
    dataset = make_dataset(config=config, normalization=normalization, **given)
    config = dataclasses.replace(config, annotation=dataset.meaning.annotation)
    device = choose_device(device)
    info = partial(
        model_info, normalization=normalization, pixel_size=pixel_size or {}, channels=channels
    )
    if state is None:
        state, dataset = begun(dataset, config, info, device)
    else:
        data = state.info.training["data"]
        dataset = dataset.starting(data.get("start", ""), state.info.network.classes)
        earlier = state.info.training.get("earlier", [])
        config = with_width(config, state.info.network.base_channels)
        state = state.resumed(config, info(dataset, config, earlier=earlier), device=device)
    used_up = state.fraction() >= 1
    yield Prepared(dataset.summary, state, dataset.problems)
    yield from _steps(state, dataset)
    yield Finished(state.best_model(), "used up" if used_up else "budget")


def _several(arrays: Sequence[Any] | NDArray) -> list[Any]:
    if isinstance(arrays, np.ndarray) or hasattr(arrays, "__array__"):  # dask's and others' too
        return [np.asarray(arrays)]
    return [None if array is None else np.asarray(array) for array in arrays]


def _steps(state: TrainState, dataset: Dataset) -> Iterator[Event]:
    config, network = state.config, state.network
    patches = Patches(dataset.training, config, network.geometry, device=network.device)
    # a score is compared with those before it, also where another budget goes on
    state.most_validated = state.most_validated or _most_validated(state)
    held_back = excerpt(dataset.validation, state.most_validated)
    # a model that is learned on from keeps its settings
    scribbled = [] if state.adapting else _scribbled(dataset)
    network.to(memory_format=memory_format(network.device, config.ndim))
    network.train()
    with DrawnAhead(patches) as batches:
        yield from _alternated(state, batches, held_back, scribbled)


def _most_validated(state: TrainState) -> int:
    """Return how many pixels to measure the score on: a CPU does not get further in its time."""
    minutes = state.config.minutes
    if minutes is None or state.network.device.type != "cpu":
        return _MOST_VALIDATED
    return int(min(_MOST_VALIDATED, max(minutes, 1) * _VALIDATED_PER_MINUTE))


def _scribbled(dataset: Dataset) -> list[Sample]:
    """Return samples with strokes on objects, where nothing else says how large these are."""
    if dataset.meaning.annotation != "scribbles" or dataset.meaning.output != "objects":
        return []
    return excerpt([*dataset.training, *dataset.validation], _MOST_SCRIBBLED)


def _alternated(
    state: TrainState,
    batches: DrawnAhead,
    held_back: Sequence[Sample],
    scribbled: Sequence[Sample],
) -> Iterator[Event]:
    """Make steps, and validate between them when it is time."""
    validation_cost = 0.0
    while True:
        if _validation_is_due(state, validation_cost):
            began = time.perf_counter()
            with state.averaged() as averaged:
                predicted = predict_samples(averaged, state.info, held_back)
                event = _validated(state, predicted)
                if event.best and scribbled:
                    found = predict_samples(averaged, state.info, scribbled)
                    state.info = settle_by_strokes(state.info, found)
            validation_cost = time.perf_counter() - began
            state.elapsed += validation_cost
            state.validated = (state.step, state.elapsed)
            yield event
        fraction = state.fraction()
        if fraction >= 1:
            return
        began = time.perf_counter()
        loss = update(state, batches)
        state.elapsed += time.perf_counter() - began
        fraction = state.fraction()
        state.history = recorded(state.history, state.step, loss)
        left = state.elapsed / fraction * (1 - fraction)
        yield Step(state.step, loss, min(fraction, 1.0), max(left, 0.0))


def _validation_is_due(state: TrainState, cost: float) -> bool:
    """Whether to validate before the next step; depends on nothing that a checkpoint lacks."""
    config = state.config
    last_step, last_time = state.validated
    if state.step == last_step:
        return False
    if last_step < 0 or state.fraction() >= 1:
        return True
    if config.steps is not None:
        return state.step % max(1, config.steps // _VALIDATIONS) == 0
    assert config.minutes is not None
    pause = max(cost / _VALIDATION_TIME, config.minutes * 60 / _VALIDATIONS)
    return state.elapsed - last_time > pause


def _validated(state: TrainState, predicted: Sequence[Predicted]) -> Validated:
    """Score the network, with the settings best for it, and keep it if it is the best."""
    info, loss = state.info, weighted_entropy(predicted)
    value = score(info, predicted)
    if state.fraction() >= _CALIBRATED_FROM or (state.adapting and state.step == 0):
        info, value = calibrate(info, predicted, value)
    best = state.keep_if_best(value, loss, info)
    state.history.append({"step": state.step, "score": value, "validation_loss": loss})
    return Validated(state.step, value, loss, best)
