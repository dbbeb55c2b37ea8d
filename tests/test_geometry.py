import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_unet.geometry import Geometry, mirrored, tiles


def test_sizes_of_the_paper():
    paper = Geometry(depth=4)
    assert paper.output_size(572) == 388
    assert paper.margin() == 92
    assert (paper.near, paper.far) == (92, 96)
    assert [paper.skip_crop(level) for level in range(4)] == [88, 40, 16, 4]


@pytest.mark.parametrize(
    ("depth", "near", "far"), [(1, 8, 8), (2, 20, 20), (3, 44, 48), (5, 188, 192)]
)
def test_halo_of_valid_networks(depth, near, far):
    assert (Geometry(depth).near, Geometry(depth).far) == (near, far)


def test_an_illegal_size_names_the_nearest_legal_ones():
    with pytest.raises(
        ValueError, match="tile_shape 500 is not a valid input size; nearest are 492 and 508"
    ):
        Geometry(4).write_size(500)
    with pytest.raises(ValueError, match="nearest is 204"):
        Geometry(4).write_size(10)


@given(
    depth=st.integers(1, 5), valid=st.booleans(), linear=st.booleans(), write=st.integers(1, 300)
)
def test_a_legal_size_writes_what_was_asked_for(depth, valid, linear, write):
    geometry = Geometry(depth, valid, linear)
    read = geometry.read_size(write)
    assert geometry.is_legal(read)
    assert not geometry.is_legal(read + 1)
    assert write <= geometry.write_size(read) < write + geometry.step
    inside = geometry.output_size(read) - (0 if valid else geometry.near + geometry.far)
    assert inside >= geometry.write_size(read)


@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    depth=st.integers(1, 3),
    write=st.integers(8, 60),
)
def test_tiles_write_every_pixel_once_and_start_at_multiples_of_the_step(shape, depth, write):
    geometry = Geometry(depth)
    times = np.zeros(shape, int)
    for tile in tiles(shape, [geometry.read_size(write)] * len(shape), geometry):
        assert all(start % geometry.step == 0 for start in tile.start)
        times[tile.write] += 1
    assert (times == 1).all()


def test_mirroring_does_not_repeat_the_edge_and_never_ends():
    assert mirrored(-4, 7, 3) == [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    assert mirrored(-3, 3, 1) == [0] * 6
