import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from seamless_unet import packed, winograd
from seamless_unet.config import UNetConfig
from seamless_unet.predict import predict
from seamless_unet.unet import UNet
from seamless_unet.winograd import WinogradConvolution, winograd_is_faster


@st.composite
def cases(draw):
    """Draw integers, of which no sum is rounded: the results are equal to the last bit."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    n, channels, out_channels = (draw(st.integers(1, most)) for most in (2, 5, 4))
    size = [draw(st.integers(3, 40)) for _ in range(2)]
    layout = draw(st.sampled_from([torch.contiguous_format, torch.channels_last]))
    tensors = []
    for _ in range(draw(st.integers(1, 2))):
        crop = draw(st.integers(0, 2))  # as skips are
        whole = [length + crop for length in size]
        x = torch.randint(-9, 10, (n, channels, *whole), generator=generator).float()
        tensors.append(x.to(memory_format=layout)[..., crop:, crop:])
    shape = out_channels, channels * len(tensors), 3, 3
    weight = torch.randint(-9, 10, shape, generator=generator)
    bias = torch.randint(-99, 100, shape[:1], generator=generator)
    return tensors, weight.float(), bias.float(), draw(st.sampled_from([1, 7, 256]))


@settings(max_examples=60, deadline=None)
@given(cases())
@torch.inference_mode()
def test_it_is_the_convolution(case):
    tensors, weight, bias, windows = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "_WINDOWS", windows)
        result = WinogradConvolution(weight, bias, len(tensors))(*tensors)
    expected = F.relu(F.conv2d(torch.cat(tensors, dim=1), weight, bias))
    torch.testing.assert_close(result, expected, rtol=0, atol=0)


@torch.inference_mode()
def test_it_rounds_no_more_than_twice_what_a_convolution_does_and_leaves_its_input_alone():
    torch.manual_seed(0)
    x, weight, bias = torch.randn(1, 256, 12, 30), torch.randn(256, 256, 3, 3), torch.randn(256)
    before = x.clone()
    exact = F.relu(F.conv2d(x.double(), weight.double(), bias.double()))
    result = WinogradConvolution(weight, bias)(x)
    usual = F.relu(F.conv2d(x, weight, bias))
    assert (result - exact).abs().max() <= 2 * (usual - exact).abs().max()
    assert torch.equal(x, before)
    assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.fixture
def everywhere(monkeypatch):
    monkeypatch.setattr(packed, "winograd_is_faster", lambda weight: weight.ndim == 4)


@pytest.mark.parametrize("depth", [2, 3])
def test_networks_predict_the_same_with_it_and_without_seams(everywhere, depth):
    torch.manual_seed(0)
    net = UNet(UNetConfig(depth=depth, base_channels=8, batch_norm=True)).eval()
    image = np.random.default_rng(0).random((90, 71)).astype(np.float32)
    if not packed.can_pack(net):
        pytest.skip("this PyTorch computes with plain layers")
    whole = predict(net, image)
    steps = packed.packed_steps(net)
    assert all(isinstance(step, WinogradConvolution) for pair in steps.encoders for step in pair)
    assert all(isinstance(step, WinogradConvolution) for step in (*steps.joins, *steps.decoders))
    tile = net.geometry.read_size(48)
    np.testing.assert_allclose(predict(net, image, tile_shape=tile), whole, atol=1e-5)
    np.testing.assert_allclose(predict(net, image, memory=1), whole, atol=1e-5)
    np.testing.assert_allclose(whole, predict(net.double(), image), atol=1e-5)


@pytest.mark.parametrize(
    ("capability", "shape", "expected"),
    [
        ("AVX2", (256, 256, 3, 3), True),
        ("AVX2", (256, 128, 3, 3), False),
        ("AVX2", (128, 256, 3, 3), False),
        ("AVX2", (256, 256, 3, 3, 3), False),
        ("AVX512", (256, 256, 3, 3), False),
    ],
)
def test_it_is_taken_where_it_was_measured_to_be_faster(monkeypatch, capability, shape, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert winograd_is_faster(torch.empty(shape)) == expected
