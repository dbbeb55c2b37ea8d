"""Layers whose units are not those of the viewer, which has the smallest of all."""

import numpy as np
import pytest
from napari.components import ViewerModel

from seamless_unet.plugin.comparison import show_place
from seamless_unet.plugin.preview import _replace
from seamless_unet.plugin.region import region_mask
from seamless_unet.plugin.view import current_view
from seamless_unet.plugin.world import camera, to_pixel, to_world

STACK = (10, 60, 80)
MICRONS = {"scale": (2, 0.5, 0.5), "units": ("um",) * 3}
NANOMETERS = {"scale": (2000, 500, 500), "units": ("nm",) * 3}


@pytest.fixture
def viewer():
    """Return a viewer of a stack, measured in micrometre, and of another one in nanometre."""
    viewer = ViewerModel()
    viewer.add_labels(np.zeros(STACK, int), name="microns", **MICRONS)
    viewer.add_image(np.zeros(STACK), name="nanometers", **NANOMETERS)
    return viewer


@pytest.mark.parametrize("name", ["microns", "nanometers"])
def test_the_plane_that_is_shown(viewer, name):
    viewer.dims.set_current_step(0, 7)
    camera(viewer).center = (0, 20 * 500, 30 * 500)
    view = current_view(viewer, viewer.layers[name], "ZYX", most_pixels=100)
    assert view.index == {"Z": 7}
    assert view.corner == {"Y": 15, "X": 25}


def test_there_and_back(viewer):
    layer = viewer.layers["microns"]
    np.testing.assert_allclose(to_world(viewer, layer, (7, 20, 30)), (14_000, 10_000, 15_000))
    point = (3, *to_world(viewer, layer, (7, 20, 30)))  # of a viewer of more dimensions
    np.testing.assert_allclose(to_pixel(viewer, layer, point), (7, 20, 30))
    viewer.layers.remove("nanometers")
    np.testing.assert_allclose(to_world(viewer, layer, (7, 20, 30)), (14, 10, 15))


def test_units_of_another_kind_are_not_converted(viewer):
    viewer.add_image(np.zeros(STACK), name="pixels")
    layer = viewer.layers["microns"]
    np.testing.assert_allclose(to_world(viewer, layer, (7, 20, 30)), (14, 10, 15))


def test_the_way_to_a_cell(viewer):
    show_place(viewer, viewer.layers["microns"], (4, 20, 30), 25)
    assert viewer.dims.current_step[0] == 4
    np.testing.assert_allclose(camera(viewer).center[-2:], (10_000, 15_000))
    assert camera(viewer).zoom * 5 * 500 >= 40  # pixels on the screen for five of the image


def test_a_region_drawn_in_other_units(viewer):
    corners = [(7, 10, 20), (7, 10, 50), (7, 40, 50), (7, 40, 20)]
    shapes = viewer.add_shapes([np.array(corners)], shape_type="rectangle", **NANOMETERS)
    mask = region_mask(shapes, viewer.layers["microns"])
    assert np.argwhere(mask).min(axis=0).tolist() == [7, 10, 20]
    assert not mask[[z for z in range(10) if z != 7]].any()
    assert mask[7, 11:40, 21:50].all()


def test_a_preview_has_the_units_of_its_image(viewer):
    layer = viewer.add_labels(np.zeros((60, 80), int))
    view = current_view(viewer, viewer.layers["nanometers"], "ZYX")
    _replace(layer, view.expand(np.ones((60, 80), int)), view)
    assert layer.units == viewer.layers["nanometers"].units
