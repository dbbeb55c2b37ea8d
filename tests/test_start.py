import dataclasses

import numpy as np
import pytest
import torch

from seamless_unet import start as start_module
from seamless_unet.config import Normalization, TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.model_file import load_model, save_model
from seamless_unet.model_info import network_config
from seamless_unet.start import start_model, start_normalization
from seamless_unet.train import Prepared, Validated, train

TINY = {"depth": 1, "base_channels": 2, "batch_norm": False, "dropout": 0.5, "patch": 32}


def picture():
    """24 bright squares, and an image in which they are exactly 1."""
    labels = np.zeros((60, 60), np.int32)
    for number in range(24):
        y, x = divmod(number, 6)
        labels[10 * y + 2 : 10 * y + 8, 10 * x + 2 : 10 * x + 8] = number + 1
    return (labels > 0).astype(np.float32), labels


def config(**changes):
    return TrainConfig.preset(steps=2, **{**TINY, "rim": 0, "validation": 0.3} | changes)


@pytest.fixture
def bundled(pixel_model, tmp_path, monkeypatch):
    """A model that is bundled and finds the squares without having learned from them."""
    model = pixel_model(normalization=Normalization(), output="objects", training={}, grow=0)
    path = save_model(model, tmp_path / "squares.safetensors")
    monkeypatch.setattr(start_module, "bundled_models", lambda: {"squares": path})
    return path


def chosen(config, images, labels):
    dataset = make_dataset(images, labels, config)
    return start_model(config, network_config(dataset, config), dataset)


def test_a_bundled_model_that_finds_the_objects_is_started_from(bundled):
    image, labels = picture()
    model, words = chosen(config(), [image], [labels])
    assert words == "the bundled model squares, which scores 1.00 on them already"
    expected = load_model(bundled).network.state_dict()
    for key, value in model.network.state_dict().items():
        assert torch.equal(value, expected[key])


@pytest.mark.parametrize(
    "changes",
    [{"start": "scratch"}, {"base_channels": 4}, {"rim": 3}, {"batch_norm": True}],
    ids=str,
)
def test_another_network_starts_from_random_weights(bundled, changes):
    image, labels = picture()
    assert chosen(config(**changes), [image], [labels]) == (None, "random weights")


def test_another_kind_of_image_starts_from_random_weights(bundled):
    image, labels = picture()
    assert chosen(config(), [1 - image], [labels])[0] is None
    two_channels = np.stack([image, image])
    network = config()
    dataset = make_dataset([two_channels], [labels], network, axes="CYX")
    assert start_model(network, network_config(dataset, network), dataset)[0] is None


def test_the_best_model_is_never_worse_than_what_it_started_from(bundled):
    image, labels = picture()
    events = list(train([image], [labels], config(learning_rate=10.0)))
    validated = [event for event in events if isinstance(event, Validated)]
    assert (validated[0].step, validated[0].score, validated[0].best) == (0, 1.0, True)
    assert events[-1].model.info.training["score"] == 1
    assert "bundled model squares" in events[-1].model.info.training["data"]["start"]
    assert "Starts from the bundled model squares" in events[0].summary.text()


def test_scribbles_start_from_a_model_of_rims_and_cores(pixel_model, tmp_path, monkeypatch):
    model = pixel_model(
        classes=3, normalization=Normalization(), output="objects", seed_threshold=0.6, grow=0
    )
    path = save_model(model, tmp_path / "parts.safetensors")
    monkeypatch.setattr(start_module, "bundled_models", lambda: {"parts": path})
    image, labels = picture()
    scribbles = np.where(labels > 0, 2, 0)
    scribbles[::10] = 1
    events = list(train([image], [scribbles], config(annotation="scribbles", rim=3)))
    assert isinstance(events[0], Prepared)
    info = events[-1].model.info
    assert info.network.classes == 3
    assert info.classes == ("background", "rim", "core")
    assert info.instances == model.info.instances | {"cored": True}
    assert info.training["score"] == 1


def test_a_named_model_is_taken_or_refused_in_words(bundled, tmp_path):
    image, labels = picture()
    named = config(start=str(bundled))
    assert start_normalization(named) == Normalization()
    assert chosen(named, [image], [labels])[1] == f"the model {bundled}"
    with pytest.raises(ValueError, match=r"its network is .* the one to be trained is"):
        chosen(dataclasses.replace(named, base_channels=4), [image], [labels])
    with pytest.raises(ValueError, match="it finds objects, the labels show classes"):
        chosen(dataclasses.replace(named, annotation="classes"), [image], [labels > 0])
    with pytest.raises(FileNotFoundError, match="no model"):
        chosen(config(start=str(tmp_path / "none.safetensors")), [image], [labels])
