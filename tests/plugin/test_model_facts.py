from datetime import datetime
from pathlib import Path

import pytest

from seamless_unet.config import UNetConfig
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin.library import Entry
from seamless_unet.plugin.model_facts import facts, headline, pixel_size

SAVED = datetime(2026, 3, 9, 17, 5)


def entry(*, own=True, problem="", **about):
    info = None if problem else ModelInfo(network=UNetConfig(depth=2, base_channels=8), **about)
    return Entry("a", Path("a.safetensors"), own, SAVED, info, problem)


TRAINING = {
    "score": 0.8349,
    "steps": 1200,
    "seconds": 90.0,
    "data": {
        "images": 2,
        "objects": 1234,
        "pairs": [{"name": name, "objects": 617} for name in ("well A1", "well B2", "well A1")],
    },
}


def test_all_that_is_known():
    info = {"pixel_size": {"Y": 0.5, "X": 0.5}, "licence": "CC0-1.0", "description": "Nuclei."}
    assert facts(entry(training=TRAINING, channels=("DAPI",), **info)) == [
        ("About", "Nuclei."),
        ("Takes", "images, or stacks plane by plane; 1 channel (DAPI)"),
        ("Finds", "cells"),
        ("Score", "0.83 of 1, on annotation held back from learning"),
        ("Learned from", "1,234 cells in 2 images"),
        ("Images", "well A1, well B2"),
        ("Trained", "2026-03-09 17:05, 1.5 minutes, 1,200 steps"),
        ("Pixel size", "0.5 µm"),
        ("Network", "U-Net of depth 2, 8 channels"),
        ("Licence", "CC0-1.0"),
    ]
    assert headline(entry(training=TRAINING)) == "score 0.83, 2026-03-09"


def test_of_many_images_the_first_are_named():
    pairs = [{"name": f"plate {number}"} for number in range(1500)]
    known = dict(facts(entry(training={"data": {"pairs": pairs}})))
    assert known["Images"].startswith("plate 0, plate 1, ")
    assert known["Images"].endswith("plate 11 and 1,488 more")


def test_one_that_is_being_trained():
    assert headline(entry(training=TRAINING), learning=True) == "being trained"


def test_little_is_known():
    known = dict(facts(entry(own=False, output="classes", classes=("sky", "cell"))))
    assert list(known) == ["Takes", "Finds", "Network"]
    assert known["Takes"] == "images, or stacks plane by plane; 1 channel"
    assert known["Finds"] == "sky, cell"
    assert headline(entry(own=False)) == "comes with the plugin"


def test_a_damaged_file():
    assert facts(entry(problem="it is truncated")) == [("Problem", "it is truncated")]
    assert headline(entry(problem="it is truncated")) == "cannot be read"


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({"Y": 0.5, "X": 0.25}, "0.5 x 0.25 µm"),
        ({"Z": 1.0, "Y": 0.1625, "X": 0.1625}, "0.163 µm, slices 1 µm"),
        ({"Z": 1.0}, "slices 1 µm"),
        ({}, ""),
    ],
)
def test_pixel_size(sizes, text):
    assert pixel_size(sizes) == text
