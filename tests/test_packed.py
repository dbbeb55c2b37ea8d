import numpy as np
import pytest
import torch

from seamless_unet import packed
from seamless_unet.config import UNetConfig
from seamless_unet.packed import can_pack, packed_steps, plain_steps
from seamless_unet.predict import predict
from seamless_unet.unet import UNet


def network(**changes):
    torch.manual_seed(0)
    net = UNet(UNetConfig(**{"depth": 2, "base_channels": 8, "batch_norm": True, **changes})).eval()
    for module in net.modules():  # statistics that are not the trivial ones
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.uniform_(-0.5, 0.5)
    return net


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("ndim", [2, 3])
@torch.inference_mode()
def test_packed_steps_are_those_of_the_network(ndim, batch_norm):
    net = network(ndim=ndim, batch_norm=batch_norm)
    for number, (plain, fast) in enumerate(
        zip(every_convolution(plain_steps(net)), every_convolution(packed_steps(net)), strict=True)
    ):
        for size in (9, 12, 9):  # the weights are packed for each of them
            x, y = torch.randn(2, 2, 1, *[size] * ndim)
            x, y = (each.expand(-1, channels(net, number), *[-1] * ndim) for each in (x, y))
            arguments = (x, y) if is_join(net, number) else (x,)
            torch.testing.assert_close(fast(*arguments), plain(*arguments), rtol=1e-5, atol=1e-5)


def every_convolution(steps):
    return [each for pair in steps.encoders for each in pair] + [*steps.joins, *steps.decoders]


def channels(net, number):
    """Input channels of each tensor of a convolution in the order of `every_convolution`."""
    return [1, 8, 8, 16, 16, 32, 8, 16, 8, 16][number]


def is_join(net, number):
    return number in (6, 7)


def test_weights_are_packed_again_only_for_another_size():
    step = packed._Packed(torch.rand(8, 4, 3, 3), None)
    first, same, other = (step.packed_for(torch.rand(1, 4, size, size))[1] for size in (9, 9, 12))
    assert same is first
    assert other is not first


def test_networks_that_cannot_be_packed():
    assert not can_pack(network().double())
    assert not can_pack(network(padding="same"))


@pytest.mark.parametrize("broken", [AttributeError, RuntimeError, TypeError])
def test_without_the_operator_the_plain_layers_give_the_same(monkeypatch, broken):
    net = network()
    image = np.random.default_rng(0).random((50, 40), np.float32)
    expected = predict(net, image)

    def gone(self, x):
        raise broken("no such operator")

    monkeypatch.setattr(packed._Packed, "__call__", gone)
    packed._operator_works.cache_clear()
    try:
        assert not can_pack(net)
        np.testing.assert_allclose(predict(net, image), expected, atol=1e-5)
    finally:
        packed._operator_works.cache_clear()


def test_an_operator_that_computes_something_else_is_not_used(monkeypatch):
    right = packed._Packed.__call__
    monkeypatch.setattr(packed._Packed, "__call__", lambda self, x: right(self, x) * 1.01)
    packed._operator_works.cache_clear()
    try:
        assert not can_pack(network())
    finally:
        packed._operator_works.cache_clear()
