import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage as ndi

from cases import CASES
from seamless_unet.weight_map import separate_touching, weight_map


def brute_force(labels, w0=10.0, sigma=5.0, spacing=None, class_balance=True):
    """Eq. 2 with one distance transform of the whole image per object."""
    weights = np.ones(labels.shape)
    if class_balance:
        for pixels in (labels > 0, labels <= 0):
            weights[pixels] = labels.size / (2 * max(pixels.sum(), 1))
    ids = np.unique(labels[labels > 0])
    if len(ids) > 1:
        distances = [ndi.distance_transform_edt(labels != i, sampling=spacing) for i in ids]
        first, second = np.sort(distances, axis=0)[:2]
        term = w0 * np.exp(-((first + second) ** 2) / (2 * sigma**2))
        weights += np.where(labels > 0, 0, term)
    return weights


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_named_cases_equal_brute_force(name, separate):
    labels = separate_touching(CASES[name]) if separate else CASES[name]
    np.testing.assert_allclose(weight_map(labels), brute_force(labels), rtol=1e-7, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    labels=st.one_of(
        arrays(
            np.int32,
            st.tuples(*[st.integers(1, 40)] * 2),
            elements=st.sampled_from([0] * 9 + [1, 2, 3, 70]),
        ),
        arrays(
            np.uint8,
            st.tuples(*[st.integers(1, 9)] * 3),
            elements=st.sampled_from([0] * 9 + [1, 4]),
        ),
    ),
    sigma=st.floats(0.5, 6),
    w0=st.floats(0, 20),
    anisotropy=st.floats(0.5, 4),
)
def test_random_labels_equal_brute_force(labels, sigma, w0, anisotropy):
    spacing = (anisotropy, *(1.0,) * (labels.ndim - 1))
    result = weight_map(labels, w0=w0, sigma=sigma, spacing=spacing)
    assert result.dtype == np.float32
    np.testing.assert_allclose(
        result, brute_force(labels, w0, sigma, spacing), rtol=1e-6, atol=1e-6
    )


def test_far_and_large_objects_equal_brute_force():
    rng = np.random.default_rng(3)
    seeds = np.zeros((200, 260), int)
    seeds[tuple(rng.integers(0, n, 40) for n in seeds.shape)] = np.arange(1, 41)
    distance, (y, x) = ndi.distance_transform_edt(seeds == 0, return_indices=True)
    labels = np.where(distance < 14, seeds[y, x], 0)
    np.testing.assert_allclose(weight_map(labels), brute_force(labels), rtol=1e-7, atol=1e-6)


def test_classes_are_balanced_to_a_mean_of_one():
    labels = np.zeros((10, 10), int)
    labels[:2, :5] = 1
    weights = weight_map(labels, w0=0)
    assert weights[labels > 0].sum() == pytest.approx(50)
    assert weights[labels == 0].sum() == pytest.approx(50)


def test_no_object_and_only_object_weigh_one():
    assert (weight_map(np.zeros((4, 5), int), class_balance=False) == 1).all()
    assert (weight_map(np.ones((4, 5), int), class_balance=False) == 1).all()


def test_wrong_input_is_refused_in_words():
    with pytest.raises(ValueError, match="whole numbers, got float64"):
        weight_map(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="labels must be 0 or more, got -1"):
        weight_map(np.full((3, 3), -1))
    with pytest.raises(ValueError, match="sigma=0 must be above 0"):
        weight_map(np.zeros((3, 3), int), sigma=0)
    with pytest.raises(ValueError, match="w0=-1 must be at least 0"):
        weight_map(np.zeros((3, 3), int), w0=-1)
    for spacing in ((1, 1), (1, 1, 1, 1), (0, 1, 1), (1, -1, 1), (1, 1, np.inf)):
        with pytest.raises(ValueError, match="must be 3 sizes above 0"):
            weight_map(np.zeros((1, 1, 7), int), spacing=spacing)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint16])
def test_touching_objects_are_parted_and_lone_ones_left_alone(dtype):
    labels = np.array([[1, 1, 1, 2, 2, 0, 3, 3]] * 3, dtype)
    expected = [[1, 1, 0, 0, 2, 0, 3, 3]] * 3
    result = separate_touching(labels)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == dtype


def test_an_object_that_would_vanish_is_kept():
    labels = np.array([[1, 1, 1, 2, 3, 3, 3]])
    np.testing.assert_array_equal(separate_touching(labels), [[1, 1, 0, 2, 0, 3, 3]])


def test_after_parting_no_object_touches_another():
    labels = CASES["touching"]
    parted = separate_touching(labels)
    assert ndi.label(parted > 0)[1] == len(np.unique(labels)) - 1


@pytest.mark.parametrize("gap", [0, 2, 4])
@pytest.mark.parametrize("shape", [(12, 15), (3, 9, 8)])
def test_parting_equals_looking_around_every_pixel(shape, gap):
    rng = np.random.default_rng(gap)
    labels = rng.choice([0, 0, 1, 7, 2**40], shape)
    expected = labels.copy()
    for place in np.argwhere(labels > 0):
        around = labels[tuple(slice(max(i - gap // 2, 0), i + gap // 2 + 1) for i in place)]
        if len(np.unique(around[around > 0])) > 1:
            expected[tuple(place)] = 0
    for lost in np.setdiff1d(labels, expected):
        expected[labels == lost] = lost
    np.testing.assert_array_equal(separate_touching(labels, gap=gap), expected)
