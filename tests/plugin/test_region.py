import numpy as np
import pytest
from napari.layers import Labels, Shapes
from skimage.draw import polygon2mask

from seamless_unet.plugin.region import region_mask

SQUARE = [[1.5, 0.5], [1.5, 3.5], [3.5, 3.5], [3.5, 0.5]]  # around rows 2, 3 and columns 1 to 3


def square(*plane):
    return np.array([[*plane, *corner] for corner in SQUARE])


def expected(shape, *planes):
    mask = np.zeros(shape, bool)
    for plane in planes:
        mask[(*plane, slice(2, 4), slice(1, 4))] = True
    return mask


def test_a_rectangle():
    mask = region_mask(Shapes([square()], shape_type="rectangle"), Labels(np.zeros((6, 7), int)))
    np.testing.assert_array_equal(mask, expected((6, 7), ()))


def test_a_flat_shape_counts_on_all_planes():
    mask = region_mask(Shapes([square()]), Labels(np.zeros((2, 6, 7), int)))
    np.testing.assert_array_equal(mask, expected((2, 6, 7), (0,), (1,)))


def test_a_shape_counts_on_the_plane_that_it_was_drawn_on():
    shapes = Shapes([square(1), square(4), square(9)])  # the last one past the end
    mask = region_mask(shapes, Labels(np.zeros((5, 6, 7), int)))
    np.testing.assert_array_equal(mask, expected((5, 6, 7), (1,), (4,)))


def test_a_shape_of_fewer_dimensions_counts_on_those_it_has():
    mask = region_mask(Shapes([square(1)]), Labels(np.zeros((3, 2, 6, 7), int)))
    np.testing.assert_array_equal(mask, expected((3, 2, 6, 7), (0, 1), (1, 1), (2, 1)))


def test_shapes_of_more_dimensions_than_the_labels():
    mask = region_mask(Shapes([square(3)]), Labels(np.zeros((6, 7), int)))
    np.testing.assert_array_equal(mask, expected((6, 7), ()))


def test_layers_of_different_scale_and_place():
    where = {"scale": (0.5, 0.25), "translate": (10, 20)}
    shapes = Shapes([np.add(np.multiply(square(), (0.5, 0.25)), (10, 20))])
    np.testing.assert_array_equal(
        region_mask(shapes, Labels(np.zeros((6, 7), int), **where)), expected((6, 7), ())
    )


def test_an_ellipse_touches_the_sides_of_its_box():
    corners = np.array([[-0.5, 1.5], [-0.5, 8.5], [4.5, 8.5], [4.5, 1.5]])
    shapes = Shapes([corners], shape_type="ellipse")
    found = region_mask(shapes, Labels(np.zeros((6, 10), int)))
    y, x = np.mgrid[:6, :10]
    np.testing.assert_array_equal(found, ((y - 2) / 2.5) ** 2 + ((x - 5) / 3.5) ** 2 < 1)


def test_what_reaches_beyond_the_image_is_cut_off():
    corners = np.array([[-9, 4.5], [-9, 99], [99, 99], [99, 4.5]])
    found = region_mask(Shapes([corners]), Labels(np.zeros((3, 6), int)))
    np.testing.assert_array_equal(found, [[False] * 5 + [True]] * 3)


@pytest.mark.parametrize("seed", range(6))
def test_any_outline_encloses_what_a_library_says(seed):
    rng = np.random.default_rng(seed)
    outline = rng.uniform(-10, 60, (rng.integers(3, 40), 2))  # crosses itself
    found = region_mask(Shapes([outline], shape_type="polygon"), Labels(np.zeros((50, 40), int)))
    np.testing.assert_array_equal(found, polygon2mask((50, 40), outline))


@pytest.mark.parametrize("corner", [(2, 3), (2.5, 3)])
def test_pixels_on_the_outline_are_inside(corner):
    corners = np.array([corner, (corner[0], 8), (9, 8), (9, corner[1])])
    found = region_mask(Shapes([corners]), Labels(np.zeros((20, 20), int)))
    expected = np.zeros((20, 20), bool)
    expected[int(np.ceil(corner[0])) : 10, 3:9] = True
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["line", "path"])
def test_lines_enclose_nothing(kind):
    shapes = Shapes([[[1, 1], [4, 4]]], shape_type=kind, name="mine")
    with pytest.raises(ValueError, match="'mine' enclose nothing of 'cells': draw a rectangle"):
        region_mask(shapes, Labels(np.zeros((6, 7), int), name="cells"))
