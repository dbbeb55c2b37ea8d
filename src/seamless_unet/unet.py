"""The network of Fig. 1 of Ronneberger et al. 2015 and its published variants, in one class."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from seamless_unet.config import UNetConfig
from seamless_unet.geometry import Geometry


class UNet(nn.Module):
    """U-Net: logits for every pixel that has enough context.

    Ronneberger, Fischer and Brox, MICCAI 2015, Fig. 1. Images are (N, C, [Z,] Y, X) in the dtype of
    the weights, logits (N, K, [Z,] Y, X), smaller by what unpadded convolutions cost.

    Parameters
    ----------
    config
        The default is the paper's: 572x572 in, 388x388 out, 31.03 M parameters.

    Attributes
    ----------
    geometry
        Sizes and halo of this network.
    checkpointing
        Set it to recompute each level in the backward pass: less memory, a third more time.
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        self.geometry = network_geometry(config)
        self.checkpointing = False
        widths = [config.base_channels * 2**level for level in range(config.depth + 1)]
        inputs = [config.in_channels, *widths[:-1]]
        self.encoders = nn.ModuleList(
            _two_convolutions(i, o, config) for i, o in zip(inputs, widths, strict=True)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.upsamplers = nn.ModuleList(_Upsampler(width, config) for width in widths[:-1])
        self.decoders = nn.ModuleList(_two_convolutions(2 * w, w, config) for w in widths[:-1])
        self.head = _of(config, "Conv")(config.base_channels, config.classes, 1)
        self._max_pool = getattr(F, f"max_pool{config.ndim}d")
        self.apply(_initialize)

    @property
    def dtype(self) -> torch.dtype:
        """Precision that it computes in."""
        return self.head.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.head.weight.device

    def forward(self, image: Tensor) -> Tensor:
        """Return logits.

        Parameters
        ----------
        image
            (N, C, [Z,] Y, X), of any size that `Geometry.output_size` keeps above 0; where padding
            reflects, of more than ``geometry.step`` pixels along each axis.

        Returns
        -------
        Tensor
            (N, classes, [Z,] Y, X): smaller by ``2 * geometry.margin()`` (and up to a pooling's
            rounding) with ``padding="valid"``, of the input's size with ``"same"``. Output pixel
            0 sits at input pixel ``geometry.margin()`` or 0.
        """
        size = image.shape[2:]
        x = image if self.geometry.valid else self._fill(image)
        skips = []
        for level, encoder in enumerate(self.encoders):
            x = self._level(encoder, x)  # (N, base * 2^level, ...)
            if level < self.config.depth:
                skips.append(x)
                x = self._max_pool(x, 2)
        x = self.dropout(x)
        for level in reversed(range(self.config.depth)):
            x = self.upsamplers[level](x)
            x = torch.cat([self._crop(skips[level], level, x.shape[2:]), x], dim=1)
            x = self._level(self.decoders[level], x)
        logits: Tensor = self.head(x)
        return logits if self.geometry.valid else logits[_window([0] * len(size), size)]

    def _level(self, module: nn.Module, x: Tensor) -> Tensor:
        if self.checkpointing and self.training and torch.is_grad_enabled():
            return checkpoint(module, x, use_reentrant=False)
        result: Tensor = module(x)
        return result

    def _crop(self, skip: Tensor, level: int, size: torch.Size) -> Tensor:
        """Return the part of a skip that lies over an upsampled tensor of ``size``."""
        start = self.geometry.skip_crop(level) if self.geometry.valid else 0
        if not skip.requires_grad:
            return skip[_window([start] * len(size), size)]
        # a slice's gradient is never channels_last, which would slow down the backward pass
        pads: list[int] = []
        for have, want in zip(reversed(skip.shape[2:]), reversed(size), strict=True):
            pads += [-start, start + want - have]
        return F.pad(skip, pads)

    def _fill(self, image: Tensor) -> Tensor:
        """Pad the far sides up to a size that every pooling halves."""
        pads: list[int] = []
        for size in reversed(image.shape[2:]):
            pads += [0, -size % self.geometry.step]
        if not any(pads):
            return image
        mode = "constant" if self.config.padding_mode == "zeros" else "reflect"
        return F.pad(image, pads, mode=mode)


class _Upsampler(nn.Module):
    """Twice the size, half the channels; linear interpolation in a valid network costs a pixel."""

    def __init__(self, width: int, config: UNetConfig) -> None:
        super().__init__()
        self.linear = config.upsampling == "linear"
        self.same = config.padding == "same"
        kind, kernel = ("Conv", 1) if self.linear else ("ConvTranspose", 2)
        self.convolution = _of(config, kind)(2 * width, width, kernel, stride=kernel)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)  # (N, width, ...), before interpolating where that is linear
        if not self.linear:
            return x
        size = x.shape[2:]
        if self.same:
            x = F.pad(x, [1] * (2 * len(size)), mode="replicate")
        for axis in range(2, x.ndim):
            x = _interpolated(x, axis)
        return x[_window([1] * len(size), [2 * n for n in size])] if self.same else x


def _interpolated(x: Tensor, axis: int) -> Tensor:
    """Interpolate linearly along an axis to twice the size less one pixel at each end.

    torch's own ``interpolate`` rounds differently at different places of a tensor, which would
    let tiles differ in their last bit.
    """
    a, b = x.narrow(axis, 0, x.shape[axis] - 1), x.narrow(axis, 1, x.shape[axis] - 1)
    return torch.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis + 1).flatten(axis, axis + 1)


def network_geometry(config: UNetConfig) -> Geometry:
    """Return the sizes and halo of the network that ``config`` describes."""
    valid = config.padding == "valid"
    return Geometry(depth=config.depth, valid=valid, linear=config.upsampling == "linear")


def _two_convolutions(in_channels: int, out_channels: int, config: UNetConfig) -> nn.Sequential:
    """Two 3x3 convolutions, each followed by a ReLU."""
    padding: dict[str, Any] = {}
    if config.padding == "same":
        padding = {"padding": 1, "padding_mode": config.padding_mode}
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers.append(_of(config, "Conv")(channels, out_channels, 3, **padding))
        if config.batch_norm:
            layers.append(_of(config, "BatchNorm")(out_channels))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def _of(config: UNetConfig, kind: str) -> Any:
    """Return torch's class of that kind for the network's number of dimensions."""
    return getattr(nn, f"{kind}{config.ndim}d")


def _window(starts: list[int], sizes: Any) -> tuple[slice, ...]:
    """Index the spatial axes of an (N, C, ...) tensor."""
    spatial = (slice(a, a + size) for a, size in zip(starts, sizes, strict=True))
    return (slice(None), slice(None), *spatial)


def _initialize(module: nn.Module) -> None:
    """He initialization: standard deviation sqrt(2 / N), N the inputs of one output pixel."""
    if not isinstance(module, nn.modules.conv._ConvNd):
        return
    transposed = isinstance(module, nn.modules.conv._ConvTransposeNd)
    # stride equals kernel size there, so one output pixel sees one input pixel
    positions = 1 if transposed else math.prod(module.kernel_size)
    nn.init.normal_(module.weight, std=math.sqrt(2 / (module.in_channels * positions)))
    if module.bias is not None:
        nn.init.zeros_(module.bias)
