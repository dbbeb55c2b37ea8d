"""The examples run, each in a process of its own as a reader would start it."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from seamless_unet.image_io import read_image, read_labels, sample_path, write_image
from seamless_unet.model_file import load_model, save_model

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str, *arguments: object) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_segment_folder(tmp_path, pixel_model):
    image = read_image(sample_path("nuclei.tif"))
    binary = (image.data > image.data.mean()).astype("uint8")
    (tmp_path / "images").mkdir()
    for name in "ab":
        write_image(tmp_path / f"images/{name}.tif", binary, axes="YX", pixel_size=image.pixel_size)
    model = save_model(pixel_model(), tmp_path / "model.safetensors")
    (tmp_path / "images/aa.tif").write_text("no image")
    text = example("segment_folder.py", tmp_path / "images", tmp_path / "out", model)
    labels = read_labels(tmp_path / "out/b_labels.tif")
    assert labels.pixel_size == image.pixel_size
    assert text.splitlines()[1].startswith("left out: ")
    assert text.splitlines()[2].startswith(f"b: {labels.data.max()} objects in YX")


def test_train_from_labels(tmp_path):
    image = read_image(sample_path("nuclei.tif"))
    labels = read_labels(sample_path("nuclei_labels.tif"), like=image)
    for name, part in (("a", slice(0, 160)), ("b", slice(160, 256))):
        color = np.stack([image.data[part, :160]] * 3)
        write_image(tmp_path / f"{name}.tif", color, axes="CYX")
        write_image(tmp_path / f"{name}_labels.tif", labels.data[part, :160], axes="YX")
    files = [tmp_path / name for name in ("a.tif", "a_labels.tif", "b.tif", "b_labels.tif")]
    text = example("train_from_labels.py", *files, tmp_path / "m.safetensors", 0.05)
    assert "validation score" in text
    assert "AP at IoU 0.5" in text
    assert load_model(tmp_path / "m.safetensors").info.training
