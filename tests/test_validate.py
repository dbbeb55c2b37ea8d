import numpy as np
import pytest

from seamless_unet.config import TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.validate import validate


def prepared(pixel_model, labels, annotation, wrong=()):
    """A model that rounds the image to a class, an image of the true classes with some wrong."""
    image = np.array(labels > 0, float) if annotation == "objects" else np.maximum(labels - 1.0, 0)
    for place in wrong:
        image[place] = 1 - image[place]
    config = TrainConfig(steps=1, annotation=annotation, validation=0.5)
    model = pixel_model(training={"config": config.to_json()})
    dataset = make_dataset(
        [image] * 10, [labels] * 10, config, normalization=model.info.normalization
    )
    return model, dataset.validation


def test_perfect_objects_score_one(pixel_model):
    labels = np.zeros((30, 30), int)
    labels[3:10, 3:10], labels[15:25, 5:20] = 1, 2
    model, samples = prepared(pixel_model, labels, "objects")
    score, loss = validate(model.network, model.info, samples)
    assert score == 1
    assert 0 <= loss < 0.01


def test_a_missed_object_costs_half(pixel_model):
    labels = np.zeros((30, 30), int)
    labels[3:10, 3:10], labels[15:25, 5:20] = 1, 2
    wrong = [(slice(3, 10), slice(3, 10))]
    model, samples = prepared(pixel_model, labels, "objects", wrong)
    score, loss = validate(model.network, model.info, samples)
    assert score == pytest.approx(0.5)
    assert loss > 0.1


def test_scribbles_score_the_dice_of_annotated_pixels_only(pixel_model):
    labels = np.zeros((30, 30), int)
    labels[2:4, 2:12], labels[20:22, 2:12] = 1, 2
    outside = [(slice(10, 15), slice(10, 15))]
    model, samples = prepared(pixel_model, labels, "scribbles", outside)
    assert validate(model.network, model.info, samples)[0] == 1
    half_wrong = [(slice(20, 21), slice(2, 12))]
    model, samples = prepared(pixel_model, labels, "scribbles", half_wrong)
    # background 2*20/(30+20), object 2*10/(10+20)
    expected = (40 / 50 + 20 / 30) / 2
    assert validate(model.network, model.info, samples)[0] == pytest.approx(expected)
