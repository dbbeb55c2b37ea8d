import numpy as np
import pytest

from seamless_unet.image_io import write_image
from seamless_unet.model_file import save_model


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(tmp_path, pixel_model):
    return str(save_model(pixel_model(description="rounds grey values"), "model.safetensors"))


@pytest.fixture
def two_nuclei():
    """Return a maker of the files a.tif and a_labels.tif."""

    def make(name="a", *, axes="YX", labels=None):
        image = np.zeros((64, 72), np.uint8)
        image[10:20, 12:26] = image[40:52, 40:56] = 1
        drawn = image.astype(np.uint16)
        drawn[40:] *= 2
        drawn = drawn if labels is None else labels
        for kind, data in (("", image), ("_labels", drawn)):
            shaped = data[(np.newaxis,) * (len(axes) - 2)]
            write_image(f"{name}{kind}.tif", shaped, axes=axes, pixel_size={"Y": 0.5, "X": 0.5})
        return f"{name}.tif"

    return make
