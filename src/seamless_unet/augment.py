"""Elastic deformation, rotation, mirroring, size and grey values, for training patches.

One map of coordinates per patch carries every change of shape, so that image, target and weight
are each interpolated once, and alike.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn import functional as F

from seamless_unet.config import TrainConfig

_CONTROL_POINTS = 3  # per axis, as in the paper


def coordinates(
    center: Sequence[float],
    shape: Sequence[int],
    config: TrainConfig,
    rng: np.random.Generator,
    *,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw where in an image each pixel of a patch comes from.

    Stacks are turned and deformed in the plane only: z usually has another pixel size.

    Parameters
    ----------
    center
        ([Z,] Y, X) pixel of the image that the patch is drawn around.
    shape
        ([Z,] Y, X) of the patch.
    config
        Its ``rotate``, ``flip``, ``zoom`` and ``elastic``.
    device
        Where to compute.

    Returns
    -------
    Tensor
        (ndim, [Z,] Y, X) float32, pixels of the image.
    """
    ndim = len(shape)
    steps = [torch.arange(size, dtype=torch.float32) - (size - 1) // 2 for size in shape]
    grid = torch.stack(torch.meshgrid(*(s.to(device) for s in steps), indexing="ij"))
    if config.elastic:
        grid[-2:] += elastic_displacement(shape, config.elastic, rng, device=device)
    angle = rng.uniform(0, 2 * math.pi) if config.rotate else 0.0
    zoom = (1 + config.zoom) ** rng.uniform(-1, 1)
    signs = rng.choice([-1, 1], ndim) if config.flip else np.ones(ndim)
    matrix = np.diag(signs.astype(np.float64))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix[-2:] = turn @ matrix[-2:] / zoom
    mapped = torch.tensordot(_on(device, matrix), grid, dims=1)
    return mapped + _on(device, np.reshape(center, (-1, *(1,) * ndim)))


def elastic_displacement(
    shape: Sequence[int],
    std: float,
    rng: np.random.Generator,
    *,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw the paper's smooth deformation: random displacements on a coarse 3x3 grid, bicubic.

    Parameters
    ----------
    shape
        ([Z,] Y, X) of the patch.
    std
        Standard deviation of the displacements at the grid points, in pixels.
    device
        Where to compute.

    Returns
    -------
    Tensor
        (2, [Z,] Y, X) float32 displacement in y and x, in pixels.
    """
    field = _on(device, rng.normal(0, std, (2, *(_CONTROL_POINTS,) * len(shape))))
    for axis, size in enumerate(shape, 1):
        basis = _on(device, _spline_basis(size))
        field = torch.tensordot(basis, field, dims=([1], [axis])).movedim(0, axis)
    return field


@functools.cache
def _spline_basis(size: int) -> NDArray[np.float32]:
    """Return what each control point adds to each of ``size`` pixels: (size, control points)."""
    knots = np.linspace(0, 1, _CONTROL_POINTS)
    # natural: between three points a not-a-knot spline is one parabola that overshoots
    spline = CubicSpline(knots, np.eye(_CONTROL_POINTS), bc_type="natural")
    return spline(np.linspace(0, 1, size)).astype(np.float32)


def _on(device: torch.device | str, array: ArrayLike) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32)).to(device)


def resample(array: Tensor, where: Tensor, *, mode: str) -> Tensor:
    """Read an array at real-valued coordinates, mirrored beyond its border.

    Parameters
    ----------
    array
        (C, [Z,] Y, X) float32.
    where
        (ndim, *out) float32 pixel coordinates, from `coordinates`.
    mode
        ``"nearest"``, ``"linear"``, or ``"cubic"`` (Catmull-Rom; linear in 3-D).

    Returns
    -------
    Tensor
        (C, *out) float32.
    """
    ndim = len(where)
    # torch counts x first and from -1 to 1 between the outermost pixel centers
    scaled = [2 * w / max(n - 1, 1) - 1 for w, n in zip(where, array.shape[1:], strict=True)]
    grid = torch.stack(scaled[::-1]).movedim(0, -1)[None]  # a view: interleaving them takes longer
    torch_mode = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}[mode]
    if ndim == 3 and mode == "cubic":
        torch_mode = "bilinear"
    result = F.grid_sample(
        array[None], grid, mode=torch_mode, padding_mode="reflection", align_corners=True
    )
    return result[0]


def vary_grey(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Change contrast, brightness, gamma, sharpness and noise of a normalized patch.

    Parameters
    ----------
    image
        (C, [Z,] Y, X) float32, about 0 to 1.
    strength
        0 leaves the image alone, 1 changes it strongly.
    """
    if not strength:
        return image
    gamma = math.exp(rng.uniform(-0.7, 0.7) * strength)
    # the line through 0 and 1 stays, so that dark and bright ends meet the gamma curve
    inside = image.clamp(0, 1)
    image = inside**gamma + (image - inside)
    image = image * math.exp(rng.uniform(-0.5, 0.5) * strength) + rng.uniform(-0.2, 0.2) * strength
    if rng.random() < 0.3 * strength:
        from torchvision.transforms.v2.functional import gaussian_blur

        image = gaussian_blur(image, kernel_size=[7, 7], sigma=[rng.uniform(0.3, 1.5)])
    if rng.random() < 0.5:
        generator = torch.Generator(image.device).manual_seed(int(rng.integers(2**31)))
        noise = torch.randn(image.shape, generator=generator, device=image.device)
        image = image + noise * float(rng.uniform(0, 0.1) * strength)
    return image
