import numpy as np
import pytest

from cases import CASES
from seamless_unet.runs import crossed, find_runs, numbered


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(7,), (5, 8), (3, 4, 5), (2, 0), (0, 3), (1, 1)])
def test_runs_are_the_image_in_fewer_numbers(shape, rng):
    first, second = rng.integers(0, 3, (2, *shape))
    runs = find_runs(first, second)
    for image, ids in zip((first, second), runs.ids, strict=True):
        np.testing.assert_array_equal(runs.painted(ids), image)
        np.testing.assert_array_equal(runs.sizes(ids), np.bincount(image.ravel()))
    # longest possible, and none goes on in the next row
    rows = runs.starts // max(1, shape[-1])
    np.testing.assert_array_equal((runs.starts + runs.lengths - 1) // max(1, shape[-1]), rows)
    changed = np.any([ids[1:] != ids[:-1] for ids in runs.ids], axis=0)
    assert (changed | (rows[1:] != rows[:-1])).all()


@pytest.mark.parametrize("shape", [(7,), (5, 8), (3, 4, 5), (2, 0)])
def test_crossed_runs_are_those_of_both_images(shape, rng):
    images = rng.integers(0, 3, (3, *shape))
    expected = find_runs(*images)
    runs = crossed(find_runs(images[0]), find_runs(*images[1:]))
    assert runs.shape == shape
    np.testing.assert_array_equal(runs.starts, expected.starts)
    np.testing.assert_array_equal(runs.lengths, expected.lengths)
    np.testing.assert_array_equal(runs.ids, expected.ids)


@pytest.mark.parametrize("case", CASES)
def test_views_have_the_runs_of_their_copies(case):
    view = CASES[case].swapaxes(0, -1)
    runs, copied = find_runs(view), find_runs(view.copy())
    np.testing.assert_array_equal(runs.starts, copied.starts)
    np.testing.assert_array_equal(runs.painted(runs.ids[0]), view)


def test_numbers_follow_first_appearance(rng):
    for _ in range(20):
        ids = rng.integers(0, 12, rng.integers(0, 30))
        seen = [number for number in dict.fromkeys(ids.tolist()) if number]
        expected = [seen.index(number) + 1 if number else 0 for number in ids.tolist()]
        np.testing.assert_array_equal(numbered(ids)[ids], expected)
