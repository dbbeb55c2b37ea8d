"""StarDist, trained from scratch as in its example notebooks.

32 rays, grid (2, 2), percentile normalization, flips, quarter turns, intensity changes and noise.
Two images are held back: the weights with the least loss on them are kept, and the thresholds are
optimized on them after the time is over, which does not count. Instead of halving on a plateau,
the learning rate follows a cosine that ends with the time.
"""

from __future__ import annotations

import math
import tempfile
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from csbdeep.utils import normalize
from exchange import Budget, Task, command_line, described, read_task, threads, write_result
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

VALIDATION_IMAGES = 2
STEPS_PER_EPOCH = 25  # it validates so often


class Anneal(keras.callbacks.Callback):
    """Lower the learning rate as the time goes by, and stop when it is over."""

    def __init__(self, budget: Budget, learning_rate: float) -> None:
        super().__init__()
        self.budget, self.learning_rate, self.steps = budget, learning_rate, 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Set the rate of the next step."""
        part = min(self.budget.spent, 1.0)
        self.model.optimizer.learning_rate = self.learning_rate * (1 + math.cos(math.pi * part)) / 2
        self.model.stop_training = part >= 1
        self.steps += 1


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flip, turn, change intensity and add noise, as StarDist's example notebook does."""
    turns = np.random.randint(4)  # noqa: NPY002 - StarDist draws its patches from the same one
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if np.random.rand() < 0.5:  # noqa: NPY002
        image, labels = image[::-1], labels[::-1]
    uniform, normal = np.random.uniform, np.random.normal
    image = image * uniform(0.6, 2) + uniform(-0.2, 0.2)
    return image + 0.02 * uniform(0, 1) * normal(0, 1, image.shape), labels


def network(arguments: Any, folder: str) -> StarDist2D:
    """Return an untrained network that keeps its best weights in a folder."""
    config = Config2D(
        n_rays=32,
        grid=(2, 2),
        n_channel_in=1,
        train_patch_size=(256, 256),
        train_batch_size=arguments.batch_size,
        train_learning_rate=arguments.learning_rate,
        train_reduce_lr=None,
        train_tensorboard=False,
    )
    return StarDist2D(config, name="trained", basedir=folder)


def train(task: Task, arguments: Any, folder: str) -> tuple[StarDist2D, dict[str, Any]]:
    """Return the network with its thresholds, and what to say of the training."""
    budget = Budget(arguments.minutes)
    images = [normalize(image, 1, 99.8, axis=(0, 1)) for image in task.images]
    labels = [fill_label_holes(ids) for ids in task.labels]
    count = min(VALIDATION_IMAGES, len(images) - 1)
    order = np.random.default_rng(arguments.seed).permutation(len(images))
    held, kept = order[:count], order[count:]
    validation = [images[i] for i in held], [labels[i] for i in held]
    model, anneal = network(arguments, folder), Anneal(budget, arguments.learning_rate)
    model.prepare_for_training()
    model.keras_model.jit_compile = arguments.jit
    model.callbacks.append(anneal)
    model.train(
        [images[i] for i in kept],
        [labels[i] for i in kept],
        validation_data=validation,
        augmenter=augment,
        epochs=100_000 // STEPS_PER_EPOCH,
        steps_per_epoch=STEPS_PER_EPOCH,
    )
    summary = budget.used() | {"steps": anneal.steps}
    model.optimize_thresholds(*validation)
    return model, summary


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--jit", action="store_true", help="compile with XLA")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(threads())
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(arguments.seed)
    task = read_task(arguments.task)
    with tempfile.TemporaryDirectory() as folder:
        model, summary = train(task, arguments, folder)
    scaled = (normalize(image, 1, 99.8, axis=(0, 1)) for image in task.test)
    found = [model.predict_instances(image)[0] for image in scaled]
    settings = {
        "learning_rate": arguments.learning_rate,
        "batch_size": arguments.batch_size,
        "probability_threshold": model.thresholds.prob,
        "nms_threshold": model.thresholds.nms,
    }
    summary |= described("stardist", "tensorflow", "keras") | {"settings": settings}
    write_result(arguments.result, found, summary)


if __name__ == "__main__":
    main()
