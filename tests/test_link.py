from itertools import product

import numpy as np
import pytest
import tifffile

from cases import CASES, picture
from seamless_unet.image_io import sample_path
from seamless_unet.link import continue_objects, link_slices
from seamless_unet.metrics import evaluate
from seamless_unet.runs import find_runs

SAMPLES = sample_path("nuclei.tif").parent


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("largest", [np.uint32(2**31 - 1), np.uint64(2**63)])
def test_ids_may_be_large(largest):
    labels = np.zeros((2, 4, 6), largest.dtype)
    labels[:, 0, :2], labels[0, 2], labels[1, 2, 1:] = largest - 1, largest, 7
    expected = np.zeros((2, 4, 6), int)
    expected[:, 0, :2], expected[0, 2], expected[1, 2, 1:] = 1, 2, 2
    np.testing.assert_array_equal(link_slices(labels), expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, ">i2"])
def test_ids_may_be_the_largest_of_their_kind(kind):
    labels = np.full((2, 3, 6), np.iinfo(kind).max, kind)
    np.testing.assert_array_equal(link_slices(labels), np.ones((2, 3, 6)))


def test_slices_are_linked_one_to_one_by_overlap():
    stack = picture("""
        11...22
        11...22

        .1.2.33
        .1.2.33

        2..3..1
        2..3..1
    """)
    linked = picture("""
        11...22
        11...22

        .1.3.22
        .1.3.22

        4..3..2
        4..3..2
    """)
    np.testing.assert_array_equal(link_slices(stack), linked)


def test_of_two_pieces_the_more_similar_one_keeps_the_id():
    split = picture("""
        11111

        1.222
    """)
    assert link_slices(split)[1].tolist() == [[2, 0, 1, 1, 1]]
    merged = split[::-1]
    assert link_slices(merged).tolist() == [[[1, 0, 2, 2, 2]], [[2, 2, 2, 2, 2]]]


@pytest.mark.parametrize(("min_overlap", "objects"), [(0.3, 1), (0.5, 1), (0.51, 2), (1.0, 2)])
def test_min_overlap_is_the_part_of_the_smaller_object(min_overlap, objects):
    halves = picture("""
        1111..

        ..1111
    """)
    assert link_slices(halves, min_overlap=min_overlap).max() == objects


def test_an_object_missing_from_a_slice_is_another_one_after_it():
    stack = np.array([[[3]], [[0]], [[3]]])
    assert link_slices(stack).ravel().tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("name", "stack", "at_least"),
    [("nuclei_stack", False, 0.85), ("nuclei_stack", True, 1), ("nuclei_time", False, 1)],
)
def test_linking_recovers_a_shuffled_sample(name, stack, at_least, rng):
    truth = tifffile.imread(SAMPLES / f"{name}_labels.tif").astype(np.int32)
    shuffled = np.array(
        [np.r_[0, 1 + rng.permutation(truth.max())][labels] for labels in truth], np.int32
    )
    linked = link_slices(shuffled, stack=stack)
    # in the stack one nucleus lies right below another: overlap alone cannot tell them apart
    assert evaluate(truth, linked).mean_ap >= at_least
    pairs = np.unique(np.stack([shuffled[0], linked[0]]).reshape(2, -1), axis=1)
    assert len(pairs.T) == len(np.unique(shuffled[0]))  # within a slice objects stay as they are


def test_volumes_are_linked_through_time():
    volume = CASES["volume"]
    moved = np.roll(np.where(volume, 3 - volume, 0), 1, axis=-1)
    linked = link_slices(np.stack([volume, moved]), min_overlap=0.4)
    assert linked.max() == 2
    np.testing.assert_array_equal(linked[1], np.roll(linked[0], 1, axis=-1))


def test_no_slice_and_no_object_give_none():
    for stack in (False, True):
        for shape in [(0, 3, 3), (3, 0, 3)]:
            assert link_slices(np.zeros(shape, int), stack=stack).shape == shape
        assert not link_slices(np.zeros((3, 3, 3), int), stack=stack).any()
    assert link_slices([[[0, 7]], [[3, 3]]]).tolist() == [[[0, 1]], [[1, 1]]]


@pytest.mark.parametrize("shape", [(4, 14, 15), (3, 4, 7, 6)])
def test_linking_equals_trying_all_pairs(shape, rng):
    coarse = [rng.integers(0, 9, (shape[0], *(n // 3 + 1 for n in shape[1:]))) for _ in range(9)]
    for stack in coarse:
        for axis in range(1, len(shape)):
            stack = stack.repeat(3, axis).take(range(shape[axis]), axis)
        stack = np.where(rng.random(shape) < 0.1, 0, stack)
        linked = link_slices(stack, min_overlap=0.4)
        assert list(dict.fromkeys(linked[linked > 0].tolist())) == list(range(1, linked.max() + 1))
        for before, ids, now in zip(linked, stack[1:], linked[1:], strict=False):
            pairs = []
            for old, new in product(np.unique(before[before > 0]), np.unique(ids[ids > 0])):
                shared = ((before == old) & (ids == new)).sum()
                sizes = (before == old).sum(), (ids == new).sum()
                if shared and shared >= 0.4 * min(sizes):
                    pairs.append((shared / (sum(sizes) - shared), old, new))
            taken = {}  # new: old
            for _, old, new in sorted(pairs, key=lambda pair: -pair[0]):
                taken |= {new: old} if new not in taken and old not in taken.values() else {}
            ious = {iou for iou, _, _ in pairs}
            for new in np.unique(ids[ids > 0]):
                (given,) = np.unique(now[ids == new])
                if len(ious) == len(pairs):  # or it is a matter of order
                    assert given == taken.get(new, given)
                    assert (given in before) == (new in taken)


@pytest.mark.parametrize("min_overlap", [0, -0.1, 1.1])
def test_link_slices_says_what_is_wrong(min_overlap):
    with pytest.raises(ValueError, match=r"must be above 0 and at most 1"):
        link_slices(np.zeros((2, 3, 3), int), min_overlap=min_overlap)


@pytest.mark.parametrize(
    "labels", [np.full((2, 3, 3), -1), np.ones((2, 3, 3)), np.ones((2, 3), bool)]
)
def test_ids_are_whole_numbers_from_0(labels):
    with pytest.raises(ValueError, match="whole numbers from 0"):
        link_slices(labels)


def test_splinters_are_joined_only_where_half_of_them_would_have_been_linked():
    with pytest.raises(ValueError, match=r"min_overlap=0.6 must be above 0 and at most 0.5"):
        link_slices(np.zeros((2, 3, 3), int), min_overlap=0.6, stack=True)


def test_slices_in_parts_are_linked_as_wholes(rng):
    """As planes of a volume that come one after the other."""
    film = rng.integers(0, 4, (3, 4, 5, 6)).repeat(2, axis=-1)
    before, count, linked = [], 0, []
    for volume in film:
        before, count = continue_objects(before, [find_runs(plane) for plane in volume], count)
        linked.append([runs.painted(*runs.ids) for runs in before])
    np.testing.assert_array_equal(linked, link_slices(film))
    assert count == np.max(linked) > 3
