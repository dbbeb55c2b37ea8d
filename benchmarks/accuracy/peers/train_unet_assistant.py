"""napari-unet-assistant: its network, loss, augmentation, training epochs and prediction.

The loop over epochs stands inside the plugin's widget and cannot be called without a window, so
it is repeated here with the widget's defaults: size "large" (64 channels), patches of 256, two a
step, Adam at 0.001, "conservative" augmentation, a fifth of the images held back, the epoch with
the best Dice kept, the rate halved after five epochs without a better one. In its favour: epochs
go on until the time is over (the widget does five), what was learned since the last whole epoch
is validated too, and the foreground that it is given leaves out the borders between touching
objects. It predicts a mask, whose connected components are the objects.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from exchange import Budget, Task, command_line, described, read_task, threads, write_result
from napari_unet_assistant.inference.predictor import _predict_with_model
from napari_unet_assistant.training.augment import AugmentationConfig
from napari_unet_assistant.training.datasets import PatchDataset
from napari_unet_assistant.training.trainer import (
    TrainConfig,
    TrainingCancelled,
    _run_epoch,
    build_loss,
    build_model,
)
from torch.utils.data import DataLoader, Subset
from touching import apart, objects_in, smallest_size

PATCH = 256
BASE_CHANNELS = {"standard": 32, "large": 64, "xlarge": 128}
PATIENCE, LEAST_GAIN, REDUCTION = 5, 1e-4, 0.5


def datasets(task: Task, folder: Path, seed: int) -> tuple[PatchDataset, PatchDataset]:
    """Return the patches with and without augmentation, by way of the TIFF files it reads."""
    images, masks = [], []
    for number, (image, labels) in enumerate(zip(task.images, task.labels, strict=True)):
        images.append(str(folder / f"{number}.tif"))
        masks.append(str(folder / f"{number}_mask.tif"))
        tifffile.imwrite(images[-1], image)
        tifffile.imwrite(masks[-1], apart(labels).astype(np.uint8))
    options = {
        "mode_2d_or_3d": "2d",
        "task_type": "binary",
        "patch_xy": PATCH,
        "patch_z": None,
        "overlap_percent": 0,
        "include_empty_mask": False,
        "seed": seed,
    }
    augmentation = AugmentationConfig.preset_config("conservative")
    augmented = PatchDataset(images, masks, augment=True, augment_config=augmentation, **options)
    return augmented, PatchDataset(images, masks, augment=False, **options)


def held_back(dataset: PatchDataset, part: float) -> tuple[list[int], list[int]]:
    """Return the patches to train on and those to validate on, by image, as the widget does."""
    cases = list(dict.fromkeys(sample.image_path for sample in dataset.samples))
    order = torch.randperm(len(cases), generator=torch.Generator().manual_seed(42)).tolist()
    held = {cases[i] for i in order[: max(1, round(len(cases) * part))]}
    indices: tuple[list[int], list[int]] = ([], [])
    for number, sample in enumerate(dataset.samples):
        indices[sample.image_path in held].append(number)
    return indices


def epoch_cut_short(budget: Budget, *arguments: Any) -> bool:
    """Learn for an epoch of the plugin, or until the time is over: then return True."""
    try:
        _run_epoch(*arguments, train=True, should_stop=lambda: budget.spent >= 1)
    except TrainingCancelled:
        return True
    return False


def train(task: Task, config: TrainConfig, budget: Budget, seed: int) -> tuple[Any, dict[str, Any]]:
    """Return the network with its best weights, and what to say of the training."""
    with tempfile.TemporaryDirectory() as folder:
        augmented, plain = datasets(task, Path(folder), seed)
    kept, held = held_back(augmented, config.val_split)
    learn = DataLoader(Subset(augmented, kept), batch_size=config.batch_size, shuffle=True)
    validate = DataLoader(Subset(plain, held), batch_size=config.batch_size)
    model, loss = build_model(config), build_loss(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    steps: list[int] = []
    optimizer.register_step_post_hook(lambda *_: steps.append(1))
    best, weights, waited, epochs, used = -1.0, {}, 0, 0, {}
    while budget.spent < 1:
        epochs += not epoch_cut_short(budget, model, learn, loss, optimizer, config)
        used = budget.used()
        dice = _run_epoch(model, validate, loss, optimizer, config, train=False)[1]["dice"]
        if dice > best + LEAST_GAIN:
            best, weights, waited = dice, copy.deepcopy(model.state_dict()), 0
        else:
            waited += 1
        if waited == PATIENCE:  # once, as every later plateau would stop it
            optimizer.param_groups[0]["lr"] = config.lr * REDUCTION
    model.load_state_dict(weights)
    return model.eval(), used | {"steps": len(steps), "epochs": epochs, "validation_dice": best}


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--size", choices=BASE_CHANNELS, default="large")
    arguments = parser.parse_args()
    torch.set_num_threads(threads())
    torch.manual_seed(arguments.seed)
    task = read_task(arguments.task)
    config = TrainConfig(model_base=BASE_CHANNELS[arguments.size], device="cpu")
    model, summary = train(task, config, Budget(arguments.minutes), arguments.seed)
    smallest, found = smallest_size(task.labels), []
    for image in task.test:
        settings = vars(config) | {"patch_xy": PATCH, "overlap_percent": 0}
        found.append(objects_in(_predict_with_model(model, settings, image, "cpu")[0], smallest))
    summary |= described("napari-unet-assistant", "torch")
    settings = {name: summary.pop(name) for name in ("epochs", "validation_dice")}
    summary["settings"] = {"size": arguments.size} | settings
    write_result(arguments.result, found, summary)


if __name__ == "__main__":
    main()
