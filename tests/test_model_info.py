import dataclasses

import numpy as np
import pytest

from seamless_unet.config import Normalization, TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.model_info import least_size, model_info
from seamless_unet.segment import segment


def pattern(shape, count, *, side=40):
    """Return labels with this many objects of a shape, in rows of ten."""
    rows = -(-count // 10)
    labels = np.zeros((side * rows, side * 10), np.int32)
    for number in range(count):
        y, x = divmod(number, 10)
        labels[y * side :, x * side :][: shape.shape[0], : shape.shape[1]][shape] = number + 1
    return labels


def disc(radius):
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.pad(y**2 + x**2 <= radius**2, 1)


def dumbbell(radius):
    return np.pad(disc(radius), ((0, 0), (0, 14))) | np.pad(disc(radius), ((0, 0), (14, 0)))


def info(labels, start=None):
    config = TrainConfig.preset(steps=1)
    dataset = make_dataset([labels.astype(np.float32)], [labels], config)
    return model_info(dataset, config, Normalization(), {}, start=start)


@pytest.mark.parametrize(("radius", "depth"), [(5, 1.5), (11, 2.2)])
def test_round_objects_are_divided_at_necks_as_deep_as_a_fifth_of_their_radius(radius, depth):
    assert info(pattern(disc(radius), 60)).neck == pytest.approx(depth, abs=0.1)


def test_necks_divide_what_two_of_the_objects_would_look_like_together():
    neck = info(pattern(disc(8), 60)).neck
    foreground = dumbbell(8).astype(np.float32)
    assert segment(np.stack([1 - foreground, foreground]), neck=neck).max() == 2


def test_objects_that_have_necks_themselves_stay_whole():
    assert info(pattern(dumbbell(8), 60)).neck == 0


@pytest.mark.parametrize(("count", "size"), [(0, 0), (1, 150), (3, 300), (6, 400), (597, 597)])
def test_the_fewer_objects_are_drawn_the_smaller_one_may_be(count, size):
    assert least_size([900] * count) == size


def test_of_few_objects_nobody_can_tell(pixel_model):
    labels = pattern(disc(5), 9)
    assert info(labels).neck == 0
    start = pixel_model()
    start = dataclasses.replace(start, info=dataclasses.replace(start.info, neck=4.0))
    assert info(labels, start).neck == 4.0
    assert info(pattern(dumbbell(8), 60), start).neck == 0


def test_large_objects_in_a_few_images_do_not_make_a_model_blind_to_others(pixel_model):
    start = pixel_model()
    start = dataclasses.replace(start, info=dataclasses.replace(start.info, min_size=26))
    assert info(pattern(disc(11), 60)).min_size > 200
    assert info(pattern(disc(11), 60), start).min_size == 52
    small = pattern(disc(2), 60)
    assert info(small, start).min_size == info(small).min_size < 13  # they are objects too


@pytest.mark.parametrize(
    ("space", "grow"), [(0, 2), (1, 0), (2, 0), (3, 2)], ids=["touching", "thin", "gap", "apart"]
)
@pytest.mark.parametrize("depth", [None, 6], ids=["plane", "volume"])
def test_gaps_are_closed_where_objects_touch_but_not_where_they_keep_apart(space, grow, depth):
    row = np.repeat(np.arange(4), 8 + space) * (np.arange(4 * (8 + space)) % (8 + space) < 8)
    labels = np.tile(row, (20, 1)).astype(np.int32) * 1000
    config = TrainConfig.preset(steps=1)
    if depth:
        labels = np.stack([labels] * depth)
        config = TrainConfig.preset(steps=1, ndim=3)
    dataset = make_dataset([labels.astype(np.float32)], [labels], config)
    assert model_info(dataset, config, Normalization(), {}).grow == grow
