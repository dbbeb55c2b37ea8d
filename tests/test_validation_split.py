"""What is held back to measure the score on, and what is left to learn from."""

import numpy as np
import pytest

from seamless_unet.config import TrainConfig
from seamless_unet.sample import Sample, evenly
from seamless_unet.validation_split import split_validation

SHAPE = (20, 24)


def sample(source, *, shows=True, annotation="objects", annotated=(slice(None), slice(None))):
    """Return a sample with one object, or none, where it is annotated."""
    target, weight = np.zeros(SHAPE, np.int16), np.zeros(SHAPE, np.float32)
    target[2:6, 2:6], weight[annotated] = shows, 1
    image = np.zeros((1, *SHAPE), np.float32)
    labels = target.astype(np.int32)
    return Sample(image, labels, target, weight, source, f"image {source}", annotation)


def shown(samples):
    return sum(bool(s.target.any()) for s in samples)


@pytest.mark.parametrize(("first", "last"), [(2, 14), (0, 3), (17, 20), (4, 6), (0, 20)])
def test_planes_that_are_held_back_show_something_and_so_do_the_others(first, last):
    planes = [sample((0, 0), shows=first <= z < last) for z in range(20)]
    training, validation, _ = split_validation(planes, TrainConfig(steps=1))
    assert training + validation == planes
    held_back = shown(validation)
    assert held_back == max(1, round(0.15 * (last - first)))
    assert shown(training) == last - first - held_back > 0


def test_all_planes_alike_the_last_ones_are_held_back():
    planes = [sample((0, 0), shows=False) for _ in range(20)]
    training, validation, how = split_validation(planes, TrainConfig(steps=1))
    assert (len(training), len(validation)) == (17, 3)
    assert how == "the last annotated planes, 3 of 20"


@pytest.mark.parametrize("seed", range(8))
def test_images_that_are_held_back_show_something_and_so_do_the_others(seed):
    images = [sample((n, 0), shows=n % 6 == 0) for n in range(12)]  # two of twelve
    training, validation, how = split_validation(images, TrainConfig(steps=1, seed=seed))
    assert (shown(training), shown(validation)) == (1, 1)
    assert how == f"{len(validation)} of 12 images"


@pytest.mark.parametrize("seed", range(8))
def test_the_only_image_of_whole_objects_is_learned_from(seed):
    kinds = ["scribbles"] * 9 + ["objects"]
    images = [sample((n, 0), annotation=kind) for n, kind in enumerate(kinds)]
    training, validation, _ = split_validation(images, TrainConfig(steps=1, seed=seed))
    assert images[-1] in training
    assert len(validation) == 1


@pytest.mark.parametrize("seed", range(8))
def test_the_only_image_of_a_class_is_learned_from(seed):
    images = [sample((n, 0), annotation="classes") for n in range(12)]
    images[7].target[10, 10] = 2
    config = TrainConfig(steps=1, seed=seed, annotation="classes", validation=0.4)
    training, validation, _ = split_validation(images, config, ("class 0", "class 3", "class 9"))
    assert images[7] in training
    assert len(validation) == 5


def test_samples_are_counted_by_what_is_annotated_of_them():
    part = (slice(3, 7), slice(4, 9))  # 20 pixels
    samples = [sample((n, 0), annotated=part) for n in range(9)]
    assert evenly(samples, 9 * 20) == samples
    assert evenly(samples, 3 * 20) == [samples[0], samples[4], samples[8]]
    samples = [sample((n, 0)) for n in range(9)]
    assert len(evenly(samples, 9 * 20 * 24 - 1)) == 8
