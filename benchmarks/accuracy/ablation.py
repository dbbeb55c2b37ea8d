"""What does each ingredient of the preset ``quick`` do? JSON lines and a table of them.

Trains from random weights on 8 images of the training part of ``DATA`` (a folder of SIZE_images.tif
/ SIZE_labels.tif stacks along S), drawn by the seed, once for each of `VARIANTS` and each seed, and
evaluates on a development part: the first 60 of the other images of the training part. The test
part is never looked at, so that choices may be made by this table::

    python benchmarks/accuracy/ablation.py DATA --minutes 5 --seeds 0 1 2
    python benchmarks/accuracy/ablation.py DATA --steps 800 --seeds 0 1 2 --jobs 2
    python benchmarks/accuracy/ablation.py --table benchmarks/accuracy/ablation.jsonl

With ``--jobs`` above 1, so many trainings go on at a time, each in a process and a thread of its
own; they disturb each other's clocks, so their budget must be in steps. The table in Markdown comes
last, mean and standard deviation over the seeds (n - 1 in the denominator), which differ by images
drawn and random weights; all variants of one seed share both, but for those of ``rim``, whose
networks have other outputs.

Two rows are of the model of `ALL`, predicted otherwise: as means over symmetries, and with images
continued by zeros instead of mirrored. Training patches always mirror: that has no row.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from row import budget, command_line, device_name, emit, found_in, parsed, recipe, scores, trained
from splits import Pair, read_split

from seamless_unet.config import Normalization, TrainConfig
from seamless_unet.model_file import Model
from seamless_unet.normalize import normalize
from seamless_unet.predict import predict
from seamless_unet.segment import segment

TASK = "ablation"
IMAGES, DEVELOPMENT = 8, 60
ALL = "everything (quick)"
VARIANTS: dict[str, dict[str, Any]] = {
    ALL: {},
    "no border weights": {"border_weight": 0.0},
    "class balance": {"class_balance": True},
    "no elastic deformation": {"elastic": 0.0},
    "no rotation": {"rotate": False},
    "no change of size": {"zoom": 0.0},
    "no change of grey values": {"grey": 0.0},
    "no gap between touching objects": {"gap": 0},
    "dropout 0.5": {"dropout": 0.5},
    "SGD, momentum 0.99": {  # and its learning rate in the preset "paper"
        "optimizer": "sgd",
        "momentum": 0.99,
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
    },
    "rim 0": {"rim": 0},
    "rim 2": {"rim": 2},
    "no averaged weights": {"ema": 0.0},
}
SYMMETRIES = "symmetries in prediction"  # of the model of ALL
ZEROS = "zeros beyond the border in prediction"  # of the model of ALL
FIGURES = ("ap50", "mean_ap", "dice", "ap50_per_image")
GAINS = FIGURES[:2]

Line = dict[str, Any]


def variants(arguments: argparse.Namespace) -> dict[str, TrainConfig]:
    """Return the recipes by name, without those that change nothing."""
    names = arguments.variants or list(VARIANTS)
    if unknown := sorted(set(names) - set(VARIANTS)):
        raise ValueError(f"no variant {unknown[0]!r}: the variants are {', '.join(VARIANTS)}")
    recipes = {name: recipe(arguments, start="scratch", **VARIANTS[name]) for name in [ALL, *names]}
    return {
        name: config
        for name, config in recipes.items()
        if name in names and (name == ALL or config != recipes[ALL])
    }


def found_with_zeros(model: Model, image: NDArray, *, device: str) -> NDArray[np.int32]:
    """Return the objects found in an image (Y, X) that zeros continue, where others mirror it.

    Zero is what the network gets for the grey value that normalization takes for black.
    """
    geometry = model.network.geometry
    pad = -(-geometry.near // geometry.step) * geometry.step  # poolings stay where they are
    wider = np.pad(normalize(image[np.newaxis], model.info.normalization)[0], pad)
    info = dataclasses.replace(model.info, normalization=Normalization("fixed"))
    probabilities = predict(Model(info, model.network), wider, device=device)
    inside = (slice(None), *(slice(pad, -pad),) * 2)
    return segment(probabilities[inside], **model.info.instances)


def found_by(
    model: Model, pairs: Sequence[Pair], device: str, *, whole: bool
) -> Iterator[tuple[str | None, list[NDArray]]]:
    """Yield what a model finds in each image, and if ``whole`` by the name of other ways to."""
    yield None, [found_in(model, pair.image, device=device) for pair in pairs]
    if whole:
        symmetric = {"symmetries": True, "device": device}
        yield SYMMETRIES, [found_in(model, pair.image, **symmetric) for pair in pairs]
        yield ZEROS, [found_with_zeros(model, pair.image, device=device) for pair in pairs]


def trial(name: str, seed: int, config: TrainConfig, arguments: argparse.Namespace) -> list[Line]:
    """Train once and return a line; of `ALL` one for each way to predict."""
    torch.set_num_threads(arguments.threads)
    training, others = read_split(arguments.data).development(IMAGES, seed)
    development = others[:DEVELOPMENT][: arguments.limit]
    model, seconds = trained(training, config, device=arguments.device)
    lines = []
    for way, found in found_by(model, development, arguments.device, whole=name == ALL):
        pooled, each = scores(development, found)
        figures = {figure: float(getattr(pooled, figure)) for figure in FIGURES[:-1]}
        figures[FIGURES[-1]] = float(np.mean([evaluation.ap50 for evaluation in each]))
        lines.append(
            {
                "data": arguments.data.name,
                "split": f"{len(training)} to train, {len(development)} of development",
                "seed": seed,
                **budget(arguments),
                "device": device_name(),
                "ingredient": way or name,
                "changes": arguments.changes | VARIANTS[name],
                "trained_steps": model.info.training["steps"],
                "seconds": round(seconds, 1),
                **figures,
            }
        )
    return lines


def trials(arguments: argparse.Namespace) -> Iterator[Line]:
    """Yield the lines of all variants and seeds as they are done, seed by seed."""
    tasks = []
    for seed in arguments.seeds:
        arguments.seed = seed
        tasks += [(name, seed, config) for name, config in variants(arguments).items()]
    if arguments.jobs == 1:
        for task in tasks:
            yield from trial(*task, arguments)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    arguments.threads = 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        for done in as_completed([pool.submit(trial, *task, arguments) for task in tasks]):
            yield from done.result()


def read_lines(path: Path) -> list[Line]:
    """Return the lines of this task in a file of JSON lines; other text is skipped."""
    lines = [json.loads(text) for text in path.read_text().splitlines() if text.startswith("{")]
    found = [line for line in lines if line.get("task") == TASK]
    if not found:
        raise ValueError(f"{path} has no line of this task: save what this script prints")
    return found


def table(lines: Iterable[Line]) -> str:
    """Return mean and standard deviation of every ingredient, in Markdown.

    Gains are differences from `ALL` of the same seed: other images make much of the scatter.

    Examples
    --------
    >>> line = dict.fromkeys(FIGURES, 0.5) | {"ingredient": "rim 2", "seed": 0}
    >>> base = [line | {"ingredient": ALL, "seed": seed} for seed in (0, 1)]
    >>> rows = table([*base, line, line | {"ap50": 0.7, "seed": 1}]).splitlines()
    >>> rows[-1].removesuffix(" | 0.500 ± 0.000 | 0.500 ± 0.000 |")
    '| rim 2 | 2 | 0.600 ± 0.141 | +0.100 ± 0.141 | 0.500 ± 0.000 | +0.000 ± 0.000'
    """
    by_name: dict[str, dict[int, Line]] = {}
    for line in lines:
        by_name.setdefault(line["ingredient"], {})[line["seed"]] = line
    order = [ALL, SYMMETRIES, ZEROS, *VARIANTS, *by_name]
    heads = ["ingredient", "seeds", "AP at IoU 0.5", "gain", "AP 0.5-0.95", "gain", "Dice"]
    rows = [f"| {' | '.join([*heads, 'AP 0.5, mean of images'])} |"]
    rows.append("| --- " * (1 + len(heads)) + "|")
    for name in sorted(by_name, key=order.index):
        columns = []
        for figure in FIGURES:
            of_seed = {seed: line[figure] for seed, line in by_name[name].items()}
            columns.append(_spread(of_seed.values()))
            if figure in GAINS:
                base = {seed: line[figure] for seed, line in by_name.get(ALL, {}).items()}
                gains = [of_seed[seed] - base[seed] for seed in base.keys() & of_seed.keys()]
                columns.append(_spread(gains, "+") if gains and name != ALL else "")
        rows.append(f"| {' | '.join([name, str(len(by_name[name])), *columns])} |")
    return "\n".join(rows)


def _spread(values: Iterable[float], sign: str = "") -> str:
    several = list(values)
    mean = f"{statistics.mean(several):{sign}.3f}"
    return f"{mean} ± {statistics.stdev(several):.3f}" if len(several) > 1 else mean


def options() -> argparse.Namespace:
    """Return what the command line says."""
    parser = command_line(__doc__, without=("seed", "output"))
    parser.set_defaults(seed=0)  # which `trials` sets
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="only these; after changes")
    parser.add_argument("--table", action="store_true", help="of the saved lines in DATA")
    arguments = parsed(parser)
    if arguments.jobs > 1 and arguments.steps is None:
        parser.error("trainings at a time disturb each other's clocks: give --steps with --jobs")
    try:
        variants(arguments)
    except ValueError as error:
        parser.error(str(error))
    return arguments


def main() -> None:
    arguments = options()
    if arguments.table:
        print(table(read_lines(arguments.data)))
        return
    lines = []
    for line in trials(arguments):
        emit(TASK, **line)
        lines.append(line)
    print(f"\n{table(lines)}", flush=True)


if __name__ == "__main__":
    main()
