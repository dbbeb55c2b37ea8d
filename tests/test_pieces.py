import numpy as np
import pytest

from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.lazy_array import lazy_array
from seamless_unet.model_header import ModelInfo
from seamless_unet.normalize import measure
from seamless_unet.pieces import layout, pieces, put


def info(ndim=2, in_channels=1, classes=2, kind="percentile"):
    network = UNetConfig(ndim=ndim, in_channels=in_channels, classes=classes)
    return ModelInfo(network=network, normalization=Normalization(kind))


def test_planes_of_a_film_of_stacks():
    plan = layout(info(in_channels=3), (4, 2, 3, 5, 6), "tzcyx")
    assert (plan.axes, plan.shape) == ("TZCYX", (4, 2, 3, 5, 6))
    assert (plan.loop, plan.loop_shape) == ("TZ", (4, 2))
    assert (plan.spatial, plan.piece_shape) == ("YX", (5, 6))
    assert (plan.label_axes, plan.label_shape) == ("TZYX", (4, 2, 5, 6))
    assert (plan.probability_axes, plan.probability_shape) == ("TZCYX", (4, 2, 2, 5, 6))


def test_volumes_with_axes_in_any_order():
    plan = layout(info(ndim=3, classes=4), (7, 6, 2, 5, 3), "TXSYZ")
    assert (plan.loop, plan.loop_shape) == ("ST", (2, 7))
    assert (plan.spatial, plan.piece_shape) == ("ZYX", (3, 5, 6))
    assert (plan.label_axes, plan.label_shape) == ("TXSYZ", (7, 6, 2, 5, 3))
    assert (plan.probability_axes, plan.probability_shape) == ("STCZYX", (2, 7, 4, 3, 5, 6))


def test_one_output_is_two_classes():
    assert layout(info(classes=1), (5, 6), "YX").probability_shape == (2, 5, 6)


@pytest.mark.parametrize(("axes", "ndim"), [("YX", 2), ("CYX", 2), ("XTZYS", 2), ("TXSYZC", 3)])
def test_what_is_put_back_is_the_image(axes, ndim):
    shape = tuple({"S": 2, "T": 3, "Z": 2, "C": 1, "Y": 4, "X": 5}[a] for a in axes)
    image = np.random.default_rng(0).integers(0, 99, shape)
    plan = layout(info(ndim), shape, axes)
    labels, kept = np.zeros(plan.label_shape), np.zeros(plan.probability_shape)
    order = []
    for index, piece, _ in pieces(image, plan, info(ndim)):
        order.append(index)
        put(labels, plan.label_axes, index, piece[0], plan.spatial)
        both = np.concatenate([piece, -piece])
        put(kept, plan.probability_axes, index, both, "C" + plan.spatial)
    assert order == list(np.ndindex(plan.loop_shape))
    expected = image[..., 0] if axes[-1] == "C" else image[0] if axes[0] == "C" else image
    np.testing.assert_array_equal(labels, expected)
    first = kept.take(0, plan.probability_axes.index("C"))
    loop_first = plan.loop + plan.spatial
    order = [plan.label_axes.index(axis) for axis in loop_first]
    np.testing.assert_array_equal(first, expected.transpose(order))


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TZYX"])
def test_what_was_measured_before_is_not_measured_again(axes):
    image = np.random.default_rng(0).random((2, 2, 4, 4)[-len(axes) :])
    given = np.full((1, 1, 1), 3.0), np.full((1, 1, 1), 2.0)
    found = [
        measured for *_, measured in pieces(image, layout(info(), image.shape, axes), info(), given)
    ]
    assert len(found) == image.size // 16
    assert all(measured is given for measured in found)


def test_planes_of_a_stack_share_their_grey_values_and_images_do_not():
    stack = np.stack([np.zeros((4, 4)), np.full((4, 4), 9)])
    for axes, shared in (("ZYX", True), ("SYX", False), ("TYX", False)):
        plan = layout(info(kind="standard"), stack.shape, axes)
        found = [measured for *_, measured in pieces(stack, plan, info(kind="standard"))]
        assert np.allclose(*found) == shared
    volume = measure(stack[np.newaxis], Normalization("standard"))
    assert [part.item() for part in volume] == [4.5, 4.5]


def test_large_pieces_elsewhere_stay_there(monkeypatch):
    image = np.arange(2 * 4 * 5).reshape(2, 4, 5)

    def read(box):
        return image[tuple(slice(*side) for side in box)]

    plan = layout(info(), image.shape, "ZYX")
    for limit, kind in ((1, "LazyArray"), (10**6, "ndarray")):
        monkeypatch.setattr("seamless_unet.pieces._READ_WHOLE", limit)
        lazy = lazy_array(image.shape, image.dtype, read)
        for (z,), piece, _ in pieces(lazy, plan, info()):
            assert type(piece).__name__ == kind
            np.testing.assert_array_equal(np.asarray(piece), image[z : z + 1])
