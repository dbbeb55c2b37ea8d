"""Which weights a training starts from, and how wide its network is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from seamless_unet.config import WIDTH, Normalization, TrainConfig, UNetConfig
from seamless_unet.dataset import Dataset
from seamless_unet.device import learns_narrow
from seamless_unet.model_file import Model, bundled_models, load_model, read_info
from seamless_unet.model_header import ModelInfo
from seamless_unet.model_info import earlier_trainings, network_config
from seamless_unet.sample import excerpt
from seamless_unet.train_state import TrainState
from seamless_unet.transfer import contrasts, seen_in_channels
from seamless_unet.validate import predict_samples, score

# Scores from which on a bundled model is only adapted, and from which on its weights are a better
# beginning than random ones. Figures are in benchmarks/accuracy/README.md.
_KNOWN = {"objects": 0.3, "scribbles": 0.8}
_RELATED = {"objects": 0.1}
_LOOKED_AT = 2**21  # pixels, to find out


def start_normalization(config: TrainConfig) -> Normalization:
    """Return how images must be normalized for the weights to start from."""
    return read_info(config.start).normalization if config.names_start else Normalization()


@dataclass(frozen=True)
class Start:
    """What a training starts from: words for people, and a model or random weights.

    ``adapting`` if the model knows such objects, so that its weights and settings change little.
    """

    words: str = "random weights"
    model: Model | None = None
    adapting: bool = False


def begun(
    dataset: Dataset, config: TrainConfig, info: Callable[..., ModelInfo], device: str
) -> tuple[TrainState, Dataset]:
    """Choose the weights to start from; return the state with them, and the data for them.

    Parameters
    ----------
    info
        `model_info`, given what the caller knows.

    Raises
    ------
    FileNotFoundError, ValueError
        If the model that ``config`` names is not there, or does not fit what is to be learned.
    """
    fitting = with_width(config, _start_width(config))
    network = network_config(dataset, fitting)
    start = choose_start(config, network, dataset, device=device)
    model = start.model
    narrow = model is None and learns_narrow(torch.device(device), config.ndim)
    config = with_width(config, WIDTH[config.ndim] // 2) if narrow else fitting
    dataset = dataset.starting(start.words, (model.info.network if model else network).classes)
    # of a bundled model that was only tried out, nobody wants to know how it was trained
    earlier = earlier_trainings(model.info) if model and config.start != "auto" else []
    about = info(dataset, config, start=model if start.adapting else None, earlier=earlier)
    weights = model.network if model else None
    state = TrainState.start(config, about, device=device, weights=weights, adapting=start.adapting)
    return state, dataset


def with_width(config: TrainConfig, base_channels: int) -> TrainConfig:
    """Return the recipe with so many base channels, if it does not say how many."""
    said = config.base_channels
    return config if said else dataclasses.replace(config, base_channels=base_channels)


def _start_width(config: TrainConfig) -> int:
    """Return the base channels of the weights to start from, where a recipe leaves them open."""
    if config.names_start:
        return read_info(config.start).network.base_channels
    return WIDTH[config.ndim]


def choose_start(
    config: TrainConfig, network: UNetConfig, dataset: Dataset, *, device: str = "cpu"
) -> Start:
    """Choose what to start from.

    By itself, it takes the bundled model that finds most of what is drawn, if that is enough. One
    of a single channel sees the mix of channels, bright or dark, in which objects stand out.

    Parameters
    ----------
    config
        Its ``start`` names the model, or leaves the choice.
    network
        That is to be trained: a model is started from if its network is the same.
    dataset
        What is to be learned.
    device
        Where to try the models out.

    Raises
    ------
    FileNotFoundError, ValueError
        If the model is not there, or does not fit what is to be learned.
    """
    if config.start == "scratch":
        return Start()
    if config.start != "auto":
        return _named_start(config.start, network, dataset, device)
    known = _KNOWN.get(config.annotation, 1.0)
    start, best = Start(), _RELATED.get(config.annotation, known)
    for name, path in bundled_models().items():
        info = read_info(path)
        if info.normalization != Normalization() or _misfit(info, network, dataset):
            continue
        samples = excerpt(dataset.training, _LOOKED_AT)
        model = load_model(path, device=device)
        if info.network.in_channels == 1:
            model = seen_in_channels(model, contrasts(samples))
        value = score(model.info, predict_samples(model.network, model.info, samples))
        if value > best:
            words = f"the bundled model {name}, which scores {value:.2f} on what is learned from"
            start, best = Start(words, model, adapting=value > known), value
    return start


def _named_start(name: str, network: UNetConfig, dataset: Dataset, device: str) -> Start:
    """Start from a model that was chosen, whatever it knows; errors as in `choose_start`."""
    model = load_model(name, device=device)
    if problem := _misfit(model.info, network, dataset):
        raise ValueError(f"cannot start from {name}: {problem}")
    words = f"the model {Path(name).stem}"
    if model.info.network.in_channels == network.in_channels:
        return Start(words, model, adapting=True)
    mix = contrasts(excerpt(dataset.training, _LOOKED_AT))
    return Start(f"{words}, which sees a mix of the channels", seen_in_channels(model, mix))


def _misfit(info: ModelInfo, network: UNetConfig, dataset: Dataset) -> str:
    """Say why a model cannot be started from; nothing if it can."""
    meaning = dataset.meaning
    mixed = info.network.in_channels == 1 and info.normalization.kind == "percentile"
    if info.network.in_channels != network.in_channels and not mixed:
        return (
            f"it takes {info.network.in_channels} channel(s), the images have {network.in_channels}"
        )
    if info.output != meaning.output:
        return f"it finds {info.output}, the labels show {meaning.output}"
    if meaning.output == "classes" and info.class_values != meaning.class_values:
        known, drawn = (", ".join(map(str, m.class_values)) for m in (info, meaning))
        return f"its classes are {known}, those drawn are {drawn}"
    expected = network
    if meaning.annotation == "scribbles" and meaning.output == "objects":
        expected = dataclasses.replace(network, classes=info.network.classes)
    expected = dataclasses.replace(expected, in_channels=info.network.in_channels)
    has, wanted = info.network.to_json(), expected.to_json()
    differ = [
        f"{name}={has[name]} instead of {wanted[name]}" for name in has if has[name] != wanted[name]
    ]
    if differ:
        return f"its network has {', '.join(differ)}; train with the model's own start_settings"
    return ""
