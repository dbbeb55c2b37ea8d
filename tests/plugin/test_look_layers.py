import numpy as np
from napari.components import ViewerModel

from seamless_unet.plugin.look_layers import add_features
from seamless_unet.plugin.view import current_view
from seamless_unet.plugin.world import camera


def test_features_of_an_image_with_channels_after_time_are_in_its_place():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((3, 2, 40, 60)), scale=(2, 1, 0.5, 0.5))
    viewer.dims.set_point((0, 1), (4, 1))
    camera(viewer).center = (0, 10, 15)
    view = current_view(viewer, image, "TCYX", most_pixels=100)
    maps = np.ones((4, 5, 5), np.float32)
    layer = add_features(viewer, maps, view, offset=(0.5, 0.5), scale=2, name="maps")
    assert layer.data.shape == (4, 1, 1, 5, 5)
    at = image.data_to_world((2, 1, view.corner["Y"] + 2.5, view.corner["X"] + 0.5))
    pixel = layer.world_to_data((3, *at))
    np.testing.assert_allclose(np.round(pixel, 6)[[0, 1, 3, 4]], (3, 0, 1, 0))
    assert round(pixel[2]) == 0  # the same in all channels
    assert viewer.dims.nsteps[1:3] == (3, 2)


def test_features_have_a_slider_beside_that_for_channels():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((2, 40, 60)), axis_labels=("c", "y", "x"))
    camera(viewer).center = (0, 20, 30)
    view = current_view(viewer, image, "CYX", channels_too=True)
    maps = np.ones((16, 40, 60), np.float32)
    layer = add_features(viewer, maps, view, offset=(0, 0), scale=1, name="maps")
    assert viewer.dims.nsteps[:2] == (16, 2)
    assert viewer.dims.axis_labels == ("feature", "c", "y", "x")
    for channel in (0, 1):  # over both
        assert round(layer.world_to_data((3, channel, 5, 5))[1]) == 0
