import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from cases import CASES, picture
from seamless_unet.bands import segment_in_bands
from seamless_unet.segment import segment


def banded(probabilities, rows, **options):
    labels = np.zeros(probabilities.shape[1:], np.int32)
    segment_in_bands(probabilities, labels, rows, **options)
    return labels


def probabilities_of(shape, seed, smooth, classes):
    """Return (K, ...) random landscapes with structures of about this many pixels."""
    rng = np.random.default_rng(seed)
    logits = ndi.gaussian_filter(rng.normal(size=(classes, *shape)), (0, *[smooth] * len(shape)))
    odds = np.exp(4 * logits / logits.std())
    return (odds / odds.sum(axis=0)).astype(np.float32)


@given(
    shape=st.sampled_from([(40, 30), (61, 17), (12, 40), (12, 14, 13)]),
    seed=st.integers(0, 2**32 - 1),
    smooth=st.sampled_from([0.5, 1, 2, 3]),
    rows=st.sampled_from([1, 2, 3, 7, 100]),
    cored=st.booleans(),
    threshold=st.sampled_from([0.3, 0.5, 0.6]),
    seed_threshold=st.sampled_from([None, 0.5, 0.8]),
    neck=st.sampled_from([0, 0.3, 1.0]),
    min_size=st.sampled_from([0, 5, 30]),
    grow=st.integers(0, 4),
    fill_holes=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_bands_of_any_height_give_what_the_whole_gives(shape, seed, smooth, rows, cored, **options):
    probabilities = probabilities_of(shape, seed, smooth, classes=3 if cored else 2)
    expected = segment(probabilities, cored=cored, **options)
    result = banded(probabilities, rows, cored=cored, **options)
    np.testing.assert_array_equal(result, expected)


def rings(*sizes):
    """Return foreground probabilities of rings in one another, and a dot in the middle."""
    y, x = np.mgrid[-20:21, -20:21]
    distance = np.maximum(abs(y), abs(x))
    inside = np.isin(distance, [0, *sizes])
    return np.stack([1 - inside, inside]).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 11, 20])
@pytest.mark.parametrize("sizes", [(18,), (18, 10), (18, 12, 5), (10,)])
def test_a_hole_belongs_to_the_innermost_ring_around_it(rows, sizes):
    probabilities = rings(*sizes)
    result = banded(probabilities, rows)
    np.testing.assert_array_equal(result, segment(probabilities))
    for number, size in enumerate(sizes, 1):
        assert result[20, 20 - size] == result[20, 20 - size + 2] == number
        assert ndi.label(result == number)[1] == 1


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_named_cases(name, rows):
    foreground = (CASES[name] > 0).astype(np.float32)
    probabilities = np.stack([1 - foreground, foreground])
    np.testing.assert_array_equal(banded(probabilities, rows), segment(probabilities))


def test_an_arch_is_one_object_though_its_legs_come_apart():
    arch = picture("""
        .....2.
        .111...
        .1.1...
        .1.1.3.
    """)
    probabilities = np.stack([arch == 0, arch > 0]).astype(np.float32)
    result = banded(probabilities, 1, grow=0)
    assert (
        result.tolist()
        == picture("""
        .....1.
        .222...
        .2.2...
        .2.2.3.
    """).tolist()
    )


def test_files_are_read_and_written_in_place(tmp_path):
    probabilities = probabilities_of((50, 40), seed=1, smooth=2, classes=2)
    np.save(tmp_path / "probabilities.npy", probabilities)
    filed = np.load(tmp_path / "probabilities.npy", mmap_mode="r")
    labels = np.lib.format.open_memmap(tmp_path / "labels.npy", "w+", np.int32, (50, 40))
    segment_in_bands(filed, labels, 8)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), segment(probabilities))


def test_what_is_wrong_is_said_before_anything_is_written():
    labels = np.zeros((4, 4), np.int32)
    with pytest.raises(ValueError, match="cores are class 2, but there are 2 classes"):
        segment_in_bands(np.zeros((2, 4, 4)), labels, 2, cored=True)
