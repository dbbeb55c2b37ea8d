import itertools
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage as ndi

from seamless_unet.necks import divide_at_necks, share_with_necks


def discs(*centers, radius=8, shape=(40, 60)):
    """Return balls that may run together, in any number of dimensions."""
    grid = np.indices(shape)
    parts = [
        sum((g - c) ** 2 for g, c in zip(grid, center, strict=True)) <= radius**2
        for center in centers
    ]
    return np.any(parts, axis=0).astype(np.int32)


def divided(labels, depth=2.0, **options):
    result = labels.copy()
    divide_at_necks(result, depth, **options)
    return result


def test_two_discs_that_run_together_are_two():
    labels = 5 * discs((20, 15), (20, 29))
    result = divided(labels)
    assert set(np.unique(result)) == {0, 5, 6}
    assert (result > 0).tolist() == (labels > 0).tolist()
    assert result[20, 15] == 5
    assert result[20, 29] == 6
    assert abs(int((result == 5).sum()) - int((result == 6).sum())) <= 17  # one column at most


@pytest.mark.parametrize(
    "labels",
    [
        discs((20, 20)),
        discs((20, 15), (20, 21)),  # the outline hardly draws in
        np.pad(np.ones((3, 50), np.int32), 3),  # a rod
        discs((20, 20), radius=12) - discs((20, 20), radius=8),  # a ring
        discs((20, 20), radius=12) - discs((20, 15), radius=2),  # a hole on one side
        np.zeros((5, 5), np.int32),
        np.ones((4, 4), np.int32),
    ],
    ids=["disc", "bean", "rod", "ring", "hole", "nothing", "everything"],
)
def test_what_has_no_neck_stays_whole(labels):
    np.testing.assert_array_equal(divided(labels), labels)


def test_what_becomes_of_an_object_does_not_depend_on_others():
    """This one's plateau leads from one of its ends to the other around its outline."""
    rows = (
        "...## ...## ..### .#### .#### .#### .#### .#### ....# .#### .#### ##### ##### .###. .##.. "
        ".#### ..###"
    )
    alone = np.array([[pixel == "#" for pixel in row] for row in rows.split()], np.int32)
    beside = np.pad(alone, ((0, 0), (0, 12)))
    beside[0, -1] = 2
    np.testing.assert_array_equal(divided(alone, 1.0), alone)
    np.testing.assert_array_equal(divided(beside, 1.0), beside)


def test_a_deeper_neck_is_asked_for():
    labels = discs((20, 15), (20, 27))
    counts = [divided(labels, depth).max() for depth in (0.5, 1, 2, 4, 8)]
    assert counts == sorted(counts, reverse=True)
    assert (counts[0], counts[-1]) == (2, 1)


def test_three_in_a_row_and_balls():
    assert divided(discs((20, 10), (20, 24), (20, 38))).max() == 3
    balls = discs((9, 9, 8), (9, 9, 19), radius=6, shape=(18, 18, 28))
    result = divided(balls, 1.5)
    assert result[9, 9, 8] != result[9, 9, 19]


def test_no_part_is_smaller_than_the_least():
    labels = discs((20, 15), (20, 29))
    half = int(np.bincount(divided(labels).ravel())[1:].min())
    assert divided(labels, least=half).max() == 2
    assert divided(labels, least=half + 1).max() == 1


def test_a_small_part_does_not_keep_two_large_ones_together():
    labels = discs((20, 15), (20, 29))
    nub = discs((20, 42), radius=6)
    result = divided(np.maximum(labels, nub), 1.5, least=150)
    assert divided(np.maximum(labels, nub), 1.5).max() == 3
    assert result.max() == 2
    assert result[20, 15] != result[20, 29] == result[20, 42]


def test_something_tall_among_specks_takes_no_room():
    labels = np.zeros((400, 400), np.int32)
    labels[::4, ::4] = np.arange(10000).reshape(100, 100) + 2
    labels[:, :3] = 0
    labels[5:395, 1] = 1
    tracemalloc.start()
    result = divided(labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result, labels)
    assert peak < 64 * 2**20


def test_a_thin_object_in_a_large_box_takes_little_room():
    labels = np.zeros((40, 300, 300), np.int32)
    steps = np.arange(300)
    for shift in range(-1, 2):
        labels[steps * 40 // 300, np.clip(steps + shift, 0, 299), steps] = 1
    tracemalloc.start()
    result = divided(labels, 1.9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result, labels)
    assert peak < 80 * labels.size  # of its box


def test_every_part_is_of_one_object_and_has_a_number_of_its_own():
    rng = np.random.default_rng(0)
    many = 0
    for _ in range(20):
        landscape = ndi.gaussian_filter(rng.standard_normal((50, 60)), 2.5)
        labels = ndi.label(landscape > 0)[0].astype(np.int32)
        result = divided(labels, 1.0)
        many += result.max() > labels.max()
        for number in range(1, result.max() + 1):
            assert len(np.unique(labels[result == number])) == 1
        assert set(np.unique(result)) == set(range(result.max() + 1))
    assert many > 10


@pytest.mark.parametrize(
    ("shape", "level"), [((60, 70), 0), ((300, 300), 0.03), ((24, 40, 40), 0.03)]
)
def test_what_becomes_of_an_object_depends_on_nothing_but_itself(shape, level):
    rng = np.random.default_rng(1)
    landscape = ndi.gaussian_filter(rng.standard_normal(shape), 2.5)
    labels = ndi.label(landscape > level)[0].astype(np.int32)
    together = divided(labels, 1.0)
    assert together.max() > labels.max() > 3
    for number in range(1, labels.max() + 1):
        alone = divided(np.where(labels == number, 1, 0).astype(np.int32), 1.0)
        parts = np.unique(together[labels == number])
        expected = np.zeros_like(alone)
        for new, old in enumerate(parts, 1):
            expected[together == old] = new
        np.testing.assert_array_equal(alone, expected)


def test_how_many_have_a_neck():
    one, two = discs((20, 20)), discs((20, 15), (20, 29))
    assert share_with_necks([one], 2, most=9) == 0
    assert share_with_necks([one, two, one, one], 2, most=9) == 0.25
    for cells in ([one, two], [two, one], [two, one, one, two, one]):  # in every frame of a film
        true = sum(cell is two for cell in cells) / len(cells)
        assert abs(share_with_necks(cells * 40, 2, most=60) - true) < 0.2
    both = np.hstack([one, 7 * two])
    assert share_with_necks([both], 2, most=9) == 0.5


def test_no_more_objects_than_that_are_looked_at(monkeypatch):
    looked = itertools.count()
    monkeypatch.setattr("seamless_unet.necks._parts", lambda *_: (next(looked), 1))
    share_with_necks([discs((20, 20))] * 25, 2, most=10)
    assert next(looked) <= 10
