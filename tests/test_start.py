import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from seamless_unet import start as start_module
from seamless_unet.config import Normalization, TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.device import learns_narrow
from seamless_unet.image_io import sample_path
from seamless_unet.model_file import load_model, read_info, save_model
from seamless_unet.model_info import network_config
from seamless_unet.start import Start, choose_start, start_normalization
from seamless_unet.train import Prepared, Step, Validated, train
from seamless_unet.train_state import TrainState
from seamless_unet.transfer import seen_in_channels

TINY = {"depth": 1, "base_channels": 2, "batch_norm": False, "dropout": 0.5, "patch": 32}


def picture():
    """24 bright squares, and an image in which they are exactly 1."""
    labels = np.zeros((60, 60), np.int32)
    for number in range(24):
        y, x = divmod(number, 6)
        labels[10 * y + 2 : 10 * y + 8, 10 * x + 2 : 10 * x + 8] = number + 1
    return (labels > 0).astype(np.float32), labels


def config(**changes):
    return TrainConfig.preset(**{"steps": 2, **TINY, "rim": 0, "validation": 0.3} | changes)


@pytest.fixture
def bundled(pixel_model, tmp_path, monkeypatch):
    """A model that is bundled and finds the squares without having learned from them."""
    model = pixel_model(normalization=Normalization(), output="objects", training={}, grow=0)
    path = save_model(model, tmp_path / "squares.safetensors")
    monkeypatch.setattr(start_module, "bundled_models", lambda: {"squares": path})
    return path


def chosen(config, images, labels, **options):
    dataset = make_dataset(images, labels, config, **options)
    return choose_start(config, network_config(dataset, config), dataset)


def test_a_bundled_model_that_finds_the_objects_is_started_from(bundled):
    image, labels = picture()
    start = chosen(config(), [image], [labels])
    assert start.words == "the bundled model squares, which scores 1.00 on what is learned from"
    assert start.adapting
    expected = load_model(bundled).network.state_dict()
    for key, value in start.model.network.state_dict().items():
        assert torch.equal(value, expected[key])


@pytest.mark.parametrize(
    "changes",
    [{"start": "scratch"}, {"base_channels": 4}, {"rim": 3}, {"batch_norm": True}],
    ids=str,
)
def test_another_network_starts_from_random_weights(bundled, changes):
    image, labels = picture()
    assert chosen(config(**changes), [image], [labels]) == Start("random weights")


def noise(labels):
    return np.random.default_rng(0).uniform(size=labels.shape).astype(np.float32)


def test_another_kind_of_image_starts_from_random_weights(bundled):
    _, labels = picture()
    assert chosen(config(), [noise(labels)], [labels]) == Start("random weights")


def test_dark_objects_and_those_in_several_channels_are_found_too(bundled):
    image, labels = picture()
    start = chosen(config(), [1 - image], [labels])
    assert start.words == "the bundled model squares, which scores 1.00 on what is learned from"
    channels = np.stack([noise(labels), 1 - image, image])
    start = chosen(config(), [channels], [labels], axes="CYX")
    assert start.adapting
    assert start.model.info.network.in_channels == 3
    *_, finished = train([channels], [labels], config(), axes="CYX")
    assert finished.model.info.training["score"] == 1
    assert finished.model.info.channels == ("channel 1", "channel 2", "channel 3")


def test_a_model_that_finds_some_of_them_is_a_beginning(bundled):
    image, labels = picture()
    image[:, 10:] = 0  # most of the squares are not to be seen
    start = chosen(config(), [image], [labels])
    score = float(re.search("scores (.+) on", start.words)[1])
    assert 0.1 < score < 0.3
    assert not start.adapting
    events = train([image], [labels], config())
    state = next(events).state
    for key, value in load_model(bundled).network.state_dict().items():
        assert torch.equal(state.network.state_dict()[key], value)
    assert state.info.seed_threshold == 0.7  # of a new training, not of the model
    assert state.info.training["earlier"] == []
    assert isinstance(next(events), Step)  # what finds so few is not kept as the best


def test_a_model_that_was_learned_from_dark_objects_is_not_turned(bundled, tmp_path):
    image, labels = picture()
    *_, finished = train([1 - image], [labels], config())
    path = save_model(finished.model, tmp_path / "dark.safetensors")
    events = train([1 - image], [labels], config(start=str(path)))
    first = next(event for event in events if isinstance(event, Validated))
    assert first.score == 1


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
    assert info.instances == model.info.instances
    assert info.instances["cored"]
    assert info.training["score"] == 1


def test_a_named_model_is_taken_or_refused_in_words(bundled, tmp_path):
    image, labels = picture()
    named = config(start=str(bundled))
    assert start_normalization(named) == Normalization()
    assert chosen(named, [image], [labels]).words == f"the model {Path(bundled).stem}"
    with pytest.raises(ValueError, match="base_channels=2 instead of 4; train with the model's"):
        chosen(dataclasses.replace(named, base_channels=4), [image], [labels])
    with pytest.raises(ValueError, match="it finds objects, the labels show classes"):
        chosen(dataclasses.replace(named, annotation="classes"), [image], [labels > 0])
    with pytest.raises(FileNotFoundError, match="no model"):
        chosen(config(start=str(tmp_path / "none.safetensors")), [image], [labels])


def test_a_named_model_sees_a_mix_of_channels_that_it_does_not_have(bundled, tmp_path):
    image, labels = picture()
    channels = np.stack([noise(labels), 1 - image])
    named = config(start=str(bundled))
    start = chosen(named, [channels], [labels], axes="CYX")
    assert start.words == "the model squares, which sees a mix of the channels"
    assert not start.adapting
    assert start.model.info.network.in_channels == 2
    events = train([channels], [labels], named, axes="CYX")
    state = next(events).state
    for key, value in start.model.network.state_dict().items():
        assert torch.equal(state.network.state_dict()[key], value)
    *_, finished = events
    two = save_model(finished.model, tmp_path / "two.safetensors")
    assert chosen(config(start=str(two)), [channels], [labels], axes="CYX").adapting
    with pytest.raises(ValueError, match=r"it takes 2 channel\(s\), the images have 1"):
        chosen(config(start=str(two)), [image], [labels])


def test_a_model_of_other_grey_values_does_not_see_a_mix(pixel_model, tmp_path):
    image, labels = picture()
    fixed = pixel_model(output="objects", training={})
    path = save_model(fixed, tmp_path / "fixed.safetensors")
    with pytest.raises(ValueError, match=r"it takes 1 channel\(s\), the images have 2"):
        chosen(config(start=str(path)), [np.stack([image, image])], [labels], axes="CYX")


def test_of_bundled_models_the_one_that_finds_more_in_the_channels_is_taken(
    bundled, tmp_path, monkeypatch
):
    """In a mix of all channels half of the squares are faint, in the first one none is."""
    image, labels = picture()
    half = np.where(labels % 2, image, 0)
    channels = np.stack([image, half, half, half, half])
    first = seen_in_channels(load_model(bundled), np.array([1.0, 0, 0, 0, 0]))
    path = save_model(first, tmp_path / "first.safetensors")
    models = {"squares": bundled, "first": path}
    for order in (models, dict(reversed(models.items()))):
        monkeypatch.setattr(start_module, "bundled_models", lambda order=order: order)
        start = chosen(config(), [channels], [labels], axes="CYX")
        assert start.words == "the bundled model first, which scores 1.00 on what is learned from"
        assert "squares" in chosen(config(), [image], [labels]).words


def test_what_comes_with_the_package_can_be_started_from_by_default():
    """Neither the network nor the kind of objects may go apart from the preset's."""
    image, labels = picture()
    quick = TrainConfig.preset(steps=1)
    dataset = make_dataset([image], [labels], quick)
    info = read_info("nuclei")
    assert info.network == network_config(dataset, quick)
    assert info.classes == dataset.meaning.class_names
    assert info.normalization == Normalization()
    nuclei, truth = (tifffile.imread(sample_path(f"nuclei{end}.tif")) for end in ("", "_labels"))
    dataset = make_dataset([nuclei], [truth], quick)
    start = choose_start(quick, info.network, dataset)
    assert start.adapting
    assert "the bundled model nuclei" in start.words
    stained = read_info("stained_nuclei")
    assert stained.network == dataclasses.replace(info.network, in_channels=3)
    assert (stained.classes, stained.normalization) == (info.classes, info.normalization)


def test_going_on_with_adapting_gives_the_same_as_not_having_stopped(bundled, tmp_path):
    image, labels = picture()
    recipe = config(steps=4)
    *_, whole = train([image], [labels], recipe)
    for stop in (0, 2):
        events = train([image], [labels], recipe)
        state = next(events).state
        while state.step < stop:
            next(events)
        loaded = TrainState.load(state.save(tmp_path / "c.checkpoint.safetensors"))
        bundled.rename(bundled.with_suffix(".away"))  # the weights are in the checkpoint
        *_, resumed = train([image], [labels], recipe, state=loaded)
        bundled.with_suffix(".away").rename(bundled)
        assert resumed.model.info.training["history"] == whole.model.info.training["history"]
        for key, value in whole.model.network.state_dict().items():
            assert torch.equal(resumed.model.network.state_dict()[key], value)


def test_looking_at_a_large_plane_stays_small(bundled, monkeypatch):
    monkeypatch.setattr(start_module, "_LOOKED_AT", 900)
    image, labels = picture()
    seen = []
    original = start_module.predict_samples
    monkeypatch.setattr(
        start_module, "predict_samples", lambda *a: seen.extend(original(*a)) or seen
    )
    assert chosen(config(), [image], [labels]).adapting
    assert 0 < sum(p.sample.annotated.sum() for p in seen) <= 900


def trained(image, labels, **changes):
    """Return the state after a step of a recipe that leaves the width open."""
    wide = TrainConfig.preset(**{**TINY, "rim": 0, "steps": 1, "base_channels": None, **changes})
    prepared, *_ = train(image, labels, wide, device="cpu")
    return prepared.state


@pytest.mark.parametrize(("capability", "width", "width_3d"), [("AVX2", 16, 8), ("AVX512", 16, 16)])
def test_random_weights_are_fewer_on_processors(capability, width, width_3d, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    state = trained(*picture(), start="scratch")
    assert state.network.config.base_channels == width
    assert state.info.network.base_channels == state.config.base_channels == width
    assert trained(*picture(), start="scratch", base_channels=4).config.base_channels == 4
    volume = [np.repeat(plane[np.newaxis], 4, axis=0) for plane in picture()]
    assert trained(*volume, start="scratch", ndim=3).config.base_channels == width_3d
    assert not learns_narrow(torch.device("cuda"), 2)


def test_going_on_keeps_the_width_on_another_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    path = trained(*picture(), start="scratch").save(tmp_path / "checkpoint.safetensors")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    recipe = TrainConfig.preset(**{**TINY, "rim": 0, "steps": 2, "base_channels": None})
    *_, finished = train(*picture(), recipe, state=TrainState.load(path), device="cpu")
    assert finished.model.info.network.base_channels == 16
    assert finished.model.info.training["steps"] == 2


@pytest.mark.parametrize("capability", ["AVX2", "AVX512"])
def test_a_model_to_start_from_gives_the_width(capability, bundled, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(start_module, "WIDTH", {2: 2})
    assert trained(*picture()).config.base_channels == 2
    assert trained(*picture(), start=str(bundled)).config.base_channels == 2
