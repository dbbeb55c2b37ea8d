import tracemalloc

import numpy as np
import pytest

from seamless_unet.config import Normalization
from seamless_unet.normalize import measure, normalize


def test_percentiles_per_channel():
    image = np.stack([np.arange(101.0), 10 * np.arange(101.0) + 5]).reshape(2, 1, 101)
    result = normalize(image, Normalization(low=10, high=90))
    np.testing.assert_allclose(result[0], (np.arange(101)[None] - 10) / 80, rtol=1e-6)
    np.testing.assert_allclose(result[0], result[1], atol=1e-6)
    assert result.dtype == np.float32


def test_complex_pixels_are_refused():
    with pytest.raises(ValueError, match="the image has pixels of complex64: give integers or fl"):
        measure(np.zeros((1, 4, 4), np.complex64), Normalization())


def test_standard_and_fixed():
    image = np.array([[[1, 3]]], np.uint16)
    np.testing.assert_allclose(normalize(image, Normalization(kind="standard")), [[[-1, 1]]])
    fixed = Normalization(kind="fixed", offset=1, scale=4)
    np.testing.assert_allclose(normalize(image, fixed), [[[0, 0.5]]])


@pytest.mark.parametrize("kind", ["percentile", "standard"])
@pytest.mark.parametrize("value", [np.uint16(700), np.float32(0.1), np.float64(0.1), 1e29])
def test_a_constant_image_becomes_zero(kind, value):
    image = np.full((1, 5, 41), value)
    assert not normalize(image, Normalization(kind=kind)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("part", [7, 2**20])
def test_mean_and_deviation_are_numpys_whatever_the_type(monkeypatch, dtype, part):
    monkeypatch.setattr("seamless_unet.normalize._PART", part)
    values = np.random.default_rng(0).integers(0, 250, (1, 3, 50, 20)).astype(dtype)
    offset, scale = measure(values, Normalization("standard"))
    exact = values.astype(np.float64)
    np.testing.assert_allclose([offset.item(), scale.item()], [exact.mean(), exact.std()], 1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", ["percentile", "standard"])
def test_measuring_takes_one_copy_of_what_it_looks_at(dtype, kind):
    image = np.zeros((1, 2048, 2048), dtype)
    image[0, :, ::3] = 7
    copy = image.nbytes if dtype == np.float32 and kind == "percentile" else 0
    tracemalloc.start()
    measure(image, Normalization(kind))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < copy + 20e6


def test_a_few_bright_pixels_in_black_still_count():
    image = np.zeros((1, 100, 100))
    image[0, 5, 5] = 9
    assert normalize(image, Normalization()).max() == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -3.4e38, 2e30])
def test_what_is_no_grey_value_is_refused_with_its_count(bad):
    image = np.zeros((2, 4, 4), np.float32)
    image[1, 2, :2] = bad
    image[1, 3] = 9e29
    with pytest.raises(ValueError, match=r"2 pixel\(s\) that are NaN, infinite or beyond 1e\+30"):
        measure(image, Normalization())
    with pytest.raises(ValueError, match="1 pixel"):
        measure(np.array([[[np.inf, 65504]]], np.float16), Normalization())
    measure(image[:1], Normalization())


def test_an_empty_image_is_refused():
    with pytest.raises(ValueError, match="empty"):
        measure(np.zeros((1, 0, 4)), Normalization())


def test_large_values_do_not_overflow():
    image = np.array([[[0, 2**32 - 1]]], np.uint32)
    assert normalize(image, Normalization(low=0, high=100)).max() == 1


def test_every_plane_of_a_thin_stack_counts(monkeypatch):
    monkeypatch.setattr("seamless_unet.normalize._LARGEST_SAMPLE", 1000)
    stack = np.zeros((1, 3, 60, 60), np.uint16)
    stack[0, 1:] = np.arange(60) + 1000
    offset, scale = measure(stack, Normalization(low=0, high=100))
    assert (offset.item(), (offset + scale).item()) == (0, 1000 + 56)  # of every fourth pixel


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", np.int32, np.float32])
@pytest.mark.parametrize("size", [1, 2, 97, 5000])
def test_percentiles_are_numpys_whatever_the_type(dtype, size):
    values = np.random.default_rng(size).integers(0, 250, (1, 1, size)).astype(dtype)
    rule = Normalization("percentile", 3.3, 96.7)
    offset, scale = measure(values, rule)
    low, high = np.percentile(values, [3.3, 96.7])
    np.testing.assert_allclose([offset.item(), scale.item()], [low, high - low or 1], rtol=1e-12)
