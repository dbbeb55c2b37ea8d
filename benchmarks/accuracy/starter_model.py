"""Make a bundled model: train, test on images set apart, write the card.

``DATA`` is a part of the 2018 Data Science Bowl (BBBC038, CC0). Of its fluorescence images, a
folder of SIZE_images.tif / SIZE_labels.tif stacks along S, comes ``nuclei``: a fifth is the test
part, and our own drawn samples are trained on too. Of its 20 images of stained tissue,
images.tif (S, Y, X, C) and labels.tif, comes ``stained_nuclei``, which begins as ``nuclei`` and is
tested on 8. Nothing is trained on a test part or chosen by it::

    python benchmarks/accuracy/starter_model.py DATA --steps 9000 --output FIRST
    python benchmarks/accuracy/starter_model.py DATA --steps 11000 start=FIRST learning_rate=0.02
    python benchmarks/accuracy/starter_model.py TISSUE --model stained_nuclei --steps 3000 --seed 0

Fields of `TrainConfig` can be changed, such as ``--device cuda --steps 40000 batch_size=8``.
``--weights FILE`` takes those of an earlier run, and only chooses anew how its probabilities become
objects, by the images that the training held back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from row import command_line, device_name, emit, found_in, keep, parsed, recipe, scores
from splits import Pair, Split, read_split, read_tissue

from seamless_unet.calibrate import calibrate
from seamless_unet.config import WIDTH, TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.image_io import sample_path
from seamless_unet.metrics import Evaluation
from seamless_unet.model_file import Model, load_model, save_model
from seamless_unet.model_info import model_info
from seamless_unet.train import Prepared, Step, Validated, train
from seamless_unet.validate import predict_samples, score

FOLDER = Path(__file__).parents[2] / "src" / "seamless_unet" / "models"


class Kind(NamedTuple):
    """What a bundled model learns from, with which changes of the default recipe, and its card."""

    read: Callable[[Path], Split]
    axes: str
    channels: tuple[str, ...]
    samples: tuple[str, ...]  # drawn ones, trained on too
    changes: dict[str, Any]
    images: str
    knows: str
    fails: str


KINDS = {
    "nuclei": Kind(
        read_split,
        "YX",
        ("nuclei",),
        ("nuclei", "nuclei_time"),
        {"validation": 0.05, "start": "scratch", "ema": 0.999, "base_channels": WIDTH[2]},
        "fluorescence images",
        "Nuclei in fluorescence images, bright on dark, 2-D.",
        "Crowded and very blurred nuclei are still merged at times.",
    ),
    "stained_nuclei": Kind(
        read_tissue,
        "CYX",
        ("red", "green", "blue"),
        (),
        {"start": "nuclei", "ema": 0.999},
        "images of stained tissue",
        "Nuclei in stained tissue (H&E and alike), violet on white or on pale violet, RGB, 2-D.",
        "So few images are a beginning: draw some cells and train on from it.",
    ),
}


def sample_pairs(names: Sequence[str]) -> list[Pair]:
    """Return our own samples, frames of the time-lapse one by one."""
    pairs = []
    for name in names:
        image, labels = (
            tifffile.imread(sample_path(f"{name}{end}.tif")) for end in ("", "_labels")
        )
        if image.ndim == 2:
            image, labels = image[np.newaxis], labels[np.newaxis]
        pairs += [Pair(*parts, name) for parts in zip(image, labels, strict=True)]
    return pairs


def sample_ap(model: Model, name: str) -> float:
    """Return the AP at IoU 0.5 of one of our own samples, which were trained on."""
    pairs = sample_pairs([name])
    return scores(pairs, (found_in(model, pair.image) for pair in pairs))[0].ap50


def learned(chosen: Sequence[Pair], config: TrainConfig, **options: Any) -> Model:
    """Train, and say how it goes."""
    images, labels = [p.image for p in chosen], [p.labels for p in chosen]
    for event in train(images, labels, config, **options):
        if isinstance(event, Prepared):
            print(event.summary.text())
        elif isinstance(event, Validated) or (isinstance(event, Step) and event.step % 100 == 0):
            print(event, flush=True)
    return event.model


def with_new_settings(
    model: Model, chosen: Sequence[Pair], config: TrainConfig, axes: str
) -> Model:
    """Return the model with the settings that a training would choose at its end."""
    images, labels = [p.image for p in chosen], [p.labels for p in chosen]
    dataset = make_dataset(images, labels, config, axes=axes)
    begun = model_info(dataset, config, model.info.normalization, {})
    begun = {name: getattr(begun, name) for name in begun.instances if name != "cored"}
    info = dataclasses.replace(model.info, **begun)
    predicted = predict_samples(model.network, info, dataset.validation)
    info, value = calibrate(info, predicted, score(info, predicted))
    training = {**model.info.training, "score": value}
    return Model(dataclasses.replace(info, training=training), model.network)


def about(model: Model, result: Evaluation, images: int, kind: Kind) -> Model:
    """Return the model with its card."""
    trained_on = f"{images} {kind.images} of the 2018 Data Science Bowl (BBBC038, CC0)"
    if kind.samples:
        trained_on += f" and {len(sample_pairs(kind.samples))} drawn samples"
    if kind.changes["start"] != "scratch":
        trained_on += f", starting from {kind.changes['start']}"
    training = model.info.training
    before = training["earlier"] if kind.changes["start"] == "scratch" else []  # the same recipe
    steps = sum(each["steps"] for each in (*before, training))
    other = "other images of the first kind" if kind.samples else "others"
    card = (
        f"{kind.knows} Trained on {trained_on}, {steps} steps. On "
        f"{result.images} {other}, which nothing was chosen by: AP "
        f"{result.ap50:.3f} at IoU 0.5, {result.mean_ap:.3f} over IoU 0.5 to 0.95. {kind.fails}"
    )
    training = {**training, "trained_on": trained_on, "test": result.to_json()}
    training["samples"] = {name: sample_ap(model, name) for name in kind.samples}
    training["data"] = {**training["data"], "left_out": []}
    info = dataclasses.replace(
        model.info, description=card, licence="CC0-1.0", training=training, channels=kind.channels
    )
    return Model(info, model.network)


def main() -> None:
    parser = command_line(__doc__, without=("minutes", "limit", "output"))
    parser.set_defaults(steps=9000)
    parser.add_argument("--model", choices=KINDS, default="nuclei", help="to be made")
    parser.add_argument("--weights", type=Path, help="a model of an earlier run: do not train")
    parser.add_argument("--output", type=Path, help="file to write, instead of the bundled one")
    parser.add_argument("--found", type=Path, help="folder to save what was found in")
    arguments = parsed(parser)
    kind = KINDS[arguments.model]
    output = arguments.output or FOLDER / f"{arguments.model}.safetensors"
    split = kind.read(arguments.data)
    chosen = split.training + sample_pairs(kind.samples)
    arguments.changes = kind.changes | arguments.changes
    config = recipe(arguments)
    if arguments.weights:
        model = with_new_settings(load_model(arguments.weights), chosen, config, kind.axes)
    else:
        model = learned(chosen, config, device=arguments.device, axes=kind.axes)
    found = [found_in(model, pair.image, device=arguments.device) for pair in split.test]
    result, each = scores(split.test, found)
    model = about(model, result, len(split.training), kind)
    save_model(model, output)
    keep(arguments.found, None, split.test, found)
    emit(
        f"{arguments.model}, bundled model",
        data=arguments.data.name,
        split=f"{len(split.training)} to train, {len(split.test)} to test",
        seed=arguments.seed,
        steps=arguments.steps,
        changes=arguments.changes,
        seconds=model.info.training["seconds"],
        device=device_name(),
        ap50=result.ap50,
        mean_ap=result.mean_ap,
        ap50_per_image=float(np.mean([evaluation.ap50 for evaluation in each])),
        mean_ap_per_image=float(np.mean([evaluation.mean_ap for evaluation in each])),
        bytes=output.stat().st_size,
        samples=model.info.training["samples"],
        settings=model.info.instances,
    )


if __name__ == "__main__":
    main()
