"""Which weights a training starts from."""

from __future__ import annotations

import dataclasses

from seamless_unet.config import ModelInfo, Normalization, TrainConfig, UNetConfig
from seamless_unet.dataset import Dataset
from seamless_unet.model_file import Model, bundled_models, load_model, read_info
from seamless_unet.validate import predict_samples, score

_ENOUGH = {"objects": 0.2, "scribbles": 0.8}  # the score from which on a start helps
_LOOKED_AT = 8  # samples


def start_normalization(config: TrainConfig) -> Normalization:
    """Return how images must be normalized for the weights to start from."""
    named = config.start not in ("auto", "scratch")
    return read_info(config.start).normalization if named else Normalization()


def start_model(
    config: TrainConfig, network: UNetConfig, dataset: Dataset, *, device: str = "cpu"
) -> tuple[Model | None, str]:
    """Return the model whose weights to start from, or ``None``, and the choice in words.

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
        return None, "random weights"
    if config.start != "auto":
        model = load_model(config.start, device=device)
        if problem := _misfit(model.info, network, dataset):
            raise ValueError(f"cannot start from {config.start}: {problem}")
        return model, f"the model {config.start}"
    best, best_score, words = None, _ENOUGH.get(config.annotation, 1.0), "random weights"
    for name, path in bundled_models().items():
        info = read_info(path)
        if info.normalization != Normalization() or _misfit(info, network, dataset):
            continue
        model = load_model(path, device=device)
        value = _score(model, config, dataset)
        if value > best_score:
            best, best_score = model, value
            words = f"the bundled model {name}, which scores {value:.2f} on them already"
    return best, words


def _score(model: Model, config: TrainConfig, dataset: Dataset) -> float:
    """Return how well a model meets the annotation before it has learned from it."""
    samples = [*dataset.training, *dataset.validation]
    info = dataclasses.replace(model.info, training={"config": config.to_json()})
    looked_at = samples[:: -(-len(samples) // _LOOKED_AT)]
    return score(info, predict_samples(model.network, info, looked_at))


def _misfit(info: ModelInfo, network: UNetConfig, dataset: Dataset) -> str:
    """Say why a model cannot be started from; nothing if it can."""
    meaning = dataset.meaning
    if info.network.in_channels != network.in_channels:
        return (
            f"it takes {info.network.in_channels} channel(s), the images have {network.in_channels}"
        )
    if info.output != meaning.output:
        return f"it finds {info.output}, the labels show {meaning.output}"
    if meaning.output == "classes" and info.class_values != meaning.class_values:
        return f"its classes are {info.class_values}, those drawn are {meaning.class_values}"
    expected = network
    if meaning.annotation == "scribbles" and meaning.output == "objects":
        expected = dataclasses.replace(network, classes=info.network.classes)
    if info.network != expected:
        return f"its network is {info.network}, the one to be trained is {expected}"
    return ""
