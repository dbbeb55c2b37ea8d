import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from seamless_unet.config import TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.validate import predict_samples, score, weighted_entropy


def prepared(pixel_model, labels, annotation, wrong=()):
    """A model that rounds the image to a class, an image of the true classes with some wrong."""
    image = np.array(labels > 0, float) if annotation == "objects" else np.maximum(labels - 1.0, 0)
    for place in wrong:
        image[place] = 1 - image[place]
    config = TrainConfig(steps=1, annotation=annotation, validation=0.5, rim=0)
    model = pixel_model(training={"config": config.to_json()})
    dataset = make_dataset(
        [image] * 10, [labels] * 10, config, normalization=model.info.normalization
    )
    return model, dataset.validation


def measured(model, samples):
    predicted = predict_samples(model.network, model.info, samples)
    return score(model.info, predicted), weighted_entropy(predicted)


@pytest.fixture
def two_objects():
    labels = np.zeros((30, 30), int)
    labels[3:10, 3:10], labels[15:25, 5:20] = 1, 2
    return labels


def test_perfect_objects_score_one(pixel_model, two_objects):
    value, loss = measured(*prepared(pixel_model, two_objects, "objects"))
    assert value == 1
    assert 0 <= loss < 0.01


def test_a_missed_object_costs_half(pixel_model, two_objects):
    wrong = [(slice(3, 10), slice(3, 10))]
    value, loss = measured(*prepared(pixel_model, two_objects, "objects", wrong))
    assert value == pytest.approx(0.5)
    assert loss > 0.1


def test_scribbles_score_the_dice_of_annotated_pixels_only(pixel_model):
    labels = np.zeros((30, 30), int)
    labels[2:4, 2:12], labels[20:22, 2:12] = 1, 2
    outside = [(slice(10, 15), slice(10, 15))]
    assert measured(*prepared(pixel_model, labels, "scribbles", outside))[0] == 1
    half_wrong = [(slice(20, 21), slice(2, 12))]
    # background 2*20/(30+20), object 2*10/(10+20)
    expected = (40 / 50 + 20 / 30) / 2
    assert measured(*prepared(pixel_model, labels, "scribbles", half_wrong))[0] == pytest.approx(
        expected
    )


def test_an_image_of_whole_objects_that_shows_none_is_no_score(pixel_model):
    """Or a network that finds nothing would have 1, whatever was scribbled elsewhere."""
    strokes = np.zeros((40, 60), int)
    strokes[5:15, 5:15], strokes[25:35, 25:35] = 2, 1
    model, scribbled = prepared(pixel_model, strokes, "scribbles")
    nothing = np.zeros_like(scribbled[0].labels)
    weight = np.ones(nothing.shape, np.float32)
    empty = replace(
        scribbled[0],
        image=np.zeros_like(scribbled[0].image),
        labels=nothing,
        target=nothing.astype(np.int16),
        weight=weight,
        annotation="objects",
    )
    blind = [replace(sample, image=sample.image * 0) for sample in scribbled]
    assert measured(model, [*scribbled, empty])[0] == 1
    assert measured(model, [*blind, empty])[0] < 0.6


def test_any_part_of_an_object_is_right_where_a_scribble_does_not_say_which(pixel_model):
    labels = np.zeros((30, 30), int)
    labels[2:4, 2:12], labels[20:22, 2:12] = 1, 2
    config = TrainConfig(steps=1, annotation="scribbles", validation=0.5)
    parts = pixel_model(classes=3, training={"config": config.to_json()}, output="objects")
    image = np.where(labels == 2, np.arange(30) % 2 + 1.0, 0.0)  # rim and core in turns
    dataset = make_dataset(
        [image] * 10, [labels] * 10, config, normalization=parts.info.normalization
    ).starting("a model", classes=3)
    assert {int(v) for s in dataset.training for v in np.unique(s.target)} == {0, 3}
    value, loss = measured(parts, dataset.validation)
    assert value == 1
    assert loss < 0.01
    wrong = [dataclasses.replace(s, image=np.zeros_like(s.image)) for s in dataset.validation]
    value, loss = measured(parts, wrong)
    assert value < 0.5
    assert loss > 1
