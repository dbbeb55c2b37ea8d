import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamless_unet import lazy_array as module
from seamless_unet.axes import split
from seamless_unet.config import Normalization
from seamless_unet.lazy_array import lazy_array
from seamless_unet.normalize import measure

WHOLE = np.random.default_rng(0).integers(0, 1000, (3, 5, 7, 6)).astype(np.uint16)


def lazy(array=WHOLE, boxes=None):
    def read(box):
        if boxes is not None:
            boxes.append(box)
        return array[tuple(slice(*side) for side in box)].copy()

    return lazy_array(array.shape, array.dtype, read)


slices = st.builds(
    slice,
    st.none() | st.integers(-8, 8),
    st.none() | st.integers(-8, 8),
    st.none() | st.integers(1, 3),
)


@given(
    st.lists(slices | st.integers(0, 2), max_size=4),
    st.permutations(range(4)),
    st.lists(slices | st.none(), max_size=3),
)
def test_views_show_what_numpys_show(first, order, second):
    expected = WHOLE[tuple(first)]
    view = lazy()[tuple(first)]
    order = [i for i in order if i < expected.ndim]
    expected, view = expected.transpose(order), view.transpose(order)
    second = second[: expected.ndim]
    expected, view = expected[tuple(second)], view[tuple(second)]
    assert (view.shape, view.size, view.nbytes) == (expected.shape, expected.size, expected.nbytes)
    np.testing.assert_array_equal(np.asarray(view), expected)
    assert np.asarray(view).dtype == expected.dtype


def test_nothing_is_read_before_it_is_needed_and_then_only_that():
    boxes = []
    view = lazy(boxes=boxes)[1].transpose([2, 0, 1])[2:4]
    assert boxes == []
    assert np.asarray(view).shape == (2, 5, 7)
    assert boxes == [[(1, 2), (0, 5), (0, 7), (2, 4)]]


@pytest.mark.parametrize(
    ("worth", "rows"), [(1, [(0, 1), (3, 4), (6, 7)]), (1000, [(0, 4), (6, 7)])]
)
def test_of_pixels_with_gaps_not_all_between_are_read(monkeypatch, worth, rows):
    """Large rows one by one, small ones together."""
    monkeypatch.setattr(module, "_WORTH_A_REQUEST", worth)
    monkeypatch.setattr(module, "_AT_ONCE", 2 * 3 * 6 * 2)
    boxes = []
    view = lazy(boxes=boxes)[1, 2, ::3, ::5]
    np.testing.assert_array_equal(np.asarray(view), WHOLE[1, 2, ::3, ::5])
    assert boxes == [[(1, 2), (2, 3), row, (0, 6)] for row in rows]


@pytest.mark.parametrize(("axes", "ndim"), [("TZYX", 2), ("ZCYX", 3), ("YXTZ", 3)])
def test_split_into_pieces_and_measured_like_a_numpy_array(monkeypatch, axes, ndim):
    monkeypatch.setattr("seamless_unet.normalize._LARGEST_SAMPLE", 50)
    pieces = list(split(lazy(), axes, ndim))
    for (index, piece), (other, expected) in zip(pieces, split(WHOLE, axes, ndim), strict=True):
        assert (index, piece.shape) == (other, expected.shape)
        np.testing.assert_array_equal(np.asarray(piece), expected)
        for kind in ("percentile", "standard", "fixed"):
            rule = Normalization(kind)
            np.testing.assert_array_equal(measure(piece, rule), measure(expected, rule))


def test_an_empty_view_is_not_read():
    assert np.asarray(lazy()[:0, 2]).shape == (0, 7, 6)
