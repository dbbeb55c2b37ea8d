import numpy as np
import pytest
from napari.components import ViewerModel

from seamless_unet.plugin.corrections import add_corrections, what_to_correct
from seamless_unet.plugin.layers import check_same_place
from seamless_unet.plugin.region import region_mask
from seamless_unet.plugin.view import current_view
from seamless_unet.plugin.world import camera


@pytest.fixture
def viewer():
    """Return a viewer without a window that shows the middle of a plane of a stack."""
    viewer = ViewerModel()
    place = {"scale": (2, 0.5, 0.5), "translate": (0, 3, -4), "units": ("um",) * 3}
    layer = viewer.add_image(np.zeros((5, 40, 60)), name="cells", **place)
    viewer.dims.set_point(0, 6)
    camera(viewer).center = layer.data_to_world((3, 20, 30))
    return viewer


def add(viewer, annotation="objects"):
    image = viewer.layers["cells"]
    view = current_view(viewer, image, "ZYX", most_pixels=100)
    found = np.zeros((1, 10, 10), np.int32)
    found[0, 2:5, 2:5], found[0, 7:, 7:] = 1, 4
    return add_corrections(viewer, image, "ZYX", view, found, annotation=annotation), found


def test_what_was_found_is_copied_to_its_place(viewer):
    pair, found = add(viewer)
    expected = np.zeros((5, 40, 60), int)
    expected[3, 15:25, 25:35] = found[0]
    np.testing.assert_array_equal(pair.labels.data, expected)
    assert (pair.image, pair.axes, pair.annotation) == (viewer.layers["cells"], "ZYX", "objects")
    for layer in (pair.labels, pair.region):
        np.testing.assert_array_equal(layer.scale, (2, 0.5, 0.5))
        np.testing.assert_array_equal(layer.translate, (0, 3, -4))
        assert layer.units == pair.image.units
    pair.labels.data[3, 20, 30] = 9
    assert 9 not in found


def test_the_rectangle_encloses_what_was_found(viewer):
    pair, _ = add(viewer)
    expected = np.zeros((5, 40, 60), bool)
    expected[3, 15:25, 25:35] = True
    np.testing.assert_array_equal(region_mask(pair.region, pair.labels), expected)


def test_of_a_volume_the_plane_that_is_shown_counts(viewer):
    image = viewer.layers["cells"]
    view = current_view(viewer, image, "ZYX", ndim=3)
    found = np.zeros((5, 40, 60), np.int32)
    found[1:4, 10:20, 10:20] = 1
    viewer.dims.set_point(0, 4)  # micrometres: plane 2
    pair = add_corrections(viewer, image, "ZYX", view, found, annotation="objects")
    np.testing.assert_array_equal(pair.labels.data, found)
    expected = np.zeros((5, 40, 60), bool)
    expected[2] = True
    np.testing.assert_array_equal(region_mask(pair.region, pair.labels), expected)
    words = what_to_correct(pair, view, "mine")
    assert "inside the rectangle on this plane, where" in words
    assert "On other planes that you correct, draw a rectangle in 'corrected area 1'." in words


def test_of_a_part_of_a_volume_the_nearest_plane_is_brought_into_view(viewer):
    image = viewer.layers["cells"]
    view = current_view(viewer, image, "ZYX", ndim=3, most_pixels=27)  # around plane 3
    viewer.dims.set_point(0, 0)
    pair = add_corrections(
        viewer, image, "ZYX", view, np.ones((3, 3, 3), np.int32), annotation="objects"
    )
    assert viewer.dims.point[0] == 4  # plane 2
    assert np.flatnonzero(region_mask(pair.region, pair.labels).any(axis=(1, 2))).tolist() == [2]


@pytest.mark.parametrize(
    ("largest", "annotation", "kinds", "number"),
    [
        (4, "objects", (), 5),  # the next cell
        (0, "objects", (), 1),
        (1, "classes", (0, 1, 2), 1),  # a kind that was found, or else one that is known
        (0, "classes", (0, 1, 2), 2),
        (0, "scribbles", (1, 2, 3), 3),
        (2, "scribbles", (1, 2, 3), 2),
    ],
)
def test_the_brush_paints_what_the_model_can_learn(viewer, largest, annotation, kinds, number):
    image = viewer.layers["cells"]
    view = current_view(viewer, image, "ZYX", most_pixels=100)
    found = np.zeros((1, 10, 10), np.int32)
    found[0, 2:5, 2:5] = largest
    pair = add_corrections(viewer, image, "ZYX", view, found, annotation=annotation, kinds=kinds)
    assert pair.labels.selected_label == number


def test_the_user_can_paint_at_once(viewer):
    pair, _ = add(viewer)
    assert viewer.layers.selection.active is pair.labels
    assert pair.labels.mode == "paint"
    assert pair.labels.selected_label == 5
    assert pair.labels.editable


def test_further_corrections_are_further_layers(viewer):
    add(viewer)
    add(viewer)
    assert [layer.name for layer in viewer.layers] == [
        "cells",
        *("corrected area 1", "corrections 1", "corrected area 2", "corrections 2"),
    ]


def test_the_background_of_strokes_is_1(viewer):
    pair, _ = add(viewer, "scribbles")
    assert np.unique(pair.labels.data[3, 15:25, 25:35]).tolist() == [1, 4]
    assert not pair.labels.data[0].any()


def test_they_are_for_all_channels_that_come_after_a_slider():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((3, 2, 40, 60)), name="cells")
    viewer.dims.set_point((0, 1), (2, 1))
    camera(viewer).center = (0, 20, 30)
    view = current_view(viewer, image, "TCYX", most_pixels=100)
    found = np.ones((1, 1, 10, 10), np.int32)
    pair = add_corrections(viewer, image, "TCYX", view, found, annotation="objects")
    assert pair.labels.data.shape == (3, 1, 40, 60)
    assert pair.labels.data[2, 0, 15:25, 25:35].all()
    np.testing.assert_array_equal(region_mask(pair.region, pair.labels), pair.labels.data > 0)
    assert viewer.dims.nsteps[:2] == (3, 2)
    assert viewer.dims.current_step[:2] == (2, 1)  # the channel that was shown
    check_same_place(image, "TCYX", pair.labels)
