import math

import pytest
import torch
from torch import nn

from seamless_unet.config import UNetConfig
from seamless_unet.unet import UNet


def small(**changes):
    torch.manual_seed(0)
    return UNet(UNetConfig(**{"depth": 2, "base_channels": 4, **changes})).eval()


def test_the_default_is_figure_1():
    network = UNet()
    assert sum(p.numel() for p in network.parameters()) == 31_030_658
    with torch.inference_mode():
        assert network.eval()(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)


def test_layers_of_figure_1_in_order():
    network = small(depth=1, base_channels=8)
    kinds = [type(m) for m in network.encoders[0]]
    assert kinds == [nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU]
    assert [tuple(c.weight.shape) for c in network.modules() if isinstance(c, nn.Conv2d)] == [
        (8, 1, 3, 3), (8, 8, 3, 3), (16, 8, 3, 3), (16, 16, 3, 3),
        (8, 16, 3, 3), (8, 8, 3, 3), (2, 8, 1, 1),
    ]  # fmt: skip
    assert network.upsamplers[0].convolution.weight.shape == (16, 8, 2, 2)


def test_forward_equals_the_figure_written_out():
    network = small(depth=1)
    image = torch.rand(1, 1, 20, 24)
    skip = network.encoders[0](image)
    below = network.encoders[1](nn.functional.max_pool2d(skip, 2))
    up = network.upsamplers[0].convolution(below)
    crop = skip[:, :, 4:-4, 4:-4]  # centered
    expected = network.head(network.decoders[0](torch.cat([crop, up], dim=1)))
    torch.testing.assert_close(network(image), expected, rtol=0, atol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_cropped_skip_and_its_gradient_keep_their_layout(layout):
    skip = torch.rand(2, 4, 20, 24).contiguous(memory_format=layout).requires_grad_()
    crop = small(depth=1)._crop(skip, 0, torch.Size([6, 9]))
    assert torch.equal(crop, skip[:, :, 4:10, 4:13])
    above = torch.rand(crop.shape).contiguous(memory_format=layout)
    (gradient,) = torch.autograd.grad(crop, skip, above)
    expected = torch.zeros(skip.shape)
    expected[:, :, 4:10, 4:13] = above
    assert torch.equal(gradient, expected)
    assert gradient.is_contiguous(memory_format=layout)


def test_he_initialization():
    network = UNet(UNetConfig(depth=2, base_channels=32))
    for convolution in network.modules():
        if isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d):
            inputs = convolution.in_channels * (9 if convolution.kernel_size == (3, 3) else 1)
            spread = convolution.weight.std().item()
            assert spread == pytest.approx(math.sqrt(2 / inputs), rel=0.2)
            assert not convolution.bias.any()


@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_odd_sizes_and_their_output(ndim, padding, upsampling):
    network = small(
        ndim=ndim, padding=padding, upsampling=upsampling, in_channels=3, classes=5, depth=1
    )
    size = (25, 22, 31)[-ndim:]
    with torch.inference_mode():
        result = network(torch.rand(2, 3, *size))
    assert result.shape == (2, 5, *map(network.geometry.output_size, size))
    assert result.shape[2:] == size if padding == "same" else result.shape[2:] < size


def test_dropout_sits_at_the_end_of_the_contracting_path():
    network = small(dropout=0.5)
    image = torch.rand(1, 1, 60, 60)
    torch.manual_seed(1)
    network.train()
    assert not torch.equal(network(image), network(image))
    seen = []
    network.dropout.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
    network(image)
    assert seen == [(1, 16, 8, 8)]  # the two deepest convolutions' output


def test_checkpointing_gives_the_same_gradients():
    image = torch.rand(1, 1, 60, 60)
    gradients = []
    for checkpointing in (False, True):
        network = small(dropout=0.0).train()
        network.checkpointing = checkpointing
        network(image).square().sum().backward()
        gradients.append([p.grad for p in network.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_linear_upsampling_is_torchs():
    network = small(upsampling="linear", padding="same", depth=1)
    up = network.upsamplers[0]
    x = torch.rand(1, 8, 5, 6)
    expected = nn.functional.interpolate(up.convolution(x), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(up(x), expected)


@pytest.mark.parametrize("changes", [{}, {"padding": "same", "upsampling": "linear"}])
def test_exports_for_another_size_and_computes_the_same(changes):
    network = small(**changes)
    image = torch.rand(1, 1, 60, 60)
    with torch.inference_mode():
        expected = network(image)
    program = torch.export.export(network, (image,))
    torch.testing.assert_close(program.module()(image), expected)


@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiles():
    network = small()
    image = torch.rand(1, 1, 60, 60)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(image), network(image))
