"""A 3x3 convolution with 16 multiplications for every four pixels instead of 36.

That is Winograd's F(2 x 2, 3 x 3) as in Lavin and Gray 2016 (doi:10.1109/CVPR.2016.435). The
input is looked at in windows of 4 x 4 pixels, 2 apart; sums and differences of their pixels are
multiplied with sums and differences of the weights, as matrices, and sums and differences of the
products are the 2 x 2 pixels that the window gives. The result is that of the convolution up to
rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from seamless_unet.device import is_slow

_LEAST_CHANNELS = 256  # of fewer, the sums cost as much as is saved
_WINDOWS = 256  # that are multiplied at a time: fewer make products slower, more leave the cache
_WEIGHTS = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G in the paper
_IN_ALL_PIXELS = 5  # the product that is added to all four pixels


def winograd_is_faster(weight: Tensor) -> bool:
    """Whether it is faster than packed weights (K, C, 3, 3): wide layers on CPUs with AVX2 only.

    With AVX-512 of AMD, PyTorch convolves twice as fast as it multiplies matrices, and that of
    Intel was not measured.
    """
    wide = min(weight.shape[:2]) >= _LEAST_CHANNELS
    return weight.ndim == 4 and wide and is_slow(weight.device)


class WinogradConvolution:
    """A convolution and ReLU of one tensor, or of several as if their channels were concatenated.

    Parameters
    ----------
    weight
        (K, C, 3, 3) float32.
    bias
        (K,) float32.
    tensors
        How many there are, of C / tensors channels each.
    """

    def __init__(self, weight: Tensor, bias: Tensor, tensors: int = 1) -> None:
        along_y = torch.tensor(_WEIGHTS, dtype=weight.dtype)
        both = torch.kron(along_y, along_y)  # (16, 9)
        each = [both @ w.reshape(-1, 9).T for w in weight.chunk(tensors, dim=1)]  # (16, K * C)
        # (16, C, K), laid out as (16, K, C)
        self.weights = [w.view(16, len(weight), -1).mT for w in each]
        self.bias = bias

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Return (N, K, Y - 2, X - 2) of tensors (N, C / tensors, Y, X), channels last.

        Parameters
        ----------
        tensors
            float32; Y and X at least 3.
        """
        size = [length - 2 for length in tensors[0].shape[2:]]
        parts = [_even(x.permute(0, 2, 3, 1)) for x in tensors]
        n, rows, columns = parts[0].shape[:3]
        rows, columns = (rows - 2) // 2, (columns - 2) // 2  # of windows
        out = parts[0].new_empty(n, 2 * rows, 2 * columns, len(self.bias))
        at_once = -(-_WINDOWS // (n * columns))
        for first in range(0, rows, at_once):
            last = min(first + at_once, rows)
            self._write(
                [x[:, 2 * first : 2 * last + 2] for x in parts], out[:, 2 * first : 2 * last]
            )
        return out[:, : size[0], : size[1]].permute(0, 3, 1, 2)

    def _write(self, parts: Sequence[Tensor], out: Tensor) -> None:
        """Write the pixels (N, Y, X, K) that some rows of windows give."""
        n, rows, columns, channels = out.shape
        shape = n, rows // 2, columns // 2
        products = out.new_empty(16, n * rows * columns // 4, channels)
        for number, (x, weight) in enumerate(zip(parts, self.weights, strict=True)):
            products.baddbmm_(_input_transform(x).flatten(1, 3), weight, beta=min(number, 1))
        products[_IN_ALL_PIXELS] += self.bias
        products = products.view(4, 4, *shape, channels)
        along_y = products.new_empty(2, 4, *shape, channels)
        _output_transform(products, along_y)
        pixels = out.view(n, rows // 2, 2, columns // 2, 2, channels)
        for half, pair in zip(along_y, pixels.unbind(2), strict=True):
            _output_transform(half, pair.unbind(3))
        out.relu_()


def _even(x: Tensor) -> Tensor:
    """Return (N, Y, X, C) with zeros at the end of what is of odd size."""
    rows, columns = (length % 2 for length in x.shape[1:3])
    return F.pad(x, (0, 0, 0, columns, 0, rows)) if rows or columns else x


def _input_transform(x: Tensor) -> Tensor:
    """Return what the weights are multiplied with, (16, N, rows, columns, C)."""
    n, height, width, channels = x.shape
    rows, columns = height // 2 - 1, width // 2 - 1
    along_y = x.new_empty(4, n, rows, width, channels)
    _differences([x[:, i : i + 2 * rows - 1 : 2] for i in range(4)], along_y)
    both = x.new_empty(4, 4, n, rows, columns, channels)
    _differences([along_y[..., i : i + 2 * columns - 1 : 2, :] for i in range(4)], both.unbind(1))
    return both.flatten(0, 1)


def _differences(x: Sequence[Tensor], out: Sequence[Tensor] | Tensor) -> None:
    torch.sub(x[0], x[2], out=out[0])
    torch.add(x[1], x[2], out=out[1])
    torch.sub(x[2], x[1], out=out[2])
    torch.sub(x[1], x[3], out=out[3])


def _output_transform(x: Sequence[Tensor] | Tensor, out: Sequence[Tensor] | Tensor) -> None:
    """Write x0 + x1 + x2 and x1 - x2 - x3."""
    torch.add(x[1], x[2], out=out[0]).add_(x[0])
    torch.sub(x[1], x[2], out=out[1]).sub_(x[3])
