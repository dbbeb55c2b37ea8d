import numpy as np
import pytest

from seamless_unet.axes import check_axes, in_words, label_axes, loop_axes, split


def test_pieces_come_in_order_with_channels_first():
    data = np.arange(2 * 3 * 2 * 4 * 5).reshape(2, 3, 2, 4, 5)  # T, Z, C, Y, X
    pieces = list(split(data, "TZCYX", 2))
    assert [index for index, _ in pieces] == [(t, z) for t in range(2) for z in range(3)]
    for (t, z), piece in pieces:
        np.testing.assert_array_equal(piece, data[t, z])


def test_a_volume_is_one_piece_of_a_3d_model():
    data = np.arange(2 * 3 * 2 * 4 * 5).reshape(2, 3, 2, 4, 5)  # T, Z, C, Y, X
    pieces = list(split(data, "TZCYX", 3))
    assert [index for index, _ in pieces] == [(0,), (1,)]
    np.testing.assert_array_equal(pieces[1][1], data[1].transpose(1, 0, 2, 3))


def test_a_plain_image_gets_a_channel():
    data = np.arange(20).reshape(4, 5)
    [(index, piece)] = split(data, "YX", 2)
    assert index == ()
    np.testing.assert_array_equal(piece, data[np.newaxis])


def test_axes_in_unusual_order():
    data = np.arange(60).reshape(5, 4, 3)  # X, Y, Z
    pieces = dict(split(data, "XYZ", 2))
    np.testing.assert_array_equal(pieces[(2,)], data[:, :, 2].T[np.newaxis])


def test_pieces_are_views():
    data = np.zeros((3, 4, 5))
    for _, piece in split(data, "TYX", 2):
        piece += 1
    assert data.min() == 1


def test_a_3d_model_needs_slices():
    with pytest.raises(ValueError, match="a 3-D model needs a stack with a Z axis, got axes TYX"):
        list(split(np.zeros((2, 4, 5)), "TYX", 3))


@pytest.mark.parametrize(
    ("axes", "ndim", "loop", "labels"),
    [("TZCYX", 2, "TZ", "TZYX"), ("TZCYX", 3, "T", "TZYX"), ("YXC", 2, "", "YX")],
)
def test_which_axes_are_looped_over_and_labelled(axes, ndim, loop, labels):
    assert loop_axes(axes, ndim) == loop
    assert label_axes(axes) == labels


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("QYX", "a.tif has 3 dimensions .*'QYX' do not say what Q is: give axes .--axes., one"),
        ("YX", r"axes 'YX' are 2, but a.tif has 3: \(4, 5, 7\)"),
        ("YYX", "axes 'YYX' of a.tif need Y and X, each letter once"),
        ("TZX", "axes 'TZX' of a.tif need Y and X, each letter once"),
    ],
)
def test_wrong_axes_say_what_is_expected(axes, message):
    with pytest.raises(ValueError, match=message):
        check_axes(axes, (4, 5, 7), name="a.tif")


def test_right_axes_come_back_in_capitals():
    assert check_axes("zyx", (4, 5, 7)) == "ZYX"
    assert in_words((4, 5, 7), "ZYX") == "4 x 5 x 7 (ZYX)"
