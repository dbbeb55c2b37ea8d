import numpy as np
import pytest

from seamless_unet.resample import difference, resampled, resampled_labels, resampled_shape

HALF = {"Z": 2.0, "Y": 0.5, "X": 0.5}


def test_the_shape_follows_the_pixel_sizes():
    assert resampled_shape((10, 20, 30), "ZYX", HALF, HALF) == (10, 20, 30)
    finer = {"Z": 1.0, "Y": 0.25, "X": 0.5}
    assert resampled_shape((10, 20, 30), "ZYX", finer, HALF) == (5, 10, 30)
    assert resampled_shape((20, 30), "YX", finer, HALF) == (10, 30)
    assert resampled_shape((1, 3), "YX", {"Y": 0.1, "X": 0.1}, HALF) == (1, 1)


def test_depth_stays_unless_both_say_it():
    assert resampled_shape((10, 20, 30), "ZYX", {"Y": 1, "X": 1}, HALF) == (10, 40, 60)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"Y": 1.0}, "the image does not say the size of its pixels along X"),
        ({"Y": 0.0, "X": 0.0}, "the image does not say the size of its pixels along Y and X"),
        ({"Y": 300, "X": 300}, "a pixel of the image is 300 µm along Y, one of the model 0.5 µm"),
        ({"Y": 1e-3, "X": 0.5}, "can hardly be right, check the image's pixel size"),
    ],
)
def test_what_cannot_be_is_refused_in_words(size, message):
    with pytest.raises(ValueError, match=message):
        resampled_shape((20, 30), "YX", size, HALF)


def test_the_difference_counts_in_both_directions():
    assert difference(HALF, HALF, "YX") == 0
    for other in (1, 0.25):
        assert difference({"Y": other, "X": 0.5}, HALF, "YX") == 1
    assert difference({}, HALF, "YX") == difference(HALF, {}, "YX") == 0
    plane = {axis: HALF[axis] for axis in "YX"}
    assert difference(plane, HALF, "ZYX") == difference(HALF | {"Z": 9}, HALF, "YX") == 0
    assert difference(HALF | {"Z": 3 * HALF["Z"]}, HALF, "ZYX") == 2


def test_nothing_changes_where_the_shape_stays():
    image = np.random.default_rng(0).random((2, 5, 6))
    assert resampled(image, (5, 6)) is image
    labels = np.array([[0, 7], [3, 3]], np.int32)
    assert resampled_labels(labels, (2, 2)) is labels


def test_a_ramp_stays_a_ramp():
    ramp = np.tile(np.arange(40, dtype=np.uint16), (1, 6, 1))
    fine = resampled(ramp, (6, 80))
    assert fine.dtype == np.float32
    expected = (np.arange(80) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(fine[0, 0, 2:-2], expected[2:-2], atol=1e-4)
    coarse = resampled(ramp, (6, 20))
    np.testing.assert_allclose(coarse[0, 0, 2:-2], np.arange(20)[2:-2] * 2 + 0.5, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.int32, np.float64, np.longdouble])
@pytest.mark.parametrize("offset", [0, 2**24, 2**30])
def test_large_grey_values_are_not_rounded(dtype, offset):
    image = np.arange(60).reshape(1, 6, 10)
    expected = resampled(image.astype(np.float32), (4, 13))
    np.testing.assert_allclose(
        resampled((image + offset).astype(dtype), (4, 13)) - offset, expected, atol=1e-5
    )


def test_shrinking_averages_what_is_finer_than_a_pixel():
    """Every second pixel black would become all black or all white by picking some."""
    stripes = np.tile([0.0, 1.0], (1, 8, 16))
    assert abs(resampled(stripes, (8, 4))[0, :, 1:-1] - 0.5).max() < 0.05


@pytest.mark.parametrize("shape", [(3, 4), (7, 9), (12, 16), (6, 2), (1, 1)])
def test_labels_are_those_of_the_nearest_pixel(shape):
    labels = np.random.default_rng(0).integers(0, 3, (6, 8)).astype(np.int32)
    result = resampled_labels(labels, shape)
    expected = np.array(
        [
            [
                labels[int((y + 0.5) * 6 / shape[0]), int((x + 0.5) * 8 / shape[1])]
                for x in range(shape[1])
            ]
            for y in range(shape[0])
        ]
    )
    kept = list(dict.fromkeys(expected[expected > 0].tolist()))
    for number, label in enumerate(kept, 1):
        np.testing.assert_array_equal(result == number, expected == label)
    assert result.dtype == np.int32
    assert result.max() == len(kept)


def test_volumes():
    volume = np.zeros((4, 6, 6), np.int32)
    volume[1, 2:4, 2:4] = 5
    back = resampled_labels(resampled_labels(volume, (8, 12, 12)), (4, 6, 6))
    np.testing.assert_array_equal(back, (volume > 0).astype(int))
