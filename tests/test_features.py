import itertools

import numpy as np
import pytest
import torch

from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.features import feature_maps
from seamless_unet.model_file import Model
from seamless_unet.model_header import ModelInfo
from seamless_unet.unet import UNet


def passing_on(**config):
    """A model whose first map at every level is the largest grey value of each block of pixels.

    Its kernels have a 1 in the middle for the first channel, which on the way up is the skip's.
    """
    about = UNetConfig(**{"base_channels": 2, "dropout": 0.0, **config})
    network = UNet(about).eval().requires_grad_(False)
    for name, weight in network.state_dict().items():
        weight.zero_()
        if name.endswith("weight") and weight.shape[-1] == 3:
            weight[(slice(0, 1), slice(0, 1), *(1,) * about.ndim)] = 1
    info = ModelInfo(network=about, normalization=Normalization("fixed"))
    return Model(info, network)


def largest(padded, center, size):
    """The largest value of the block of ``size`` pixels around a center."""
    first = np.array(center) - (size - 1) / 2 + MARGIN
    assert (first == first.round()).all(), "a block lies on whole pixels"
    return padded[tuple(slice(int(a), int(a) + size) for a in first)].max()


MARGIN = 16  # pixels that images are continued by mirroring
NETWORKS = [
    {"depth": 1},
    {"depth": 3},
    {"depth": 2, "upsampling": "linear"},
    {"depth": 2, "padding": "same"},
    {"depth": 2, "padding": "same", "upsampling": "linear"},
    {"depth": 1, "ndim": 3},
]


@pytest.mark.parametrize("config", NETWORKS, ids=str)
def test_every_map_lies_where_it_says(config):
    rng = np.random.default_rng(0)
    model = passing_on(**config)
    ndim, depth = model.network.config.ndim, model.network.config.depth
    image = rng.random((67, 70) if ndim == 2 else (26, 27, 28)).astype(np.float32)
    padded = np.pad(image, MARGIN, mode="reflect")
    region = (slice(9, 45), slice(3, 40)) if ndim == 2 else (slice(5, 9), slice(9, 16), slice(0, 7))
    for level in range(2 * depth + 1):
        found = feature_maps(model, image, level, region=region)
        assert found.scale == 2 ** min(level, 2 * depth - level)
        assert found.maps.dtype == np.float32
        for pixel in itertools.product(*map(range, found.maps.shape[1:])):
            center = np.array(found.offset) + found.scale * np.array(pixel)
            assert found.maps[(0, *pixel)] == largest(padded, center, found.scale)
        for start, size, side in zip(found.offset, found.maps.shape[1:], region, strict=True):
            # no other pixel of the map has its center in the region
            assert side.start - 0.5 < start <= side.start - 0.5 + found.scale
            assert start + found.scale * size > side.stop - 0.5


def test_without_a_region_all_of_the_image():
    image = np.random.default_rng(0).random((21, 34)).astype(np.float32)
    found = feature_maps(passing_on(depth=2), image, 0)
    np.testing.assert_array_equal(found.maps[0], image)
    assert found.offset == (0, 0)


def test_the_maps_are_those_of_the_whole_image():
    torch.manual_seed(0)
    config = UNetConfig(depth=2, base_channels=4)
    model = Model(ModelInfo(network=config), UNet(config).double().requires_grad_(False))
    image = np.random.default_rng(0).random((80, 90))
    for level in range(5):
        whole = feature_maps(model, image, level)
        part = feature_maps(model, image, level, region=(slice(22, 50), slice(31, 61)))
        first = (np.array(part.offset) - whole.offset) / whole.scale
        assert (first == first.round()).all()
        box = tuple(
            slice(int(a), int(a) + n) for a, n in zip(first, part.maps.shape[1:], strict=True)
        )
        np.testing.assert_allclose(part.maps, whole.maps[(slice(None), *box)], atol=1e-6)


def test_what_does_not_fit_is_said():
    model = passing_on(depth=1)
    with pytest.raises(ValueError, match="level=3 must be between 0 and 2"):
        feature_maps(model, np.zeros((20, 20)), 3)
    with pytest.raises(ValueError, match="has 2 channel"):
        feature_maps(model, np.zeros((2, 20, 20)), 0)


def test_a_region_smaller_than_a_pixel_of_the_map():
    found = feature_maps(passing_on(depth=2), np.zeros((40, 40)), 2, region=(slice(9, 10),) * 2)
    assert found.maps.shape[1:] == (1, 1)
    assert all(abs(start - 9) <= 2 for start in found.offset)
