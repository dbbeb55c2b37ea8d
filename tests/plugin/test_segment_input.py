from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image
from napari.layers._source import layer_source

from seamless_unet.plugin.layers import shining_channel
from seamless_unet.plugin.segment_input import channel_choices, model_input


def numbers(*shape):
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def given(*args, **keywords):
    array, axes = model_input(*args, **keywords)
    return np.asarray(array), axes


def test_an_image_as_it_is():
    data = numbers(2, 3, 4)
    array, axes = model_input(Image(data), "ZYX")
    assert array is data
    assert axes == "ZYX"


def test_channels_of_an_image():
    data = numbers(2, 3, 4, 5)
    array, axes = given(Image(data), "ZCYX", [2])
    assert axes == "ZYX"
    np.testing.assert_array_equal(array, data[:, 2])
    array, axes = given(Image(data), "ZCYX", [2, 0])
    assert axes == "CZYX"
    np.testing.assert_array_equal(array, data[:, [2, 0]].transpose(1, 0, 2, 3))


def test_layers_as_channels():
    one, two = Image(numbers(3, 4)), Image(da.from_array(numbers(3, 4) + 9))
    array, axes = given(one, "YX", [two, one])
    assert axes == "CYX"
    np.testing.assert_array_equal(array, [two.data, one.data])


def test_a_plane_of_it():
    data = numbers(2, 3, 4, 5)
    array, axes = given(Image(data), "ZCYX", index={"Z": 1})
    assert axes == "CYX"
    np.testing.assert_array_equal(array, data[1])
    array, axes = given(Image(data), "ZCYX", [2], index={"Z": 1})
    assert axes == "YX"
    np.testing.assert_array_equal(array, data[1, 2])
    layers = [Image(numbers(2, 3, 4)), Image(numbers(2, 3, 4) + 9)]
    array, axes = given(layers[0], "TYX", layers, index={"T": 1})
    assert axes == "CYX"
    np.testing.assert_array_equal(array, [layer.data[1] for layer in layers])


def test_what_a_channel_may_be():
    viewer = ViewerModel()
    one = viewer.add_image(numbers(3, 8, 8), name="one")
    two = viewer.add_image(numbers(3, 8, 8), name="two")
    viewer.add_image(numbers(2, 8, 8), name="other")
    viewer.add_labels(numbers(3, 8, 8))
    color = viewer.add_image(np.zeros((3, 8, 8, 3), np.uint8), rgb=True)
    assert channel_choices(viewer, two, "ZYX") == [("two", two), ("one", one)]
    assert channel_choices(viewer, two, "CYX") == [("1", 0), ("2", 1), ("3", 2)]
    assert channel_choices(viewer, color, "ZYXC") == [("red", 0), ("green", 1), ("blue", 2)]


@pytest.fixture
def stained(tmp_path):
    """A layer as napari reads it from a file that names its channels."""
    path = tmp_path / "stained.ome.tif"
    data = numbers(2, 8, 9)
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, data, metadata=metadata, ome=True)
    with layer_source(path=str(path)):
        return Image(data, name="stained")


def test_channels_have_the_names_of_the_file(stained):
    viewer = ViewerModel()
    viewer.add_layer(stained)
    assert channel_choices(viewer, stained, "CYX") == [("DAPI", 0), ("GFP", 1)]
    assert channel_choices(viewer, stained, "ZYX") == [("stained", stained)]
    stained.data = numbers(3, 8, 9)  # it is not the file's any more
    assert channel_choices(viewer, stained, "CYX") == [("1", 0), ("2", 1), ("3", 2)]


@pytest.mark.parametrize(("color", "ground", "shining"), [(2, 0, 2), (0, 30, 0), (1, 230, None)])
def test_the_color_that_shines_on_a_dark_ground(color, ground, shining):
    data = np.full((40, 60, 3), ground, np.uint8)
    data[5:15, 10:20, color] = 250
    assert shining_channel(Image(data, rgb=True)) == shining
    assert shining_channel(Image(data[..., color])) is None


def test_fluorescence_in_color_is_not_taken_for_stained_tissue(viewer, dock):
    data = np.zeros((40, 60, 3), np.uint8)
    data[5:15, 10:20, 2] = 250
    viewer.add_image(data, rgb=True, name="blue")
    panel = dock("Segment")
    assert Path(panel.model.value).stem == "nuclei"
    assert panel.channels.value == [2]
    panel.image.value = viewer.add_image(255 - data // 4, rgb=True, name="tissue")
    assert Path(panel.model.value).stem == "stained_nuclei"
