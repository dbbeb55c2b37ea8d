import threading

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import layer_source

from seamless_unet.image_io import write_image
from seamless_unet.plugin import layer_metadata, layers


def axes(layer):
    return [axes for _, axes in layers.axes_choices(layer)]


def test_axes_are_guessed_from_the_number_of_dimensions():
    assert axes(Image(np.zeros((4, 5)))) == ["YX"]
    assert axes(Image(np.zeros((3, 4, 5)))) == ["ZYX", "TYX", "SYX", "CYX", "YXC"]
    assert axes(Image(np.zeros((2, 3, 4, 5))))[0] == "TZYX"
    assert axes(Image(np.zeros((2,) * 6))) == []
    assert axes(Image(np.zeros((2, 3, 4, 5, 6))))[0] == "TZCYX"
    assert axes(Image(np.zeros((9, 4, 5, 3)), rgb=True)) == ["ZYXC", "TYXC", "SYXC"]
    assert axes(Image(np.zeros((4, 5, 3)), rgb=True)) == ["YXC"]


def test_a_few_large_planes_are_guessed_to_be_channels():
    assert axes(Image(np.zeros((3, 40, 50))))[0] == "CYX"
    assert axes(Image(np.zeros((40, 50, 2))))[0] == "YXC"
    assert axes(Image(np.zeros((5, 40, 50))))[0] == "ZYX"


def test_axes_are_taken_from_the_names_of_the_dimensions():
    assert axes(Image(np.zeros((3, 4, 5)), axis_labels=("t", "y", "x"))) == [
        *("TYX", "ZYX", "SYX", "CYX", "YXC")
    ]
    assert axes(Image(np.zeros((3, 4, 5)), axis_labels=("Channel", "Y", "X")))[0] == "CYX"
    assert axes(Image(np.zeros((3, 4, 5)), axis_labels=("t", "t", "x")))[0] == "ZYX"


@pytest.fixture
def from_file(tmp_path, monkeypatch):
    """Return a function that makes layers as if read from a file with these dimensions."""

    def make(data, file_shape, file_axes, *, pixel_size=None, **keywords):
        path = tmp_path / "a.tif"
        array = np.zeros(file_shape, np.uint8)
        write_image(path, array, axes=file_axes, pixel_size=pixel_size)
        with layer_source(path=str(path)):
            return Image(data, **keywords)

    monkeypatch.setattr(layer_metadata, "_PATIENCE", 10)  # seconds
    return make


def test_axes_are_taken_from_the_file_that_a_layer_came_from(tmp_path, viewer, monkeypatch):
    monkeypatch.setattr(layer_metadata, "_PATIENCE", 10)
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((3, 8, 8), np.uint8), metadata={"axes": "TYX"}, ome=True)
    (layer,) = viewer.open(path, plugin="napari")
    assert axes(layer)[0] == "TYX"
    layer.data = layer.data[:2]  # no longer what is in the file
    assert axes(layer)[0] == "ZYX"


def test_readers_drop_axes_of_one_pixel_and_make_a_layer_of_each_channel(from_file):
    assert axes(from_file(np.zeros((2, 8, 9)), (1, 2, 8, 9), "SCYX"))[0] == "CYX"
    assert axes(from_file(np.zeros((5, 8, 9)), (5, 2, 8, 9), "TCYX"))[0] == "TYX"
    assert axes(from_file(np.zeros((5, 8, 9)), (1, 5, 2, 8, 9), "STCYX"))[0] == "TYX"
    assert axes(from_file(np.zeros((8, 9, 3)), (8, 9, 3), "YXC", rgb=True))[0] == "YXC"


def test_the_file_of_a_layer_is_read_once(from_file, monkeypatch):
    layer = from_file(np.zeros((5, 8, 9)), (5, 8, 9), "TYX")
    assert axes(layer)[0] == "TYX"
    monkeypatch.setattr(layer_metadata, "read_metadata", lambda path: pytest.fail("read again"))
    assert axes(layer)[0] == "TYX"


def test_a_slow_file_keeps_nobody_waiting(from_file, monkeypatch, qtbot):
    layer = from_file(np.zeros((5, 8, 9)), (5, 8, 9), "TYX")
    monkeypatch.setattr(layer_metadata, "_PATIENCE", 0)
    answer, read = threading.Event(), layer_metadata.read_metadata
    monkeypatch.setattr(layer_metadata, "read_metadata", lambda p: answer.wait(10) and read(p))
    assert axes(layer)[0] == "ZYX"
    with qtbot.waitSignal(layer_metadata.signals.arrived, timeout=10_000):
        answer.set()
    assert axes(layer)[0] == "TYX"


def test_axes_in_words():
    assert layers.axes_choices(Image(np.zeros((3, 4, 5))))[0][0] == "depth (3), y, x"


def test_multiscale_means_full_size():
    layer = Image([np.zeros((8, 8)), np.zeros((4, 4))], multiscale=True)
    assert layers.full_data(layer).shape == (8, 8)
    assert axes(layer) == ["YX"]


def test_one_channel():
    data = np.arange(24).reshape(2, 3, 4)
    array, left = layers.one_channel(Image(data), "CYX", 1)
    np.testing.assert_array_equal(array, data[1])
    assert left == "YX"
    rgb = np.zeros((4, 5, 3), np.uint8)
    rgb[..., 2] = 7
    array, left = layers.one_channel(Image(rgb, rgb=True), "YXC", 2)
    assert (array == 7).all()
    assert left == "YX"
    assert layers.channels(Image(rgb, rgb=True), "YXC") == 3
    assert layers.channels(Image(data), "ZYX") == 1


def extent(layer):
    return layer.extent.world


@pytest.mark.parametrize(
    "transform",
    [
        {"scale": (2, 0.5, 0.5), "translate": (1, 2, 3), "units": ("um",) * 3},
        {"scale": (2, 0.5, 0.5), "rotate": 30, "shear": (0.1, 0, 0)},
        {"shear": [[1, 0, 0], [0, 1, 0], [0, 0.5, 1]]},
        {"affine": [[1, 0, 0, 5], [0, 0, 2, 0], [0, 3, 0, 1], [0, 0, 0, 1]]},
    ],
)
def test_labels_are_where_the_image_is(transform):
    image = Image(np.zeros((3, 4, 5)), axis_labels=("z", "y", "x"), **transform)
    labels = Labels(np.zeros((3, 4, 5), int), **layers.placement(image, "ZYX"))
    np.testing.assert_allclose(extent(labels), extent(image))
    assert labels.units == image.units
    assert labels.axis_labels == image.axis_labels
    for point in [(0, 0, 0), (1, 2, 3)]:
        np.testing.assert_allclose(labels.data_to_world(point), image.data_to_world(point))


def test_labels_of_channels_are_where_the_channels_are():
    image = Image(
        np.zeros((2, 3, 4, 5)),
        scale=(1, 2, 0.5, 0.4),
        translate=(9, 1, 2, 3),
        units=("pixel", "um", "um", "um"),
        rotate=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.6, -0.8], [0, 0, 0.8, 0.6]]),
        shear=(0, 0, 0, 0.3, 0.2, 0.1),  # of Y along Z, of X along Z and along Y
    )
    labels = Labels(np.zeros((3, 4, 5), int), **layers.placement(image, "CZYX"))
    np.testing.assert_allclose(
        labels.data_to_world((1, 2, 3)), image.data_to_world((0, 1, 2, 3))[1:]
    )
    assert labels.units == image.units[1:]


def test_labels_of_an_rgb_image_are_where_it_is():
    image = Image(np.zeros((4, 5, 3), np.uint8), rgb=True, scale=(0.5, 0.4), translate=(2, 3))
    labels = Labels(np.zeros((4, 5), int), **layers.placement(image, "YXC"))
    np.testing.assert_allclose(extent(labels), extent(image))


def test_pixel_size_is_in_micrometres_where_the_unit_is_a_length():
    image = Image(np.zeros((3, 4, 5)), scale=(7, 400, 0.5), units=("s", "nm", "um"))
    assert layers.pixel_size(image, "TYX") == pytest.approx({"Y": 0.4, "X": 0.5})
    assert layers.pixel_size(Image(np.zeros((4, 5)), scale=(2, 2)), "YX") == {}
    mirrored = Image(np.zeros((4, 5)), scale=(-0.4, 0.5), units=("um", "um"))
    assert layers.pixel_size(mirrored, "YX") == pytest.approx({"Y": 0.4, "X": 0.5})


def test_pixel_size_is_taken_from_the_file_where_the_layer_does_not_know_it(from_file):
    size = {"Z": 2.0, "Y": 0.25, "X": 0.5}
    data = np.zeros((5, 8, 9))
    layer = from_file(data, (5, 8, 9), "ZYX", pixel_size=size)
    assert layers.pixel_size(layer, "ZYX") == pytest.approx(size)
    assert layers.pixel_size(layer, "TYX") == pytest.approx({"Y": 0.25, "X": 0.5})
    layer.scale, layer.units = (3, 1, 1), ("um", "pixel", "pixel")
    assert layers.pixel_size(layer, "ZYX") == pytest.approx({**size, "Z": 3})
    layer.data = data[:, :4]
    assert layers.pixel_size(layer, "ZYX") == {"Z": 3}


def test_labels_of_another_shape_are_refused():
    image = Image(np.zeros((2, 4, 5)), name="cells")
    layers.check_same_place(image, "CYX", Labels(np.zeros((4, 5), int)))
    with pytest.raises(
        ValueError, match="'mine' are 4 x 5 pixels but the image 'cells' is 2 x 4 x"
    ):
        layers.check_same_place(image, "ZYX", Labels(np.zeros((4, 5), int), name="mine"))


def test_layers_in_the_viewer_from_the_top():
    viewer = ViewerModel()
    for name in "ab":
        viewer.add_image(np.zeros((4, 5)), name=name)
    viewer.add_labels(np.zeros((4, 5), int))
    assert [layer.name for layer in layers.in_viewer(viewer, Image)] == ["b", "a"]


@pytest.mark.parametrize(("axes", "shape"), [("CYX", (3, 40, 50)), ("TCYX", (2, 3, 40, 50))])
def test_labels_of_naparis_button_on_an_image_with_channels(axes, shape):
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros(shape))
    viewer.layers.selection = {image}
    viewer._new_labels()
    labels = viewer.layers[-1]
    assert labels.data.shape == shape
    labels.data[..., 0, 5:9, 5:9] = 1
    labels.data[..., 2, 20:30, 20:30] = 2
    layers.check_same_place(image, axes, labels)
    drawn = np.asarray(layers.without_channels(image, axes, labels.data))
    assert drawn.shape == (*shape[:-3], 40, 50)
    assert (drawn[..., 5:9, 5:9] == 1).all()
    assert (drawn[..., 20:30, 20:30] == 2).all()
    assert np.count_nonzero(drawn) == (16 + 100) * np.prod(shape[:-3], dtype=int)
    region = np.asarray(layers.without_channels(image, axes, labels.data > 0))
    np.testing.assert_array_equal(region, drawn > 0)
