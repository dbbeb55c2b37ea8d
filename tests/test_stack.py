import numpy as np
import pytest

from seamless_unet.config import Normalization
from seamless_unet.predict import Progress, predict
from seamless_unet.segment import segment
from seamless_unet.stack import Segmented, segment_stack


def result(model, image, axes, **options) -> Segmented:
    *progress, last = segment_stack(model, image, axes, **options)
    assert all(isinstance(item, Progress) for item in progress)
    assert progress[-1].done == progress[-1].total
    return last


@pytest.fixture
def film():
    """Two objects that move by a pixel from frame to frame; (T, Z, Y, X)."""
    film = np.zeros((3, 2, 16, 24), np.uint8)
    for t in range(3):
        film[t, :, 2 + t : 8 + t, 2:8] = 1
        film[t, :, 6:12, 12 + t : 20 + t] = 1
    return film


def test_one_image_is_predict_and_segment(pixel_model):
    image = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    model = pixel_model(min_size=3)
    segmented = result(model, image, "YX", probabilities=True)
    expected = predict(model, image)
    np.testing.assert_array_equal(segmented.probabilities, expected)
    np.testing.assert_array_equal(segmented.labels, segment(expected, min_size=3))
    assert segmented.objects == segmented.labels.max() > 0
    assert (segmented.axes, segmented.probability_axes) == ("YX", "CYX")


def test_threshold_and_size_override_the_models(pixel_model):
    image = np.zeros((20, 30), np.float32)
    image[2:6, 2:6], image[10:18, 10:20] = 0.45, 1
    model = pixel_model(threshold=0.2, min_size=17)
    assert result(model, image, "YX").objects == 1
    assert result(model, image, "YX", min_size=0).objects == 2
    assert result(model, image, "YX", min_size=0, threshold=0.5).objects == 1


def test_slices_and_frames_are_linked(pixel_model, film):
    segmented = result(pixel_model(), film, "TZYX")
    assert segmented.objects == 2
    np.testing.assert_array_equal(segmented.labels > 0, film > 0)
    for t in range(3):
        assert np.unique(segmented.labels[t, :, 2 + t : 8 + t, 2:8]).tolist() == [1]


def test_what_is_left_keeps_its_number_through_time(pixel_model, film):
    film[1:, :, :12, :10] = 0  # the first object is gone after the first frame
    labels = result(pixel_model(), film, "TZYX").labels
    assert [np.unique(frame).tolist() for frame in labels] == [[0, 1, 2], [0, 2], [0, 2]]


def test_without_links_every_slice_counts_from_one(pixel_model, film):
    segmented = result(pixel_model(), film, "TZYX", link=False)
    assert segmented.objects == 2 * film.shape[0] * film.shape[1]
    assert all(plane.max() == 2 for frame in segmented.labels for plane in frame)


def test_separate_images_are_never_linked(pixel_model, film):
    segmented = result(pixel_model(), film[:, 0], "SYX")
    assert segmented.objects == 6
    linked = result(pixel_model(), film, "SZYX")
    assert linked.objects == 6
    assert linked.labels.max() == 2


def test_a_3d_model_takes_the_volume_and_links_time(pixel_model, film):
    segmented = result(pixel_model(ndim=3), film, "TZYX", probabilities=True)
    assert segmented.objects == 2
    np.testing.assert_array_equal(segmented.labels > 0, film > 0)
    assert segmented.probability_axes == "TCZYX"
    assert segmented.probabilities.shape == (3, 2, 2, 16, 24)


def test_axes_in_any_order_come_back_in_that_order(pixel_model, film):
    expected = result(pixel_model(), film, "TZYX")
    turned = result(pixel_model(), film.transpose(1, 3, 0, 2), "ZXTY")
    assert turned.axes == "ZXTY"
    np.testing.assert_array_equal(turned.labels, expected.labels.transpose(1, 3, 0, 2))
    assert turned.objects == expected.objects


def test_channels_anywhere(pixel_model, film):
    colors = np.stack([film, 1 - film, film], axis=-1)
    segmented = result(pixel_model(in_channels=3), colors, "TZYXC", probabilities=True)
    assert (segmented.axes, segmented.probability_axes) == ("TZYX", "TZCYX")
    np.testing.assert_array_equal(segmented.labels > 0, film > 0)


def test_class_maps_have_the_label_values_of_the_training(pixel_model):
    image = np.array([[0, 1, 2, 1], [2, 2, 0, 1]], np.uint8)
    model = pixel_model(classes=3, output="classes", class_values=(1, 2, 5))
    segmented = result(model, image, "YX")
    assert segmented.labels.tolist() == [[1, 2, 5, 2], [5, 5, 1, 2]]
    assert segmented.objects is None


def test_a_stack_is_normalized_as_one_image(pixel_model):
    """An empty slice stays empty: its noise is not stretched to full contrast."""
    rng = np.random.default_rng(0)
    stack = rng.random((2, 30, 30)).astype(np.float32) * 10
    stack[1, 5:20, 5:20] += 200
    model = pixel_model(normalization=Normalization("percentile"))
    assert result(model, stack, "ZYX").labels[0].max() == 0
    assert result(model, stack, "SYX").labels[0].max() > 0  # an image of its own


def test_a_stack_of_one_slice_is_the_image(pixel_model):
    image = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    model = pixel_model(normalization=Normalization("percentile"))
    alone = result(model, image, "YX", probabilities=True)
    stack = result(model, image[np.newaxis], "ZYX", probabilities=True)
    np.testing.assert_array_equal(stack.probabilities[0], alone.probabilities)
    np.testing.assert_array_equal(stack.labels[0], alone.labels)


def test_progress_counts_the_tiles_of_all_slices(pixel_model, film):
    one = list(segment_stack(pixel_model(), film[0, 0], "YX", tile_shape=32))[:-1]
    all_slices = list(segment_stack(pixel_model(), film[0], "ZYX", tile_shape=32))[:-1]
    assert len(all_slices) == 2 * len(one) > 2
    assert [p.done for p in all_slices] == list(range(1, len(all_slices) + 1))
    assert {p.total for p in all_slices} == {len(all_slices)}


def test_the_image_is_not_changed_and_may_be_read_only(pixel_model, film):
    film.flags.writeable = False
    before = film.copy()
    result(pixel_model(), film, "TZYX")
    np.testing.assert_array_equal(film, before)


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ("YXC", (8, 8, 3), r"image has 3 channel\(s\), the model takes 2 \(DAPI, actin\): choose"),
        ("YX", (8, 8), r"image has 1 channel\(s\), the model takes 2"),
        ("QYX", (2, 8, 8), "do not say what Q is"),
        ("CYX", (2, 8, 0), r"the image is empty: its shape is \(2, 8, 0\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(pixel_model, axes, shape, message):
    model = pixel_model(in_channels=2, channels=("DAPI", "actin"))
    with pytest.raises(ValueError, match=message):
        list(segment_stack(model, np.zeros(shape), axes))


def test_a_3d_model_refuses_an_image_without_slices(pixel_model):
    with pytest.raises(ValueError, match="3-D model needs a stack with a Z axis"):
        list(segment_stack(pixel_model(ndim=3), np.zeros((3, 8, 8)), "TYX"))
