import numpy as np
import pytest

from seamless_unet.config import UNetConfig
from seamless_unet.predict import predict
from seamless_unet.tile_shape import choose_tile_shape
from seamless_unet.unet import UNet


@pytest.mark.parametrize("ndim", [2, 3])
def test_tiles_fit_the_memory_budget_and_cut_evenly(ndim):
    net = UNet(UNetConfig(ndim=ndim, depth=2, base_channels=8))
    shape = (300, 500, 700)[-ndim:]
    small = choose_tile_shape(shape, net, memory=40_000_000)
    large = choose_tile_shape(shape, net, memory=4_000_000_000)
    per_pixel = 8 * 8 * 4
    assert np.prod(small) * per_pixel <= 40_000_000 < np.prod(large) * per_pixel
    assert all(map(net.geometry.is_legal, small + large))
    assert predict(net, np.zeros((9,) * ndim), memory=1).shape == (2, *(9,) * ndim)
