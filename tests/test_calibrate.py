import dataclasses

import numpy as np
import pytest

from seamless_unet.calibrate import calibrate
from seamless_unet.config import UNetConfig
from seamless_unet.model_header import ModelInfo
from seamless_unet.sample import Sample
from seamless_unet.segment import segment
from seamless_unet.validate import Predicted, score


def calibrated(info, found):
    return calibrate(info, found, score(info, found))


def info(**changes):
    return ModelInfo(grow=0, **{"network": UNetConfig(), "min_size": 4} | changes)


def predicted(labels, foreground, annotation="objects"):
    sample = Sample(
        image=np.zeros((1, *labels.shape), np.float32),
        labels=labels,
        target=(labels > 0).astype(np.int16),
        weight=np.ones(labels.shape, np.float32),
        source=(0, 0),
        name="drawn",
        annotation=annotation,
    )
    return [Predicted(sample, np.stack([1 - foreground, foreground]).astype(np.float32))]


@pytest.fixture
def squares():
    """225 squares of 6 x 6 pixels."""
    labels = np.zeros((150, 150), np.int32)
    for number in range(225):
        y, x = divmod(number, 15)
        labels[10 * y + 2 : 10 * y + 8, 10 * x + 2 : 10 * x + 8] = number + 1
    return labels


def test_what_is_right_already_stays(squares):
    before = info()
    after, value = calibrated(before, predicted(squares, (squares > 0) * 0.9))
    assert (after, value) == (before, 1.0)


def test_a_smallest_size_that_was_given_up_comes_back(squares):
    """An early network, whose objects are small, may have wanted 0."""
    specks = np.where(squares > 0, 0.9, 0.0)
    specks[::10, 1::10] = 0.9
    after, value = calibrated(info(min_size=0), predicted(squares, specks))
    assert value == 1
    assert 1 < after.min_size <= 36


def test_a_faint_network_gets_a_lower_threshold(squares):
    after, value = calibrated(info(), predicted(squares, (squares > 0) * 0.45))
    assert value == 1
    assert after.threshold in (0.3, 0.4)


def test_seeds_divide_where_that_is_better(squares):
    bridged = np.where(squares > 0, 0.95, 0.0)
    bridged[5::10] = np.maximum(bridged[5::10], 0.65)
    before = info(threshold=0.5)
    after, value = calibrated(before, predicted(squares, bridged))
    assert after.seed_threshold is not None or after.threshold == 0.7
    assert value > score(before, predicted(squares, bridged)) + 0.5


def test_seeds_are_dropped_where_they_divide_single_objects(squares):
    split = np.where(squares > 0, 0.8, 0.0)
    split[:, 4::10] = np.minimum(split[:, 4::10], 0.6)  # a valley through every square
    after, value = calibrated(info(seed_threshold=0.7), predicted(squares, split))
    assert value == 1
    assert after.seed_threshold in (None, 0.5)


def test_cores_are_never_given_up(squares):
    inside = squares > 0
    core = np.where(inside, 0.8, 0.0)
    core[:, 4::10] = 0.1  # two cores in every square: without seeds all would be right
    faint = [1 - 0.9 * inside, 0.9 * inside - core.clip(max=0.9) * inside, core * inside]
    found = [
        dataclasses.replace(predicted(squares, inside * 0.9)[0], probabilities=np.stack(faint))
    ]
    before = info(
        network=UNetConfig(classes=3), classes=("background", "rim", "core"), seed_threshold=0.3
    )
    assert before.instances["cored"]
    assert score(dataclasses.replace(before, seed_threshold=None), found) == 1
    assert calibrated(before, found)[0].seed_threshold is not None


def test_necks_divide_where_that_is_better():
    y, x = np.mgrid[-12:12, -12:12]
    one = y**2 + x**2 <= 49
    labels = np.zeros((15 * 24, 15 * 24), np.int32)
    for number in range(225):
        row, column = divmod(number, 15)
        labels[24 * row :, 24 * column :][:24, :24][one] = number + 1
    bridged = labels > 0
    bridged[10::24] = bridged[11::24] = bridged[12::24] = True
    found = predicted(labels, bridged * 0.9)
    after, value = calibrated(info(), found)
    assert after.neck > 0
    assert value > score(info(), found) + 0.3


def test_debris_raises_the_smallest_size(squares):
    foreground = (squares > 0) * 0.9
    foreground[0, ::6] = foreground[0, 1::6] = 0.9  # pairs of pixels
    found = predicted(squares, foreground)
    after, value = calibrated(info(min_size=2), found)
    assert value == 1
    assert after.min_size == 4
    assert segment(found[0].probabilities, **after.instances).max() == 225


@pytest.mark.parametrize("case", ["few", "scribbles"])
def test_nothing_is_chosen_where_there_is_too_little_to_choose_by(squares, case):
    labels = np.where(squares <= 199, squares, 0) if case == "few" else squares
    annotation = "scribbles" if case == "scribbles" else "objects"
    after, _ = calibrated(info(), predicted(labels, (labels > 0) * 0.45, annotation))
    assert after == info()


def test_of_equals_the_setting_stays(squares):
    before = dataclasses.replace(info(), threshold=0.6)
    assert calibrated(before, predicted(squares, (squares > 0) * 1.0))[0] == before
