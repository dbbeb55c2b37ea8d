import pytest

SAMPLES = {
    "nuclei": "yx",
    "nuclei_stack": "zyx",
    "nuclei_time": "tyx",
    "membranes": "yx",
}


@pytest.mark.parametrize("key", SAMPLES)
def test_open_sample(viewer, key):
    image, labels = viewer.open_sample("napari-seamless-unet", key)
    assert "".join(image.axis_labels) == "".join(labels.axis_labels) == SAMPLES[key]
    assert image.data.shape == labels.data.shape
    assert tuple(image.scale) == tuple(labels.scale)
    assert image.scale[-1] < 1
    assert str(image.units[-1]) == str(labels.units[-1]) == "micrometer"
    assert labels.data.max() > 5
