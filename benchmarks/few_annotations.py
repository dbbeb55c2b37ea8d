"""How good is a recipe after a few minutes with a few annotated images? One line of JSON.

Trains on 8 random images of ``DATA`` (a folder of SIZE_images.tif / SIZE_labels.tif stacks along
S) and evaluates on others, chosen by the same seed. Example::

    python benchmarks/few_annotations.py DATA --minutes 5 --seed 0 base_channels=16 batch_size=2
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import tifffile
import torch

from seamless_unet.config import TrainConfig
from seamless_unet.metrics import combine, evaluate
from seamless_unet.model_file import save_model
from seamless_unet.predict import predict
from seamless_unet.segment import segment
from seamless_unet.train import Finished, train


def read_pairs(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return every image of every stack with its labels."""
    pairs = []
    for path in sorted(folder.glob("*_images.tif")):
        images = tifffile.imread(path)
        labels = tifffile.imread(path.with_name(path.name.replace("images", "labels")))
        if images.ndim == 2:
            images, labels = images[None], labels[None]
        pairs += list(zip(images, labels, strict=True))
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("changes", nargs="*", help="fields of TrainConfig, such as patch=212")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=8, help="to train on")
    parser.add_argument("--test", type=int, default=60, help="other images to evaluate on")
    parser.add_argument("--output", type=Path, help="where to save the model")
    arguments = parser.parse_args()
    pairs = read_pairs(arguments.data)
    order = np.random.default_rng(arguments.seed).permutation(len(pairs))
    chosen = [pairs[i] for i in order[: arguments.images]]
    test = [pairs[i] for i in order[arguments.images :][: arguments.test]]
    budget = {"steps": arguments.steps} if arguments.steps else {"minutes": arguments.minutes or 5}
    changes = dict(change.split("=") for change in arguments.changes)
    config = TrainConfig.preset(
        arguments.preset,
        seed=arguments.seed,
        **budget,
        **{k: json.loads(v) for k, v in changes.items()},
    )
    began = time.perf_counter()
    images, labels = zip(*chosen, strict=True)
    for event in train(images, labels, config):
        if isinstance(event, Finished):
            model = event.model
    trained = time.perf_counter() - began
    info = model.info
    if arguments.output:
        save_model(model, arguments.output)
    result = combine(
        evaluate(truth, segment(predict(model, image), **info.instances)) for image, truth in test
    )
    line = {
        "data": arguments.data.name,
        "split": f"{arguments.images} to train, {len(test)} others, seed {arguments.seed}",
        "recipe": {"preset": arguments.preset, **budget, **changes},
        "device": f"{torch.get_num_threads()} CPU threads",
        "steps": info.training["steps"],
        "seconds": round(trained, 1),
        "validation_score": round(info.training["score"], 4),
        "ap50": round(result.ap50, 4),
        "mean_ap": round(result.mean_ap, 4),
        "dice": round(result.dice, 4),
        "pixel_error": round(result.pixel_error, 4),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
