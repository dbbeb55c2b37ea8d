"""The steps of a U-Net as functions of tensors: its own layers, or their weights made ready once.

PyTorch repacks the weights of a convolution at every call and applies the ReLU as a pass of its
own. On a CPU the operator behind `torch.compile` does neither. It is not public, so
`packed_steps` is used only where `can_pack` has tried it out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seamless_unet.unet import UNet
from seamless_unet.winograd import WinogradConvolution, winograd_is_faster

Step = Callable[[Tensor], Tensor]
Folded = tuple[Tensor, Tensor]  # weight and bias
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


@dataclass(frozen=True)
class Steps:
    """What a U-Net does to a tensor (N, C, [Z,] Y, X), without cropping and padding.

    Parameters
    ----------
    encoders
        Two convolutions per level, each with what follows it.
    upsamplers
        One per level but the lowest, as in `UNet`.
    joins
        The first convolution of each decoder: of a skip and an upsampled tensor of one size.
    decoders
        The second convolution of each decoder.
    head
        Logits.
    """

    encoders: Sequence[tuple[Step, Step]]
    upsamplers: Sequence[Step]
    joins: Sequence[Callable[[Tensor, Tensor], Tensor]]
    decoders: Sequence[Step]
    head: Step


def plain_steps(network: UNet) -> Steps:
    """Return the network's own layers: every bit as in its ``forward``."""
    encoders = [_halves(level) for level in network.encoders]
    decoders = [_halves(level) for level in network.decoders]
    return Steps(
        encoders,
        list(network.upsamplers),
        [functools.partial(joined, first) for first, _ in decoders],
        [second for _, second in decoders],
        network.head,
    )


def _halves(two_convolutions: nn.Module) -> tuple[nn.Sequential, nn.Sequential]:
    layers = list(two_convolutions.children())
    middle = len(layers) // 2
    return nn.Sequential(*layers[:middle]), nn.Sequential(*layers[middle:])


def joined(first: Step, skip: Tensor, upsampled: Tensor) -> Tensor:
    """Apply the first convolution of a decoder to a skip and an upsampled tensor."""
    return first(torch.cat([skip, upsampled], dim=1))


def packed_steps(network: UNet) -> Steps:
    """Return steps with packed or transformed weights and normalization folded in.

    Their results are those of `plain_steps` up to rounding.
    """
    encoders, joins, decoders = convolutions(network)
    return Steps(
        [(_step(*a), _step(*b)) for a, b in encoders],
        list(network.upsamplers),
        [_join(*each) for each in joins],
        [_step(*each) for each in decoders],
        network.head,
    )


def _step(weight: Tensor, bias: Tensor) -> Step:
    if winograd_is_faster(weight):
        return WinogradConvolution(weight, bias)
    return _Packed(weight, bias)


def _join(weight: Tensor, bias: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    half = weight.shape[1] // 2
    if winograd_is_faster(weight[:, :half]):
        return WinogradConvolution(weight, bias, 2)
    return _PackedJoin(weight, bias)


def convolutions(
    network: UNet,
) -> tuple[list[tuple[Folded, Folded]], list[Folded], list[Folded]]:
    """Return weight and bias of the 3x3 convolutions, with batch normalization folded in.

    Returns
    -------
    encoders, joins, decoders
        As in `Steps`.
    """
    encoders = [(_folded(a), _folded(b)) for a, b in map(_halves, network.encoders)]
    halves = [_halves(level) for level in network.decoders]
    return encoders, [_folded(a) for a, _ in halves], [_folded(b) for _, b in halves]


def can_pack(network: UNet) -> bool:
    """Whether `packed_steps` serves: float32, unpadded, on a CPU whose PyTorch has the operator."""
    here = network.device.type == "cpu" and network.dtype == torch.float32
    return here and network.geometry.valid and _operator_works(network.config.ndim)


@functools.cache
def _operator_works(ndim: int) -> bool:
    """Try the private operator out: it may change or go with any version of PyTorch."""
    try:
        generator = torch.Generator().manual_seed(0)
        skip, up = (torch.rand(1, 4, *[6] * ndim, generator=generator) for _ in range(2))
        weight = torch.rand(4, 8, *[3] * ndim, generator=generator) - 0.5
        bias = torch.rand(4, generator=generator)
        convolve = getattr(F, f"conv{ndim}d")
        expected = F.relu(convolve(torch.cat([skip, up], dim=1), weight, bias))
        joined = _PackedJoin(weight, bias)(skip, up)
        alone = _Packed(weight[:, :4], bias)(skip)
        return bool(
            torch.allclose(joined, expected, atol=1e-5)
            and torch.allclose(alone, F.relu(convolve(skip, weight[:, :4], bias)), atol=1e-5)
        )
    except (AttributeError, RuntimeError, TypeError):
        return False


def _folded(layers: nn.Sequential) -> Folded:
    """Return weight and bias of a convolution, with the batch normalization after it in them."""
    convolution: Any = layers[0]
    weight, bias = convolution.weight.detach(), convolution.bias.detach()
    norm: Any = layers[1]
    if not isinstance(norm, nn.ReLU):  # but a batch normalization
        mean, variance = norm.running_mean.double(), norm.running_var.double()
        scale = norm.weight.detach() / (variance + norm.eps).sqrt()
        bias = (bias - mean) * scale + norm.bias.detach()
        weight = weight * scale.to(weight.dtype).reshape(-1, *[1] * (weight.ndim - 1))
    return weight.float(), bias.float()


class _Packed:
    """A 3x3 convolution and ReLU whose weights are packed for the size that it meets.

    Packed for another size they would serve too, but be packed anew at every call, which on
    CPUs without AVX-512 takes as long as the convolution.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, relu: bool = True) -> None:
        self.weight = weight
        self.bias = bias
        self.ndim = weight.ndim - 2
        self.attribute = "relu" if relu else "none"
        self._packed = weight
        self._shape: torch.Size | None = None  # of the tensor that it is packed for

    def __call__(self, x: Tensor) -> Tensor:
        x, weight = self.packed_for(x)
        convolve = torch.ops.mkldnn._convolution_pointwise
        result: Tensor = convolve(x, weight, self.bias, *self.geometry, 1, self.attribute, [], "")
        return result

    @property
    def geometry(self) -> tuple[list[int], list[int], list[int]]:
        """Padding, stride and dilation."""
        return [0] * self.ndim, [1] * self.ndim, [1] * self.ndim

    def packed_for(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``x`` with its channels last, and weights packed for its size."""
        x = x.contiguous(memory_format=CHANNELS_LAST[self.ndim])
        if x.shape != self._shape:
            self._packed = self.weight  # the memory of those for another size can be used again
            reorder = torch.ops.mkldnn._reorder_convolution_weight
            self._packed = reorder(self.weight.contiguous(), *self.geometry, 1, list(x.shape))
            self._shape = x.shape
        return x, self._packed


class _PackedJoin:
    """A 3x3 convolution and ReLU of two tensors that are not put one behind the other first."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        half = weight.shape[1] // 2
        self.of_skip = _Packed(weight[:, :half], bias, relu=False)
        self.of_upsampled = _Packed(weight[:, half:], None)

    def __call__(self, skip: Tensor, upsampled: Tensor) -> Tensor:
        total = self.of_skip(skip)
        step = self.of_upsampled
        x, weight = step.packed_for(upsampled)
        add = torch.ops.mkldnn._convolution_pointwise_.binary
        result: Tensor = add(
            total, x, weight, None, *step.geometry, 1, "add", 1.0, "relu", [], None
        )
        return result
