"""Random patches of samples, augmented, for the network to learn from."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seamless_unet.augment import coordinates, resample, vary_grey
from seamless_unet.config import TrainConfig
from seamless_unet.geometry import Geometry
from seamless_unet.sample import Sample

Batch = tuple[Tensor, Tensor, Tensor]

_MOST_POSITIONS = 50_000  # remembered per sample and kind, to draw from
_MOST_ON_DEVICE = 2**31  # bytes of samples kept on a GPU; more stay in the computer's memory


class Patches:
    """Random patches around annotated pixels, half of them around labeled foreground.

    Parameters
    ----------
    samples
        To draw from, in proportion to the square root of how much of each is annotated, up to
        50,000 pixels, beyond which all are alike.
    config
        Its augmentation, ``patch`` and ``batch_size``.
    geometry
        Of the network: a patch's input is larger than its target by the context lost.
    device
        Where patches are wanted.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        config: TrainConfig,
        geometry: Geometry,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.samples = samples
        self.device = device
        self.config = config
        rng = np.random.default_rng(config.seed)
        self._annotated = [_positions(s.weight > 0, rng) for s in samples]
        self._labeled = [_positions((s.weight > 0) & (s.target > 0), rng) for s in samples]
        size = sum(s.image.nbytes + 2 * s.weight.nbytes for s in samples)
        # other devices cannot resample bicubically
        on_device = torch.device(device).type == "cuda" and size <= _MOST_ON_DEVICE
        self._where = device if on_device else "cpu"
        self._images = [torch.from_numpy(s.image).to(self._where) for s in samples]
        # (2, [Z,] Y, X): class index and weight, read together
        self._truth = [
            torch.from_numpy(np.stack([s.target.astype(np.float32), s.weight])).to(self._where)
            for s in samples
        ]
        amount = np.sqrt([len(p) for p in self._annotated])
        self._chance = amount / amount.sum()
        sizes = np.max([s.target.shape for s in samples], axis=0)
        self.shape = tuple(geometry.read_size(min(config.patch, int(size))) for size in sizes)
        self._target = tuple(_centered(n, geometry.output_size(n)) for n in self.shape)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return a batch.

        Returns
        -------
        image, target, weight
            (N, C, in) float32, (N, out) int64 class index and (N, out) float32.
        """
        drawn = [self._one(rng) for _ in range(self.config.batch_size)]
        image, target, weight = (
            torch.stack(parts).to(self.device) for parts in zip(*drawn, strict=True)
        )
        return image, target, weight

    def _one(self, rng: np.random.Generator) -> Batch:
        which = int(rng.choice(len(self.samples), p=self._chance))
        labeled = self._labeled[which]
        positions = labeled if len(labeled) and rng.random() < 0.5 else self._annotated[which]
        sample = self.samples[which]
        center = np.unravel_index(positions[rng.integers(len(positions))], sample.target.shape)
        spread = [n.stop - n.start for n in self._target]
        near = [round(c + rng.uniform(-n / 3, n / 3)) for c, n in zip(center, spread, strict=True)]
        where = coordinates(near, self.shape, self.config, rng, device=self._where)
        image = resample(self._images[which], where, mode="cubic")
        inner = where[(slice(None), *self._target)]
        target, weight = resample(self._truth[which], inner, mode="nearest")
        return vary_grey(image, self.config.grey, rng), target.long(), weight


class DrawnAhead:
    """Batches that are drawn while the network learns from those before them.

    The caller's generator only moves on when a batch is taken, so that its state, in a
    checkpoint, is the same as if nothing had been drawn ahead. Use it in a ``with`` statement.
    """

    def __init__(self, patches: Patches) -> None:
        self.patches = patches
        self._pool = ThreadPoolExecutor(1)
        self._next: Future[tuple[Batch, np.random.Generator]] | None = None

    def __enter__(self) -> DrawnAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def take(self, rng: np.random.Generator) -> Batch:
        """Return what ``Patches.draw`` would, and leave ``rng`` as that would."""
        if self._next is None:
            return self.patches.draw(rng)
        batch, moved_on = self._next.result()
        self._next = None
        rng.bit_generator.state = moved_on.bit_generator.state
        return batch

    def prepare(self, rng: np.random.Generator) -> None:
        """Begin to draw the batch to be taken next; until then ``rng`` must not be used."""
        self._next = self._pool.submit(self._drawn, copy.deepcopy(rng))

    def _drawn(self, rng: np.random.Generator) -> tuple[Batch, np.random.Generator]:
        return self.patches.draw(rng), rng


def _positions(where: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    flat = np.flatnonzero(where)
    if len(flat) > _MOST_POSITIONS:
        flat = np.sort(rng.choice(flat, _MOST_POSITIONS, replace=False))
    return flat


def _centered(size: int, inner: int) -> slice:
    start = (size - inner) // 2
    return slice(start, start + inner)
