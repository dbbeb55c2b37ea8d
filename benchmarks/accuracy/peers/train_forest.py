"""Pixel classification: a random forest on scikit-image's multiscale features.

Two classes, as users of pixel classification draw them: foreground, and background with the
borders between touching objects. 100 trees are grown on as many random pixels each as fill the
time. Objects are the connected components of probability above one half.
"""

from __future__ import annotations

import time

import numpy as np
from exchange import Budget, Task, command_line, described, read_task, threads, write_result
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier
from touching import apart, objects_in, smallest_size

TREES = 100
FIRST_PIXELS = 20_000  # per tree, of the first trees, which measure the speed


def features(image: np.ndarray) -> np.ndarray:
    """Return intensity, edges and texture at scales of 1 to 16 pixels: (pixels, features)."""
    low, high = np.percentile(image, (1, 99.8))
    scaled = ((image - low) / max(high - low, 1)).astype(np.float32)
    stack = multiscale_basic_features(scaled, sigma_min=1, sigma_max=16, workers=threads())
    return stack.reshape(-1, stack.shape[-1])


def train(task: Task, budget: Budget, seed: int) -> tuple[RandomForestClassifier, int]:
    """Return a forest, and the largest number of pixels that one of its trees learned from."""
    inputs = np.concatenate([features(image) for image in task.images])
    classes = np.concatenate([apart(labels).ravel() for labels in task.labels])
    forest = RandomForestClassifier(
        min_samples_leaf=5, n_jobs=threads(), random_state=seed, warm_start=True
    )
    pixels, grown, most = min(FIRST_PIXELS, len(inputs)), 0, 0
    while grown < TREES and budget.spent < 1:
        began, more = time.perf_counter(), min(2 * threads(), TREES - grown)
        grown, most = grown + more, max(most, pixels)
        forest.set_params(n_estimators=grown, max_samples=pixels).fit(inputs, classes)
        speed = more * pixels / (time.perf_counter() - began)
        left = 60 * budget.minutes - budget.seconds
        wanted = int(speed * left / max(TREES - grown, 1))
        pixels = min(max(wanted, FIRST_PIXELS), 4 * pixels, len(inputs))
    return forest, most


def main() -> None:
    arguments = command_line(__doc__).parse_args()
    task = read_task(arguments.task)
    budget = Budget(arguments.minutes)
    forest, pixels = train(task, budget, arguments.seed)
    used = budget.used()
    smallest, found = smallest_size(task.labels), []
    for image in task.test:
        probability = forest.predict_proba(features(image))[:, 1]
        found.append(objects_in(probability.reshape(image.shape) > 0.5, smallest))
    summary = described("scikit-learn", "scikit-image") | used
    settings = {"trees": len(forest.estimators_), "pixels_per_tree": pixels}
    write_result(arguments.result, found, summary | {"steps": None, "settings": settings})


if __name__ == "__main__":
    main()
