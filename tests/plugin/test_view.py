import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from seamless_unet.plugin.view import current_view
from seamless_unet.plugin.world import camera


def look_at(viewer, data, **kwargs):
    layer = viewer.add_image(data, **kwargs)
    camera(viewer).center = (0, *layer.extent.world.mean(axis=0)[-2:])
    return layer


@pytest.fixture
def model():
    """Return a viewer without a window."""
    return ViewerModel()


def test_a_whole_plane(model):
    data = np.arange(20).reshape(4, 5)
    view = current_view(model, look_at(model, data), "YX")
    np.testing.assert_array_equal(view.data, data)
    assert (view.axes, view.index, view.corner) == ("YX", {}, {"Y": 0, "X": 0})
    assert view.region == (slice(0, 4), slice(0, 5))
    assert view.expand(np.zeros((4, 5))).shape == (4, 5)


@pytest.mark.parametrize(
    ("shape", "axes", "point", "index", "kept"),
    [
        ((6, 4, 5), "ZYX", (3,), {"Z": 3}, "YX"),
        ((6, 4, 5), "TYX", (9,), {"T": 5}, "YX"),  # past the end: the last one
        ((2, 4, 5), "CYX", (1,), {}, "CYX"),
        ((3, 2, 4, 5), "TZYX", (2, 1), {"T": 2, "Z": 1}, "YX"),
        ((3, 2, 4, 5), "ZCYX", (2, 1), {"Z": 2}, "CYX"),
        ((2, 3, 4, 5), "CTYX", (1, 2), {"T": 2}, "CYX"),
        ((3, 6, 2, 4, 5), "TZCYX", (1, 4, 0), {"T": 1, "Z": 4}, "CYX"),
    ],
)
def test_the_sliders_say_which_plane(model, shape, axes, point, index, kept):
    data = np.arange(np.prod(shape)).reshape(shape)
    layer = look_at(model, data)
    model.dims.set_point(range(len(point)), point)
    view = current_view(model, layer, axes)
    place = tuple(index.get(axis, slice(None)) for axis in axes)
    np.testing.assert_array_equal(view.data, data[place])
    assert (view.axes, view.index) == (kept, index)


def test_a_result_goes_back_where_it_came_from(model):
    """Its pixels lie on those of the image, whatever the image's place in the world is."""
    rng = np.random.default_rng(0)
    data = rng.integers(0, 9, (3, 4, 40, 50))
    layer = look_at(
        model,
        data,
        scale=(2, 3, 0.5, 0.25),
        translate=(10, -7, 30, 40),
        rotate=np.array(
            [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.8, -0.6], [0, 0, 0.6, 0.8]],
        ),
        units=("s", "um", "um", "um"),
        axis_labels=("t", "z", "y", "x"),
    )
    model.dims.set_point((0, 1), layer.data_to_world((2, 1, 0, 0))[:2])
    view = current_view(model, layer, "TZYX", most_pixels=300)
    assert view.index == {"T": 2, "Z": 1}
    assert view.data.shape == (17, 17)
    np.testing.assert_array_equal(view.data, data[view.region][0, 0])
    result = view.expand(np.asarray(view.data))
    assert result.shape == (1, 1, 17, 17)
    placed = model.add_labels(result, **view.placement)
    for pixel in [(0, 0, 0, 0), (0, 0, 16, 3)]:
        first = (2, 1, view.corner["Y"], view.corner["X"])
        np.testing.assert_allclose(
            placed.data_to_world(pixel), layer.data_to_world(np.add(first, pixel))
        )
    assert placed.units == layer.units
    assert placed.axis_labels == ("t", "z", "y", "x")


def test_a_large_plane_is_cut_around_the_camera(model):
    layer = look_at(model, np.zeros((1000, 2000)), scale=(0.5, 0.5))
    camera(model).center = (0, 250, 400)  # pixel 500, 800
    view = current_view(model, layer, "YX", most_pixels=100 * 100)
    assert view.region == (slice(450, 550), slice(750, 850))
    camera(model).center = (0, -99, 999)
    view = current_view(model, layer, "YX", most_pixels=100 * 100)
    assert view.region == (slice(0, 100), slice(1900, 2000))


def test_a_long_narrow_plane_uses_all_of_its_pixels(model):
    view = current_view(model, look_at(model, np.zeros((10, 5000))), "YX", most_pixels=10_000)
    assert view.data.shape == (10, 1000)


def test_channels_are_no_dimension_of_a_result(model):
    layer = look_at(model, np.zeros((2, 5, 6, 7)))
    view = current_view(model, layer, "CZYX")
    assert view.data.shape == (2, 6, 7)
    assert view.expand(np.zeros((6, 7))).shape == (1, 6, 7)
    assert len(view.placement["scale"]) == 3


def test_after_a_slider_they_are_one_pixel_that_is_in_all_of_them(model):
    layer = look_at(model, np.zeros((5, 2, 6, 7)), scale=(3, 4, 1, 1), translate=(0, 8, 0, 0))
    model.dims.set_point((0, 1), (6, 12))
    view = current_view(model, layer, "ZCYX", most_pixels=4)
    assert view.data.shape == (2, 2, 2)
    result = view.expand(np.ones((2, 2)))
    assert np.zeros((5, 1, 6, 7))[view.region].shape == result.shape == (1, 1, 2, 2)
    placed = model.add_labels(result.astype(int), **view.placement)
    for channel in range(2):
        corner = (2, channel, view.corner["Y"], view.corner["X"])
        pixel = placed.world_to_data(layer.data_to_world(corner))
        assert np.round(pixel).tolist() == [0, 0, 0, 0]


def test_colors(model):
    layer = look_at(model, np.zeros((4, 30, 40, 3), np.uint8), rgb=True)
    model.dims.set_point(0, 2)
    view = current_view(model, layer, "TYXC", most_pixels=400)
    assert (view.axes, view.index) == ("YXC", {"T": 2})
    assert view.data.shape == (20, 20, 3)
    assert view.expand(np.zeros((20, 20))).shape == (1, 20, 20)


def test_a_volume(model):
    data = np.arange(3 * 4 * 30 * 40).reshape(3, 4, 30, 40)
    layer = look_at(model, data)
    model.dims.set_point((0, 1), (1, 3))
    view = current_view(model, layer, "TZYX", ndim=3, most_pixels=400)
    assert (view.axes, view.index) == ("ZYX", {"T": 1})
    assert view.data.shape == (4, 10, 10)
    np.testing.assert_array_equal(view.data, data[view.region][0])
    assert view.expand(np.zeros((4, 10, 10))).shape == (1, 4, 10, 10)


def test_a_plane_is_no_volume(model):
    with pytest.raises(ValueError, match="has no depth"):
        current_view(model, look_at(model, np.zeros((3, 4, 5))), "TYX", ndim=3)


def test_multiscale_means_full_size(model):
    levels = [np.arange(64).reshape(8, 8), np.zeros((4, 4))]
    layer = look_at(model, levels, multiscale=True)
    view = current_view(model, layer, "YX", most_pixels=16)
    np.testing.assert_array_equal(view.data, levels[0][2:6, 2:6])


def test_nothing_is_read_yet(model):
    def fail(block):
        raise AssertionError("was read")

    class Stored:  # as zarr, whose slices are read at once
        shape, dtype, ndim = (3, 8, 8), np.dtype(np.uint8), 3

        def __getitem__(self, index):
            raise AssertionError("was read")

    layer = look_at(model, np.zeros((3, 8, 8)))
    for data in (da.zeros((3, 8, 8)).map_blocks(fail, dtype=float), Stored()):
        layer._data = data
        view = current_view(model, layer, "ZYX", most_pixels=16)
        assert view.data.shape == (4, 4)
        with pytest.raises(AssertionError, match="was read"):
            np.asarray(view.data)


def test_another_order_of_the_dimensions(model):
    """Looking at the stack from the side still means the plane at the slider's depth."""
    layer = look_at(model, np.zeros((20, 30, 40)))
    model.dims.order = (1, 0, 2)  # y has the slider
    model.dims.set_point(1, 7)
    camera(model).center = (0, 12, 20)
    view = current_view(model, layer, "ZYX", most_pixels=100)
    assert view.index == {"Z": 12}
    assert view.region == (slice(12, 13), slice(2, 12), slice(15, 25))
