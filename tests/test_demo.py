import argparse
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from skimage.io import imread

from seamless_unet import demo
from seamless_unet.cli import main
from seamless_unet.config import Normalization
from seamless_unet.image_io import Image, read_image, read_labels, sample_path
from seamless_unet.model_file import save_model


@pytest.fixture(autouse=True)
def _bundled(tmp_path, monkeypatch, pixel_model):
    """A model that cuts at half the contrast stands in for the bundled one."""
    monkeypatch.chdir(tmp_path)
    path = save_model(
        pixel_model(normalization=Normalization("percentile")), tmp_path / "nuclei.safetensors"
    )
    monkeypatch.setattr("seamless_unet.model_file.bundled_models", lambda: {"nuclei": path})


def test_without_a_display_it_says_so_and_writes_a_picture(capsys, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["demo"]) == 0
    text = capsys.readouterr().out
    assert "no napari window (there is no display): see the picture instead" in text
    labels = read_labels("seamless_unet_demo/nuclei_labels.tif")
    image = read_image(sample_path("nuclei.tif"))
    assert f"found    {labels.data.max()} nuclei, " in text
    assert labels.pixel_size == pytest.approx(image.pixel_size)
    assert imread("seamless_unet_demo/nuclei_overlay.png").shape == (*image.data.shape, 3)


def test_labels_of_somebody_else_are_left_alone(capsys, tmp_path):
    tifffile.imwrite(tmp_path / "nuclei_labels.tif", np.ones((4, 5), np.uint8))
    assert main(["demo", "--no-window", "--output", "."]) == 1
    assert "nuclei_labels.tif exists and is not a result" in capsys.readouterr().err
    assert read_labels("nuclei_labels.tif").data.shape == (4, 5)


@pytest.mark.parametrize(
    ("status", "ending"), [(0, ""), (-6, "no napari window (napari ended with status -6)")]
)
def test_with_a_display_it_opens_napari_in_a_process(capsys, monkeypatch, status, ending):
    started = []

    def run(command, check):
        started.append(command)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(demo, "why_no_window", lambda: None)
    monkeypatch.setattr(demo.subprocess, "run", run)
    assert main(["demo", "--output", "here", "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["window"] == (status == 0)
    assert ending in printed.err
    labels = os.path.join("here", "nuclei_labels.tif")
    [command] = started
    assert command[1:] == ["-m", "seamless_unet.demo", str(sample_path("nuclei.tif")), labels]


def test_why_no_window_without_qt(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(demo, "find_spec", lambda name: None if "Py" in name else name)
    assert "no Qt is installed" in demo.why_no_window()
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.why_no_window() == "napari is not installed"
    monkeypatch.setattr(demo, "find_spec", lambda name: name)
    assert demo.why_no_window() is None


def test_the_overlay_draws_outlines_in_yellow(tmp_path):
    labels = np.zeros((20, 20), np.int32)
    labels[5:15, 5:15] = 1
    image = Image(np.full((20, 20), 7, np.uint16), "YX", {}, "flat")
    demo.write_overlay(tmp_path / "o.png", image, labels)
    picture = imread(tmp_path / "o.png")
    assert picture[5, 5].tolist() == [255, 217, 0]
    assert picture[10, 10].tolist() == picture[0, 0].tolist() == [0, 0, 0]


def test_the_window_shows_image_and_labels_in_place(tmp_path):
    """napari's event loop is left out; all the rest of the window is real."""
    demo.demo(argparse.Namespace(output="out", no_window=True))
    code = """
import sys, napari
from seamless_unet import demo
napari.run = lambda: None
demo.show(*sys.argv[1:])
[image, labels] = napari.current_viewer().layers
print("torch" in sys.modules, type(labels).__name__, *labels.scale, *image.scale)
napari.current_viewer().close()
"""
    arguments = [
        sys.executable,
        "-c",
        code,
        str(sample_path("nuclei.tif")),
        "out/nuclei_labels.tif",
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    torch, kind, *scale = done.stdout.split()[-6:]
    size = read_image(sample_path("nuclei.tif")).pixel_size
    assert (torch, kind) == ("False", "Labels")
    assert [float(s) for s in scale] == pytest.approx([size["Y"], size["X"]] * 2)
