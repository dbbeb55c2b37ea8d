import dataclasses

import numpy as np
import pytest
import torch

from seamless_unet.config import TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.geometry import Geometry
from seamless_unet.patches import DrawnAhead, Patches
from test_dataset import config, drawn


def test_a_patch_is_a_crop_with_its_context():
    image, labels = drawn(shape=(60, 60))
    dataset = make_dataset([image], [labels], config())
    patches = Patches(dataset.training, config(), Geometry(depth=1))
    x, target, weight = patches.draw(np.random.default_rng(0))
    assert x.shape == (3, 1, 28, 28)
    assert target.shape == weight.shape == (3, 12, 12)
    assert target.dtype == torch.int64
    sample = dataset.training[0]
    padded = np.pad(sample.image[0], 40, mode="reflect")
    truth = np.pad(
        np.stack([sample.target, sample.weight]), [(0, 0), (40, 40), (40, 40)], "reflect"
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28))
    for n in range(3):
        gap = abs(windows - x[n, 0].numpy()).max(axis=(2, 3))
        y0, x0 = np.unravel_index(gap.argmin(), gap.shape)
        assert gap.min() < 1e-4
        inner = truth[:, y0 + 8 : y0 + 20, x0 + 8 : x0 + 20]
        np.testing.assert_array_equal(target[n], inner[0])
        np.testing.assert_allclose(weight[n], inner[1])


def test_patches_are_drawn_where_there_is_annotation():
    image = np.random.default_rng(0).random((300, 300))
    labels = np.zeros((300, 300), int)
    labels[200:206, 100:150] = 1
    labels[210:214, 100:150] = 2
    settings = config(annotation="scribbles")
    dataset = make_dataset([image], [labels], settings)
    patches = Patches(dataset.training, settings, Geometry(depth=1))
    rng = np.random.default_rng(0)
    annotated = [(patches.draw(rng)[2] > 0).flatten(1).any(1).float().mean() for _ in range(20)]
    assert np.mean(annotated) > 0.8


def test_half_of_the_patches_lie_around_something_labeled_but_not_with_it_in_their_middle():
    image = np.random.default_rng(0).random((400, 400))
    labels = np.zeros((400, 400), int)
    labels[199:201, 200:202] = 1
    settings = config(rim=0, gap=0)
    patches = Patches(make_dataset([image], [labels], settings).training, settings, Geometry(1))
    rng = np.random.default_rng(0)
    targets = torch.cat([patches.draw(rng)[1] for _ in range(100)])
    shown = targets[(targets > 0).flatten(1).any(1)]
    assert 0.42 < len(shown) / len(targets) < 0.58
    places = np.array([np.argwhere(target.numpy()).mean(axis=0) for target in shown])
    assert (places.std(axis=0) > 1.8).all()


def test_an_image_is_drawn_from_by_the_square_root_of_what_is_annotated_in_it():
    large, small = drawn(shape=(160, 160)), drawn(shape=(40, 40))
    settings = config(validation=0.01)
    samples = make_dataset(*zip(large, small, strict=True), settings).training
    assert [sample.weight.shape for sample in samples] == [(160, 160), (40, 40)]
    told = [dataclasses.replace(s, image=np.full_like(s.image, n)) for n, s in enumerate(samples)]
    rng = np.random.default_rng(0)
    patches = Patches(told, settings, Geometry(1))
    share = np.mean([float(patches.draw(rng)[0].mean()) for _ in range(200)])
    amounts = np.sqrt([np.count_nonzero(sample.weight) for sample in samples])
    assert abs(share - amounts[1] / amounts.sum()) < 0.05


def test_patches_are_no_larger_than_the_images():
    image, labels = drawn(shape=(40, 50))
    settings = config()
    patches = Patches(make_dataset([image], [labels], settings).training, settings, Geometry(1))
    large = TrainConfig(**{**settings.to_json(), "patch": 500})
    assert Patches(patches.samples, large, Geometry(1)).shape == (56, 66)


def test_drawing_ahead_gives_the_same_batches_and_keeps_to_the_generator_of_a_checkpoint():
    image, labels = drawn(shape=(60, 60))
    dataset = make_dataset([image], [labels], config())
    patches = Patches(dataset.training, config(), Geometry(depth=1))
    rng, ahead, between = (np.random.default_rng(5) for _ in range(3))
    expected = [(patches.draw(rng), rng.integers(1000)) for _ in range(4)]
    with DrawnAhead(patches) as batches:
        for batch, number in expected:
            taken = batches.take(ahead)
            assert all(map(torch.equal, taken, batch))
            assert ahead.integers(1000) == number
            batches.prepare(ahead)
            # what a checkpoint keeps: the state from which the next batch will be drawn again
            patches.draw(between), between.integers(1000)
            assert ahead.bit_generator.state == between.bit_generator.state


def test_what_goes_wrong_ahead_is_raised_when_it_is_needed(monkeypatch):
    image, labels = drawn(shape=(60, 60))
    patches = Patches(
        make_dataset([image], [labels], config()).training, config(), Geometry(depth=1)
    )
    rng = np.random.default_rng(0)
    with DrawnAhead(patches) as batches:
        batches.take(rng)
        monkeypatch.setattr(patches, "draw", lambda rng: 1 / 0)
        batches.prepare(rng)
        with pytest.raises(ZeroDivisionError):
            batches.take(rng)
