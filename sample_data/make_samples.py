"""Draw the sample images and their labels: ``python sample_data/make_samples.py [FOLDER]``.

Every picture is computed from a fixed seed; none contains a pixel of anybody's image. Lengths are
in micrometre, so that the same lines draw flat images and stacks of anisotropic voxels.
"""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label, map_coordinates
from scipy.spatial import KDTree

Array = NDArray[np.float64]


@dataclass
class Sample:
    """An image, its labels (same shape, uint16), what its axes are, and micrometre per pixel."""

    image: NDArray[np.integer]
    labels: NDArray[np.uint16]
    axes: str
    pixel_size: dict[str, float]


@dataclass
class Nuclei:
    """N ellipsoids in n dimensions: centers (N, n), metrics (N, n, n), brightness (N,).

    A point x is inside one where ``(x - center) @ metric @ (x - center) < 1``.
    """

    centers: Array
    metrics: Array
    brightness: Array


def grid(shape: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
    """Return the position of every pixel, shape (*shape, n)."""
    return np.moveaxis(np.indices(shape), 0, -1) * np.array(spacing)


def smooth_noise(shape: tuple[int, ...], sigma: tuple[float, ...] | float, rng) -> Array:
    """Return periodic Gaussian noise of mean 0 and deviation 1, ``sigma`` pixels coarse."""
    noise = gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def place_nuclei(extent: Array, count: int, radius: float, clustered: float, rng) -> Nuclei:
    """Place ``count`` nuclei in a box of ``extent``; a part ``clustered`` touches another one."""
    ndim = len(extent)
    radii = radius * rng.uniform(0.75, 1.25, count)
    centers = np.empty((0, ndim))
    while len(centers) < count:
        size = radii[len(centers)]
        center = rng.uniform(0, extent)
        if len(centers) and rng.random() < clustered:
            beside = rng.integers(len(centers))
            direction = rng.normal(size=ndim)
            reach = rng.uniform(0.85, 1.0) * (size + radii[beside])
            center = centers[beside] + reach * direction / np.linalg.norm(direction)
        apart = np.linalg.norm(centers - center, axis=1) > 0.85 * (radii[: len(centers)] + size)
        if apart.all() and (center > 0).all() and (center < extent).all():
            centers = np.vstack([centers, center])
    rotations = np.linalg.qr(rng.normal(size=(count, ndim, ndim)))[0]
    semi_axes = radii[:, None] * rng.uniform(0.8, 1.25, (count, ndim))
    metrics = np.einsum("nij,nj,nkj->nik", rotations, semi_axes**-2, rotations)
    return Nuclei(centers, metrics, rng.uniform(0.45, 1.0, count))


def fluorescence(
    nuclei: Nuclei, points: Array, warp: Array, chromatin: Array
) -> tuple[NDArray[np.uint16], Array]:
    """Return labels and emitted light at ``points`` (*shape, n).

    ``warp`` (*shape, n) bends the outlines. ``chromatin`` is a periodic texture that moves along
    with each nucleus. Where two would overlap, a pixel belongs to the one it lies deeper in.
    """
    nearest = np.ones(points.shape[:-1])
    labels = np.zeros(points.shape[:-1], np.uint16)
    bent = points + warp
    for i, (center, metric) in enumerate(zip(nuclei.centers, nuclei.metrics, strict=True), 1):
        distance = np.sum(((bent - center) @ metric) * (bent - center), axis=-1)
        inside = distance < nearest
        nearest[inside], labels[inside] = distance[inside], i

    light = np.zeros(labels.shape)
    found = labels > 0
    owner = labels[found] - 1
    inner = (points[found] - nuclei.centers[owner]) * 4  # texture pixels of 0.25 micrometre
    texture = map_coordinates(chromatin, inner.T + 37 * owner, order=1, mode="grid-wrap")
    thickness = (1 - nearest[found]) ** 0.3
    light[found] = nuclei.brightness[owner] * thickness * np.exp(0.22 * texture)
    return labels, light


def camera(light: Array, photons: float, gain: float, offset: float, rng) -> Array:
    """Return grey values: shot noise of ``photons`` at light 1, and read noise of 3 electrons."""
    electrons = np.maximum(light, 0) * photons
    noise = np.sqrt(electrons + 9) * rng.normal(size=light.shape)
    return (electrons + noise) * gain + offset


def quantize(grey: Array, dtype: type[np.unsignedinteger]) -> NDArray[np.integer]:
    """Round to whole grey values within the type's range."""
    return np.clip(np.round(grey), 0, np.iinfo(dtype).max).astype(dtype)


def consecutive(labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Number the labels 1..n without holes."""
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint16)


def nuclei_2d() -> Sample:
    """Stained nuclei of a cell culture in wide field: clusters, uneven light, some haze."""
    rng = np.random.default_rng(1)
    shape, size = (512, 512), 0.5
    points = grid(shape, (size, size))
    nuclei = place_nuclei(np.array(shape) * size, 84, 7.0, 0.7, rng)
    warp = 0.7 * np.stack([smooth_noise(shape, 9, rng) for _ in shape], axis=-1)
    chromatin = smooth_noise((256, 256), 2, rng) + 0.8 * smooth_noise((256, 256), 6, rng)
    labels, light = fluorescence(nuclei, points, warp, chromatin)
    haze = 0.10 * gaussian_filter(light, 12) + 0.02 * smooth_noise(shape, 60, rng)
    y, x = np.moveaxis(points, -1, 0) / 256 - 0.5
    illumination = 1.05 - 0.9 * ((y + 0.15) ** 2 + (x - 0.1) ** 2)
    seen = (gaussian_filter(light, 1.1) + haze + 0.05) * illumination
    grey = camera(seen, photons=400, gain=0.35, offset=8, rng=rng)
    return Sample(quantize(grey, np.uint8), consecutive(labels), "YX", {"Y": size, "X": size})


def nuclei_stack() -> Sample:
    """Densely packed nuclei in three dimensions, dimmer with depth and blurred along z."""
    rng = np.random.default_rng(2)
    shape, spacing = (24, 128, 128), (1.0, 0.4, 0.4)
    points = grid(shape, spacing)
    nuclei = place_nuclei(np.array(shape) * spacing, 34, 5.2, 0.6, rng)
    sigma = (2.5, 6, 6)
    warp = 0.5 * np.stack([smooth_noise(shape, sigma, rng) for _ in shape], axis=-1)
    chromatin = smooth_noise((64, 64, 64), 3, rng)
    labels, light = fluorescence(nuclei, points, warp, chromatin)
    depth = points[..., 0] / 24
    seen = gaussian_filter(light, (1.1, 1.0, 1.0)) + 0.10 * gaussian_filter(light, (4, 8, 8)) + 0.03
    grey = camera(seen * (1 - 0.45 * depth), photons=300, gain=0.3, offset=5, rng=rng)
    pixel_size = dict(zip("ZYX", spacing, strict=True))
    return Sample(quantize(grey, np.uint8), consecutive(labels), "ZYX", pixel_size)


def nuclei_time() -> Sample:
    """Nuclei that wander and grow over eight frames; an id is the same nucleus in every frame."""
    rng = np.random.default_rng(3)
    frames, shape, size = 8, (160, 160), 0.5
    points = grid(shape, (size, size))
    start = place_nuclei(np.array(shape) * size, 14, 5.5, 0.4, rng)
    inward = 0.006 * (40 - start.centers)  # so that none leaves the field of view
    velocity = inward + rng.normal(0, 0.3, start.centers.shape)
    growth = rng.uniform(1.0, 1.025, len(start.centers))
    warp = 0.5 * np.stack([smooth_noise(shape, 9, rng) for _ in shape], axis=-1)
    chromatin = smooth_noise((256, 256), 3, rng)
    images, labels = [], []
    for frame in range(frames):
        scale = growth[:, None, None] ** (-2 * frame)
        centers = start.centers + frame * velocity
        now = Nuclei(centers, start.metrics * scale, start.brightness)
        frame_labels, light = fluorescence(now, points, warp, chromatin)
        seen = gaussian_filter(light, 1.1) + 0.08 * gaussian_filter(light, 10) + 0.04
        images.append(camera(seen, photons=150, gain=1.0, offset=100, rng=rng))
        labels.append(frame_labels)
    image = quantize(np.stack(images), np.uint16)
    return Sample(image, consecutive(np.stack(labels)), "TYX", {"Y": size, "X": size})


def cell_map(shape: tuple[int, int], rng) -> tuple[NDArray[np.uint16], Array]:
    """Return cells of a bent Voronoi diagram, 1..n, and each pixel's distance to the next cell."""
    seeds = rng.uniform(-20, np.array(shape) + 20, (1, 2))
    for _ in range(4000):  # cells are smaller in the middle, as neurites are beside cell bodies
        seed = rng.uniform(-20, np.array(shape) + 20)
        spread = 24 + 0.12 * np.linalg.norm(seed - np.array(shape) / 2)
        if np.linalg.norm(seeds - seed, axis=1).min() > spread:
            seeds = np.vstack([seeds, seed])
    warp = sum(
        amount * np.stack([smooth_noise(shape, sigma, rng) for _ in shape], axis=-1)
        for amount, sigma in [(9.0, 26), (2.5, 9)]
    )
    distance, nearest = KDTree(seeds).query(grid(shape, (1, 1)) + warp, k=2)
    between = np.linalg.norm(seeds[nearest[..., 0]] - seeds[nearest[..., 1]], axis=-1)
    to_border = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * between)
    return nearest[..., 0].astype(np.uint16) + 1, to_border


def organelles(to_border: Array, rng) -> Array:
    """Return how much darker mitochondria and vesicles make each pixel, 0 to 1."""
    points = grid(to_border.shape, (1, 1))
    dark = np.zeros(to_border.shape)
    deep = np.argwhere(to_border > 11)
    for center in rng.permutation(deep)[:26]:
        angle, long, short = rng.uniform(0, np.pi), rng.uniform(9, 16), rng.uniform(5, 7)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        along, across = np.moveaxis((points - center) @ turn.T, -1, 0)
        radius = np.hypot(along / long, across / short)
        body = (radius < 1) * (0.30 + 0.12 * np.sin(along * 1.6 + 0.3 * across))
        rim = 0.35 * np.exp(-(((radius - 1) * short / 1.3) ** 2))
        dark = np.maximum(dark, np.maximum(body, rim) * (to_border > 5))
    for center in rng.permutation(np.argwhere(to_border > 8))[:160]:
        radius = np.linalg.norm(points - center, axis=-1)
        dark = np.maximum(dark, 0.28 * np.exp(-(((radius - 3.2) / 1.1) ** 2)))
    return dark


def membranes() -> Sample:
    """Tissue as an electron microscope shows it: dark membranes of varying width around cells."""
    rng = np.random.default_rng(4)
    shape, size = (384, 384), 0.008
    cells, to_border = cell_map(shape, rng)
    width = np.clip(2.5 + 0.6 * smooth_noise(shape, 15, rng), 1.8, 3.8)
    cytoplasm = 0.04 * smooth_noise(shape, 2, rng) + 0.03 * rng.normal(size=cells.max() + 1)[cells]
    light = 0.72 + cytoplasm - organelles(to_border, rng)
    light -= (light - 0.15) * np.exp(-((to_border / width) ** 4))
    light += 0.03 * smooth_noise(shape, 50, rng)
    grey = camera(gaussian_filter(light, 0.8), photons=300, gain=0.8, offset=0, rng=rng)
    inside = np.where(to_border > width, cells, 0).astype(np.uint16)
    return Sample(quantize(grey, np.uint8), whole(inside), "YX", {"Y": size, "X": size})


def whole(labels: NDArray[np.uint16], smallest: int = 60) -> NDArray[np.uint16]:
    """Keep each label's largest piece, where that has ``smallest`` pixels or more."""
    kept = np.zeros_like(labels)
    for value in np.unique(labels[labels > 0]):
        pieces, _ = label(labels == value)
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() >= smallest:
            kept[pieces == sizes.argmax() + 1] = value
    return consecutive(kept)


def draw() -> dict[str, Sample]:
    """Return every sample by its file's name."""
    return {
        "nuclei": nuclei_2d(),
        "nuclei_stack": nuclei_stack(),
        "nuclei_time": nuclei_time(),
        "membranes": membranes(),
    }


def write(path: Path, data: NDArray[np.integer], sample: Sample) -> None:
    """Write an OME-TIFF that is the same byte for byte each time."""
    metadata = {"axes": sample.axes, "Creator": "make_samples.py"}
    metadata["UUID"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, path.name)}"
    for axis, size in sample.pixel_size.items():
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if "T" in sample.axes:
        metadata |= {"TimeIncrement": 15, "TimeIncrementUnit": "min"}
    options = {"compression": "zlib", "compressionargs": {"level": 9}, "predictor": True}
    tifffile.imwrite(path, data, ome=True, photometric="minisblack", metadata=metadata, **options)


def main(folder: Path) -> None:
    """Write every sample and its labels into ``folder``."""
    for name, sample in draw().items():
        write(folder / f"{name}.tif", sample.image, sample)
        write(folder / f"{name}_labels.tif", sample.labels, sample)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
