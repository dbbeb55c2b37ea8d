import numpy as np
import pytest


@pytest.fixture
def image():
    image = np.zeros((40, 50), np.uint8)
    image[5:15, 5:15] = image[20:30, 20:40] = 200
    return image


@pytest.fixture
def train_request(tmp_path, image):
    """A short training on two images, as the Train dock asks for it."""
    folder = tmp_path / "worker"
    folder.mkdir()
    pixels = np.tile(image, (2, 2))
    strokes = np.where(pixels[:40] > 0, 2, 1) * (np.arange(100) % 3 == 0)
    arrays = {
        "image 0": pixels,
        "labels 0": np.kron(np.arange(1, 5).reshape(2, 2), image > 0),
        "region 0": np.ones(pixels.shape, bool),
        "image 1": pixels[np.newaxis, :40],
        "labels 1": strokes[np.newaxis],
    }
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array)
    return {
        "request": "train",
        "id": 2,
        "pairs": [
            {"name": "cells", "axes": "YX", "annotation": "objects", "region": True},
            {"name": "film", "axes": "TYX", "annotation": "scribbles", "region": False},
        ],
        **{key: str(folder / f"{key}.npy") for key in arrays},
        "pixel_size": {"Y": 0.5, "X": 0.5},
        "channels": ["DAPI"],
        "preset": "quick",
        "changes": {
            "steps": 3,
            "depth": 1,
            "base_channels": 4,
            "patch": 16,
            "batch_size": 1,
            "start": "scratch",
        },
        "device": "cpu",
        "output": str(tmp_path / "library" / "trained.safetensors"),
        "checkpoint": str(tmp_path / "library" / "checkpoints" / "trained"),
    }
