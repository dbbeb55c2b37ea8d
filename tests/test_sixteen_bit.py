import importlib

import numpy as np
import pytest
import torch

from seamless_unet import tile_pass, tile_shape
from seamless_unet.config import UNetConfig
from seamless_unet.predict import predict
from seamless_unet.sixteen_bit import sixteen_bit_steps
from seamless_unet.stream import Stream
from seamless_unet.unet import UNet

predict_module = importlib.import_module("seamless_unet.predict")  # the package has its function


def network(**changes):
    torch.manual_seed(0)
    net = UNet(UNetConfig(**{"depth": 2, "base_channels": 8, "dropout": 0.0, **changes})).eval()
    for module in net.modules():  # statistics that are not the trivial ones
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return net


def passed(net, dtype):
    """Return the logits of a whole tile, and those that the steps in ``dtype`` give."""
    size = net.geometry.read_size(9)
    x = torch.rand(1, 1, *[size] * net.config.ndim)
    found = Stream(net, sixteen_bit_steps(net, dtype), 2).push(x)
    assert found.dtype == dtype
    return net(x), found.float()


@pytest.mark.parametrize("changes", [{}, {"batch_norm": True}, {"upsampling": "linear"}])
@pytest.mark.parametrize("ndim", [2, 3])
@torch.inference_mode()
def test_the_steps_are_those_of_the_network(ndim, changes):
    """Seen in 64 bits, where nothing else hides a mistake, and as near as 16 bits can be."""
    expected, found = passed(network(ndim=ndim, **changes), torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    for dtype, bits in ((torch.float16, 11), (torch.bfloat16, 8)):
        expected, found = passed(network(ndim=ndim, **changes), dtype)
        error = (found - expected).norm() / expected.norm()
        assert 0 < error < 16 * 2**-bits  # about so many roundings after one another


@torch.inference_mode()
def test_the_network_stays_as_it_was():
    net = network()
    sixteen_bit_steps(net, torch.float16)
    assert {each.dtype for each in net.parameters()} == {torch.float32}


@pytest.mark.parametrize("ndim", [2, 3])
def test_whole_tiles_go_through_the_steps(ndim, monkeypatch):
    """As on a GPU, but on the CPU, and in 64 bits."""
    net = network(ndim=ndim, batch_norm=True)
    image = np.random.default_rng(0).normal(500, 100, (40, 30) if ndim == 2 else (6, 9, 8))
    expected = predict(net, image, symmetries=True)
    for module in (tile_pass, predict_module, tile_shape):
        monkeypatch.setattr(module, "streams", lambda network: False)
    steps = sixteen_bit_steps(net, torch.float64)
    monkeypatch.setattr(predict_module, "network_steps", lambda network, precision: steps)
    tile = net.geometry.read_size(8)
    found = predict(net, image, symmetries=True, tile_shape=tile)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
