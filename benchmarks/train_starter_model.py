"""Make the bundled model ``nuclei``: train, test on images set apart, write the card.

``DATA`` is the fluorescence part of the 2018 Data Science Bowl (BBBC038, CC0) as a folder of
SIZE_images.tif / SIZE_labels.tif stacks along S. A fifth of its images is the test part: nothing
is trained on it or chosen by it. Our own drawn samples are trained on too. Example::

    python benchmarks/train_starter_model.py DATA --minutes 13
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from few_annotations import read_pairs

from seamless_unet.config import TrainConfig
from seamless_unet.image_io import sample_path
from seamless_unet.metrics import Evaluation, combine, evaluate
from seamless_unet.model_file import Model, save_model
from seamless_unet.predict import predict
from seamless_unet.segment import segment
from seamless_unet.train import Prepared, Step, Validated, train

OUTPUT = Path(__file__).parents[1] / "src" / "seamless_unet" / "models" / "nuclei.safetensors"
SAMPLES = ("nuclei", "nuclei_time")


def test_model(model: Model, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Evaluation:
    """Segment images that were set apart and compare with their labels."""
    return combine(
        evaluate(truth, segment(predict(model, image), **model.info.instances))
        for image, truth in pairs
    )


def sample_pairs(names: Sequence[str] = SAMPLES) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return our own samples, frames of the time-lapse one by one."""
    pairs = []
    for name in names:
        image, labels = (
            tifffile.imread(sample_path(f"{name}{end}.tif")) for end in ("", "_labels")
        )
        if image.ndim == 2:
            image, labels = image[None], labels[None]
        pairs += list(zip(image, labels, strict=True))
    return pairs


def sample_ap(model: Model, name: str) -> float:
    """Return the AP at IoU 0.5 of one of our own samples, which were trained on."""
    return test_model(model, sample_pairs([name])).ap50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=13)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    pairs = read_pairs(arguments.data)
    order = np.random.default_rng(arguments.seed).permutation(len(pairs))
    count = len(pairs) // 5
    held_out = [pairs[i] for i in order[:count]]
    chosen = [pairs[i] for i in order[count:]] + sample_pairs()
    images, labels = zip(*chosen, strict=True)
    config = TrainConfig.preset(minutes=arguments.minutes, seed=arguments.seed, validation=0.05)
    for event in train(images, labels, config):
        if isinstance(event, Prepared):
            print(event.summary.text())
        elif isinstance(event, Validated) or (isinstance(event, Step) and event.step % 100 == 0):
            print(event, flush=True)
    model = event.model
    result = test_model(model, held_out)
    trained_on = (
        f"{len(pairs) - count} fluorescence images of the 2018 Data Science Bowl (BBBC038, CC0) "
        f"and {len(sample_pairs())} drawn samples"
    )
    card = (
        f"Nuclei in fluorescence images, bright on dark, 2-D. Trained on {trained_on}, "
        f"{arguments.minutes:g} minutes on a CPU. On {count} other images of the first kind: "
        f"AP {result.ap50:.3f} at IoU 0.5, {result.mean_ap:.3f} over IoU 0.5 to 0.95. "
        "Crowded and very blurred nuclei are still merged at times."
    )
    training = {**model.info.training, "trained_on": trained_on, "test": result.to_json()}
    training["samples"] = {name: sample_ap(model, name) for name in SAMPLES}
    training["data"] = {**training["data"], "left_out": []}
    info = dataclasses.replace(
        model.info, description=card, licence="CC0-1.0", training=training, channels=("nuclei",)
    )
    save_model(Model(info, model.network), arguments.output)
    line = {"model": "nuclei", "test_images": count, "ap50": result.ap50, "mean_ap": result.mean_ap}
    print(json.dumps({**line, "steps": training["steps"], "recipe": config.to_json()}))


if __name__ == "__main__":
    main()
