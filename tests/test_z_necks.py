import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.measure import label
from skimage.segmentation import relabel_sequential

from seamless_unet.link import link_slices
from seamless_unet.runs import find_runs
from seamless_unet.z_necks import ZNecks


def balls(*centers, radius=6.0, shape=(24, 20, 20), step=2.0):
    """Return ids of balls, slices ``step`` pixels apart; of two a voxel belongs to the nearer."""
    z, y, x = np.indices(shape)
    squares = [(step * (z - c)) ** 2 + (y - b) ** 2 + (x - a) ** 2 for c, b, a in centers]
    labels = np.argmin(squares, axis=0) + 1
    return np.where(np.min(squares, axis=0) <= radius**2, labels, 0).astype(np.int32)


def column(radii, *, middle=20):
    """Return discs of these radii, one on the other."""
    y, x = np.indices((2 * middle, 2 * middle)) - middle
    return np.array([y**2 + x**2 <= radius**2 for radius in radii], np.int32)


def divided(linked):
    """Return what becomes of linked slices that come one by one, numbered from 1."""
    necks = ZNecks()
    done = [runs for ids in linked for runs in necks.add(find_runs(ids))] + necks.rest()
    return relabel_sequential(np.array([runs.painted(*runs.ids) for runs in done]))[0]


def test_a_ball_below_another_is_an_object_of_its_own():
    truth = balls((4, 9, 9), (9, 10, 10), (14, 9, 10))
    slices = (truth > 0).astype(np.int32)
    assert link_slices(slices).max() == 1
    found = link_slices(slices, stack=True)
    assert found.max() == 3
    assert np.mean(found[truth > 0] == truth[truth > 0]) > 0.97
    np.testing.assert_array_equal(found > 0, truth > 0)


@pytest.mark.parametrize(
    "radii",
    [
        [6] * 20,
        [2, 4, 6, 8, 10, 8, 6, 4, 2],
        [2, 4, 6, 8, 10],
        [10, 8, 6, 4, 2],
        [10, 10, 4, 4, 4, 4],
        [4, 4, 4, 4, 10, 10],
        [10, 10, 9, 9, 10, 10],
    ],
)
def test_what_has_no_neck_stays_whole(radii):
    assert divided(column(radii)).max() == 1


def test_one_narrow_slice_is_no_neck():
    assert divided(column([10, 10, 10, 3, 10, 10, 10])).max() == 1
    assert divided(column([10, 10, 10, 3, 3, 10, 10])).max() == 2


def test_an_object_is_divided_where_it_is_narrowest_and_widens_within_seven_slices():
    found = divided(column([10, 10, 9, 6, 5, 5, 6, 9, 9]))
    assert found.max(axis=(1, 2)).tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert divided(column([10, 10] + [5] * 9 + [10, 10])).max() == 2
    slowly = [10, 10, *np.linspace(6, 9, 31)]
    assert divided(column(slowly)).max() == 1
    assert divided(column(slowly[::2])).max() == 2
    # wide enough after eight slices, not after seven: radii are as the square roots of these
    widths = [30, 30, 11, 12, 13, 13, 14, 14, 15, 15, 16, 17]
    bars = np.arange(30) < np.array(widths)[:, np.newaxis]
    assert divided(bars[:, np.newaxis].astype(np.int32)).max() == 1


def test_one_slice_is_no_part_before_or_after_a_neck():
    shifted = column([8] * 6)
    shifted[1:] = np.roll(shifted[1:], 5, axis=-1)
    assert divided(shifted).max() == divided(shifted[::-1]).max() == 1
    shifted[1] = shifted[0]
    assert divided(shifted).max() == divided(shifted[::-1]).max() == 2


def test_a_shift_to_the_side_is_a_neck_too():
    shifted = column([8] * 8)
    shifted[4:] = np.roll(shifted[4:], 5, axis=-1)
    assert link_slices(shifted).max() == 1
    assert link_slices(shifted, stack=True).max(axis=(1, 2)).tolist() == [1] * 4 + [2] * 4


def test_only_the_object_with_a_neck_is_divided():
    necked, straight = column([9, 9, 4, 4, 9, 9, 9]), column([7] * 7)
    later = np.zeros_like(straight)
    later[4:, 20:25, 20:25] = 3
    linked = np.concatenate([necked, 2 * straight, later], axis=2)
    found = divided(linked)
    parts = [np.unique(ids[ids > 0]).tolist() for ids in np.split(found, 3, axis=2)]
    assert list(map(len, parts)) == [2, 1, 1]
    assert len({number for ids in parts for number in ids}) == 4
    first, second = (np.unique(found[z, :, :40]).tolist() for z in (1, 2))
    assert first != second


def test_slices_come_in_order_while_at_most_seven_wait():
    linked = column([9, 9, 4, 4] * 10)
    necks = ZNecks()
    done = []
    for number, ids in enumerate(linked, 1):
        done += necks.add(find_runs(ids))
        assert len(done) == max(0, number - 7)
    done += necks.rest()
    for runs, ids in zip(done, linked, strict=True):
        np.testing.assert_array_equal(runs.painted(*runs.ids) > 0, ids > 0)


def expected(linked):
    """Return the same, object by object, slice by slice, from nothing but the definition."""
    parts = np.zeros_like(linked)
    for number in np.unique(linked[linked > 0]):
        mine = linked == number
        slices = np.flatnonzero(mine.any(axis=(1, 2)))
        radius = {z: np.sqrt(mine[z].sum() / np.pi) for z in slices}

        def shared(one, other, mine=mine, radius=radius):
            return np.sqrt((mine[one] & mine[other]).sum() / np.pi) if one in radius else 0

        start = slices[0]
        for now in slices:
            necks = []
            for cut in range(max(start + 2, now - 6), now):
                narrow = max(
                    shared(cut - 1, cut),
                    shared(cut - 2, cut),
                    shared(cut - 1, cut + 1),
                )
                widest = max(radius[z] for z in range(start, cut))
                wide = min(widest, max(radius[z] for z in range(cut, now + 1)))
                if narrow <= wide * 6 / 7:
                    necks.append((shared(cut - 1, cut), cut))
            if necks:
                start = min(necks)[1]
                parts[start:][mine[start:]] = parts.max() + 1
        parts[mine & (parts == 0)] = parts.max() + 1
    return parts


@pytest.mark.parametrize("seed", range(8))
def test_it_equals_its_definition(seed):
    rng = np.random.default_rng(seed)
    smooth = ndi.gaussian_filter(rng.normal(size=(40, 30, 30)), (1.5, 3, 3))
    linked = link_slices(np.array([label(plane > 0.01, connectivity=1) for plane in smooth]))
    found, wanted = divided(linked), expected(linked)
    pairs = np.unique(np.stack([found, wanted]).reshape(2, -1), axis=1)
    assert len(np.unique(found)) == len(np.unique(wanted)) == len(pairs.T)
    assert found.max() > linked.max() + 3


def test_an_empty_slice_and_an_empty_stack_stay_so():
    assert ZNecks().rest() == []
    assert not divided(np.zeros((12, 5, 6), np.int32)).any()
