"""What a row of the table is made of: train, find, score, and one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from splits import Pair

from seamless_unet.config import TrainConfig
from seamless_unet.metrics import Evaluation, combine, evaluate
from seamless_unet.model_file import Model, save_model
from seamless_unet.predict import predict
from seamless_unet.segment import segment
from seamless_unet.train import Finished, train


def trained(pairs: Sequence[Pair], config: TrainConfig, **options: Any) -> tuple[Model, float]:
    """Return the best model of a training and the seconds it took."""
    began = time.perf_counter()
    for event in train([p.image for p in pairs], [p.labels for p in pairs], config, **options):
        if isinstance(event, Finished):
            model = event.model
    return model, time.perf_counter() - began


def found_in(model: Model, image: NDArray, **options: Any) -> NDArray[np.int32]:
    """Return the objects that a model finds in an image with its own settings."""
    return segment(predict(model, image, **options), **model.info.instances)


def scores(
    pairs: Iterable[Pair], predicted: Iterable[NDArray]
) -> tuple[Evaluation, list[Evaluation]]:
    """Return the evaluation over all objects and that of each image."""
    each = [evaluate(p.labels, labels) for p, labels in zip(pairs, predicted, strict=True)]
    return combine(each), each


def device_name() -> str:
    """Say what computes."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads of {os.cpu_count()}"


def emit(task: str, **line: Any) -> None:
    """Print one line of JSON, figures rounded to four digits."""
    print(json.dumps({"task": task, **_rounded(line)}), flush=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


OPTIONS: dict[str, dict[str, Any]] = {
    "seed": {"type": int, "default": 0},
    "minutes": {"type": float, "help": "of each training; 5 if nothing is said"},
    "steps": {"type": int, "help": "of each training, instead of minutes"},
    "threads": {"type": int, "default": 2},
    "device": {"default": "cpu"},
    "limit": {"type": int, "help": "images to test on at most, for trials"},
    "output": {"type": Path, "help": "folder to save models and results in"},
}


def command_line(doc: str, *, without: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return a parser of the options that rows of our own have, but those named."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder")
    parser.add_argument("changes", nargs="*", help="fields of TrainConfig, such as dropout=0.5")
    for name, option in OPTIONS.items():
        if name not in without:
            parser.add_argument(f"--{name}", **option)
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Return what the command line says, and let PyTorch use so many threads."""
    arguments = parser.parse_intermixed_args()  # changes may stand after the options
    try:
        arguments.changes = dict(map(_change, arguments.changes))
        if said := sorted(set(arguments.changes) & set(vars(arguments))):
            raise ValueError(f"{said[0]} is an option of this row: write --{said[0]}")
        recipe(arguments)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    if arguments.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(arguments.threads)
    return arguments


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not a change: write FIELD=VALUE, such as dropout=0.5")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value  # a word, such as sgd


def budget(arguments: argparse.Namespace) -> dict[str, float]:
    """Return how long each training takes, by name: steps or minutes."""
    said = {name: getattr(arguments, name, None) for name in ("steps", "minutes")}
    return {name: value for name, value in said.items() if value is not None} or {"minutes": 5.0}


def recipe(arguments: argparse.Namespace, **fields: Any) -> TrainConfig:
    """Return the preset ``quick`` with the changes, and over those a row's own fields."""
    chosen = {"seed": arguments.seed, **budget(arguments), **arguments.changes, **fields}
    return TrainConfig.preset("quick", **chosen)


def keep(
    folder: Path | None, model: Model | None, pairs: Sequence[Pair], predicted: Sequence[NDArray]
) -> None:
    """Save a model and what it found, ``predicted.npz`` for `pictures`, if there is a folder."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    if model is not None:
        save_model(model, folder / "model.safetensors")
    arrays = {}
    for number, (pair, labels) in enumerate(zip(pairs, predicted, strict=True)):
        arrays |= {f"image_{number}": pair.image, f"truth_{number}": pair.labels}
        arrays |= {f"predicted_{number}": labels, f"name_{number}": np.array(pair.name)}
    np.savez_compressed(folder / "predicted.npz", **arrays)
