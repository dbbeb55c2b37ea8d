import numpy as np
import pytest

from seamless_unet.geometry import Geometry, Tile
from seamless_unet.turned import TURNS, Turn, spans


def test_the_turns_are_the_eight_symmetries_of_the_square():
    image = np.arange(6).reshape(2, 3)
    assert TURNS[0].of(image).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert Turn(transposed=True, reversed_y=True).of(image).tolist() == np.rot90(image).tolist()
    assert len({turn.of(image).tobytes() + bytes(turn.of(image).shape) for turn in TURNS}) == 8


@pytest.mark.parametrize("turn", TURNS)
def test_indices_of_the_turned_image_are_found_in_the_image(turn):
    image = np.arange(2 * 5 * 7).reshape(2, 5, 7)
    turned = turn.of(image)
    z, y, x = np.array([1]), np.array([0, 3, 1]), np.array([4, 2])
    here = turn.indices_before([z, y, x], image.shape)
    taken = image[np.ix_(*here)]
    taken = taken.swapaxes(-2, -1) if turn.transposed else taken
    np.testing.assert_array_equal(taken, turned[np.ix_(z, y, x)])


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("geometry", [Geometry(depth=2), Geometry(depth=2, valid=False)])
def test_a_turned_tile_writes_the_same_pixels_by_the_poolings_of_the_turned_image(turn, geometry):
    image = np.arange(20 * 31).reshape(20, 31)
    tile = Tile((4, 12), (12, 31), (geometry.read_size(8), geometry.read_size(20)))
    y, x = spans(tile, image.shape, geometry, turn)
    written = np.zeros_like(image)
    turn.of(written)[y.start : y.stop, x.start : x.stop] = 1
    assert written[tile.write].all()
    assert written.sum() == 8 * 19
    for span in (y, x):  # the output pixel that is written first lies over its own input pixel
        first = span.first + span.skip + (geometry.margin() if geometry.valid else 0)
        assert first == span.start
        assert (span.first + geometry.near) % geometry.step == 0
        assert geometry.is_legal(span.read)
        assert span.first + span.read - geometry.far >= span.stop
