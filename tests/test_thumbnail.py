import base64
import io

import numpy as np
import pytest
from imageio.v3 import imread

from seamless_unet.thumbnail import thumbnail

ORANGE = [240, 161, 60]


def picture(image, labels):
    return imread(io.BytesIO(base64.b64decode(thumbnail(image, labels))))


def test_grey_values_and_the_outline():
    image = np.array([[[0, 10, 20, 30], [0, 10, 20, 30], [0, 10, 20, 30], [0, 10, 20, 30]]])
    labels = np.zeros((4, 4), int)
    labels[2:, 2:] = 7
    drawn = picture(image, labels)
    assert drawn.shape == (4, 4, 3)
    assert drawn[0].tolist() == [[0] * 3, [85] * 3, [170] * 3, [255] * 3]
    assert (drawn == ORANGE).all(axis=-1).tolist() == [
        [False, False, False, False],
        [False, False, False, False],
        [False, False, True, True],
        [False, False, True, False],
    ]


@pytest.mark.parametrize("shape", [(1, 300, 500), (2, 300, 500), (1, 5, 300, 500)])
def test_the_part_with_the_labels_at_its_size(shape):
    image, labels = np.zeros(shape, np.uint16), np.zeros(shape[1:], int)
    image[..., 280:, 480:] = 1000
    labels[..., 280:, 480:] = 1
    drawn = picture(image, labels)
    assert drawn.shape == (96, 96, 3)
    assert drawn[-1, -1].tolist() == [255, 255, 255]
    assert drawn[0, 0].tolist() == [0, 0, 0]


def test_the_plane_with_the_most_labels():
    image = np.stack([np.zeros((8, 8)), np.arange(64).reshape(8, 8), np.zeros((8, 8))])[np.newaxis]
    labels = np.zeros((3, 8, 8), int)
    labels[1] = 1
    assert picture(image, labels)[-1, -1].tolist() == [255, 255, 255]


def test_three_channels_are_in_color():
    image = np.zeros((3, 10, 10))
    image[1, :, 5:] = 1
    drawn = picture(image, np.zeros((10, 10), int))
    assert drawn[0, 0].tolist() == [0, 0, 0]
    assert drawn[0, -1].tolist() == [0, 255, 0]


def test_nothing_to_see():
    assert picture(np.full((1, 6, 9), 3.0), np.zeros((6, 9), int)).shape == (6, 6, 3)
