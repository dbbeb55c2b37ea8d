"""MONAI: its BasicUNet with its own loss, augmentation and sliding window.

The foreground to learn leaves out the borders between touching objects; objects are the connected
components of what is found. No image is held back: the last weights are kept, after a cosine that
ends with the time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from exchange import Budget, Task, command_line, described, read_task, threads, write_result
from monai.inferers import SlidingWindowInferer
from monai.losses import DiceCELoss
from monai.networks.nets import BasicUNet
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandGaussianNoised,
    RandRotate90d,
    RandRotated,
    RandScaleIntensityd,
    RandShiftIntensityd,
    ScaleIntensityRangePercentiles,
)
from monai.utils import set_determinism
from touching import apart, objects_in, smallest_size

LEARNING_RATE = 1e-3
BOTH = ("image", "label")


def augmentation(patch: int, seed: int) -> Compose:
    """Return random patches, flips, rotations and grey values."""
    transforms = Compose(
        [
            RandCropByPosNegLabeld(BOTH, "label", (patch, patch), pos=1, neg=1, num_samples=1),
            RandFlipd(BOTH, prob=0.5, spatial_axis=0),
            RandFlipd(BOTH, prob=0.5, spatial_axis=1),
            RandRotate90d(BOTH, prob=0.75),
            RandRotated(
                BOTH,
                range_x=math.pi / 4,
                prob=0.5,
                mode=("bilinear", "nearest"),
                padding_mode="reflection",
            ),
            RandScaleIntensityd("image", factors=0.3, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
            RandGaussianNoised("image", prob=0.3, std=0.03),
        ]
    )
    return transforms.set_random_state(seed)


def scaled(image: np.ndarray) -> torch.Tensor:
    """Return the image (1, Y, X) with its percentiles 1 and 99.8 at 0 and 1."""
    scale = ScaleIntensityRangePercentiles(1, 99.8, 0, 1)
    return torch.as_tensor(np.asarray(scale(image[None].astype(np.float32))))


def train(task: Task, arguments: Any, network: BasicUNet) -> dict[str, Any]:
    """Train until the time is over and say what was done."""
    budget = Budget(arguments.minutes)
    samples = [
        {"image": scaled(image), "label": torch.as_tensor(apart(labels)[None].astype(np.float32))}
        for image, labels in zip(task.images, task.labels, strict=True)
    ]
    augment = augmentation(arguments.patch, arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    network.train()
    steps = 0
    while budget.spent < 1:
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * budget.spent)) / 2
        chosen = rng.choice(len(samples), arguments.batch_size)
        patches = [augment(samples[i])[0] for i in chosen]
        image, target = (torch.stack([p[key].as_tensor() for p in patches]) for key in BOTH)
        optimizer.zero_grad()
        loss(network(image), target).backward()
        optimizer.step()
        steps += 1
    return budget.used() | {"steps": steps}


def foreground(network: BasicUNet, image: np.ndarray, patch: int) -> np.ndarray:
    """Return where the foreground is more probable than the background."""
    infer = SlidingWindowInferer((patch, patch), sw_batch_size=4, overlap=0.25, mode="gaussian")
    with torch.inference_mode():
        return infer(scaled(image)[None], network)[0].argmax(0).numpy() > 0


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--patch", type=int, default=192, help="pixels")
    parser.add_argument("--batch-size", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(threads())
    set_determinism(arguments.seed)
    task = read_task(arguments.task)
    network = BasicUNet(spatial_dims=2, in_channels=1, out_channels=2)
    summary = train(task, arguments, network)
    network.eval()
    smallest = smallest_size(task.labels)
    found = [objects_in(foreground(network, i, arguments.patch), smallest) for i in task.test]
    settings = {"patch": arguments.patch, "batch_size": arguments.batch_size}
    summary |= described("monai", "torch") | {"settings": settings}
    write_result(arguments.result, found, summary)


if __name__ == "__main__":
    main()
