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
    assert [plane in validation for plane in planes] == [plane not in training for plane in planes]
    assert len(training) + len(validation) == 20
    assert len(validation) <= 3 * 0.15 * 20  # the planes that show nothing are learned from, too
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


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_background_beyond_the_last_label_is_learned_from(axis, backwards):
    """Or most of an image would be held back that has its cells at one end."""
    cells = np.zeros((60, 60), np.int16)
    cells[2:18:4, 2::4] = 1
    cells = cells[::-1] if backwards else cells
    cells = cells.T if axis else cells
    weight = np.ones((60, 60), np.float32)
    image = np.zeros((1, 60, 60), np.float32)
    whole = Sample(image, cells.astype(np.int32), cells, weight, (0, 0), "image", "objects")
    (learned,), (held_back,), _ = split_validation([whole], TrainConfig(steps=1))
    assert (learned.annotated ^ held_back.annotated).all()
    assert held_back.annotated.mean() < 0.3
    assert 0.1 < cells[held_back.annotated].sum() / cells.sum() < 0.3


@pytest.mark.parametrize("seed", range(4))
def test_where_one_image_of_many_shows_objects_a_part_of_it_is_held_back(seed):
    images = [sample((n, 0), shows=n == 5) for n in range(12)]
    training, validation, _ = split_validation(images, TrainConfig(steps=1, seed=seed))
    assert any((s.target[s.annotated] > 0).any() for s in validation)
    assert any((s.target[s.annotated] > 0).any() for s in training)


def test_volumes_that_are_held_back_are_called_so():
    flat = [sample((0, 0)) for _ in range(3)]
    volumes = [
        Sample(
            s.image[:, None], s.labels[None], s.target[None], s.weight[None], (0, 0), "v", "objects"
        )
        for s in flat
    ]
    assert split_validation(volumes, TrainConfig(steps=1, ndim=3))[2] == (
        "the last annotated volumes, 1 of 3"
    )
