"""A U-Net with unpadded convolutions that takes an image slab by slab, along one axis.

Every convolution keeps the last two rows it got and every skip waits until the decoder reaches
it. So nothing is computed twice, the result is that of the whole image at once, and the memory
grows with the slab, not with the image::

    image   |  slab  |  slab  |  slab  | ...  pushed one after the other
    logits           |..|        |        |   what each makes complete, later by the margin
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seamless_unet.packed import Step, Steps
from seamless_unet.unet import UNet


class Stream:
    """One pass over one image.

    Parameters
    ----------
    network
        With ``padding="valid"``.
    steps
        The network's: `plain_steps` or `packed_steps`.
    axis
        Of the image (N, C, [Z,] Y, X), the one along which slabs are pushed: 2 or more.
    """

    def __init__(self, network: UNet, steps: Steps, axis: int) -> None:
        self.steps = steps
        self.axis = axis
        depth = network.config.depth
        self._linear = network.config.upsampling == "linear"
        self._kept: dict[tuple[str, int], Tensor] = {}
        self._skips = [_Skips(network.geometry.skip_crop(level), axis) for level in range(depth)]
        self._max_pool = getattr(F, f"max_pool{network.config.ndim}d")

    def push(self, slab: Tensor) -> Tensor | None:
        """Return the logits that this slab makes complete, if any.

        Parameters
        ----------
        slab
            (N, C, [Z,] Y, X): any number of rows of the image, read ``margin`` beyond what is
            wanted, next to those pushed before.

        Returns
        -------
        Tensor
            (N, classes, [Z,] Y, X), the rows next to those returned before.
        """
        x: Tensor | None = slab
        for level, (first, second) in enumerate(self.steps.encoders):
            x = self._convolved(("first", level), first, x)
            x = self._convolved(("second", level), second, x)
            if level < len(self._skips) and x is not None:
                self._skips[level].put(x)
                x = self._pooled(level, x)
        for level in reversed(range(len(self._skips))):
            x = self._decoded(level, x)
        return None if x is None else self.steps.head(x)

    def _convolved(
        self, name: tuple[str, int], convolution: Step, x: Tensor | None
    ) -> Tensor | None:
        x = self._after_kept(name, x, 2)
        return None if x is None else convolution(x)

    def _pooled(self, level: int, x: Tensor) -> Tensor | None:
        """Pool pairs of rows; a row without its partner waits for it."""
        before = self._kept.pop(("odd", level), None)
        if before is not None:
            x = torch.cat([before, x], self.axis)
        rows = x.shape[self.axis]
        if rows % 2:
            self._kept["odd", level] = x.narrow(self.axis, rows - 1, 1).clone()
        return self._max_pool(x, 2) if rows > 1 else None

    def _decoded(self, level: int, x: Tensor | None) -> Tensor | None:
        if self._linear:
            x = self._after_kept(("coarse", level), x, 1)
        if x is None:
            return None
        x = self._after_kept(("upsampled", level), self.steps.upsamplers[level](x), 2)
        if x is None:
            return None
        joined = self.steps.joins[level](self._skips[level].over(x), x)
        return self._convolved(("decoded", level), self.steps.decoders[level], joined)

    def _after_kept(self, name: tuple[str, int], x: Tensor | None, count: int) -> Tensor | None:
        """Return rows with the last ``count`` before them, once there are more than these."""
        if x is None:
            return None
        before = self._kept.pop(name, None)
        if before is not None:
            x = torch.cat([before, x], self.axis)
        rows = x.shape[self.axis]
        kept = min(rows, count)
        self._kept[name] = x.narrow(self.axis, rows - kept, kept).clone()
        return x if rows > count else None


class _Skips:
    """The rows of one level's skip connection that the decoder has not reached yet."""

    def __init__(self, crop: int, axis: int) -> None:
        self.crop = crop  # pixels per side
        self.axis = axis
        self._to_drop = crop
        self._waiting: list[Tensor] = []

    def put(self, x: Tensor) -> None:
        """Add rows at the end; the first ``crop`` of all are dropped."""
        rows = x.shape[self.axis]
        dropped = min(rows, self._to_drop)
        self._to_drop -= dropped
        if rows > dropped:
            self._waiting.append(x.narrow(self.axis, dropped, rows - dropped))

    def over(self, x: Tensor) -> Tensor:
        """Return the rows over those of ``x``, cropped to its size; the last two stay waiting."""
        size = x.shape[2:]
        rows = x.shape[self.axis]
        parts, missing = [], rows
        for part in self._waiting:
            parts.append(part.narrow(self.axis, 0, min(part.shape[self.axis], missing)))
            missing -= parts[-1].shape[self.axis]
            if not missing:
                break
        self._drop(rows - 2)
        over = torch.cat(parts, self.axis) if len(parts) > 1 else parts[0]
        for axis, pixels in enumerate(size, 2):
            if axis != self.axis:
                over = over.narrow(axis, self.crop, pixels)
        return over

    def _drop(self, rows: int) -> None:
        while rows:
            part = self._waiting.pop(0)
            size = part.shape[self.axis]
            if size > rows:
                self._waiting.insert(0, part.narrow(self.axis, rows, size - rows))
            rows -= min(rows, size)
