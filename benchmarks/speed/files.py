"""How much of segmenting files is reading and writing them, compressed, on a local disk.

    python benchmarks/speed/files.py --count 8 --size 1024

The command line segments noisy uint16 images with the bundled model, next to the same images
segmented in memory, and to their being read and their labels written with nothing in between:
the most that doing this beside the computing could save.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from pathlib import Path

import numpy as np
from side_by_side import emit, ratios, side_by_side

from seamless_unet.cli import main as command_line
from seamless_unet.image_io import read_image, sample_path, write_image
from seamless_unet.model_file import load_model
from seamless_unet.stack import segment_stack


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--size", type=int, default=1024, help="of an image, in pixels")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.tif") for number in range(args.count)]
        images = [_draw(args.size, seed) for seed in range(args.count)]
        for path, image in zip(paths, images, strict=True):
            write_image(path, image, axes="YX")
        labels = Path(folder, "labels")
        model = load_model("nuclei")

        def whole() -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                assert command_line(["segment", *map(str, paths), "--output", str(labels)]) == 0

        def computing() -> None:
            for image in images:
                list(segment_stack(model, image, "YX"))

        def files() -> None:
            for path in paths:
                read_image(path)
                write_image(labels / "copy.tif", results[path.stem], axes="YX")

        whole()
        results = {path.stem: read_image(labels / f"{path.stem}_labels.tif").data for path in paths}
        ways = {"command line": whole, "computing": computing, "files": files}
        measured = side_by_side(ways, args.repeats)
    emit("files", measured, size=args.size, count=args.count, ratios=ratios(measured, "computing"))


def _draw(size: int, seed: int) -> np.ndarray:
    """Return the bundled nuclei, tiled, with noise: (size, size) uint16."""
    nuclei = read_image(sample_path("nuclei.tif")).data
    times = [-(-size // n) for n in nuclei.shape]
    noise = np.random.default_rng(seed).normal(1000, 300, (size, size))
    return (np.tile(nuclei, times)[:size, :size] * 200.0 + noise).clip(0, 65535).astype(np.uint16)


if __name__ == "__main__":
    main()
