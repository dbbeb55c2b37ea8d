import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seamless_unet.config import Normalization
from seamless_unet.found_pieces import scratch_size
from seamless_unet.lazy_array import lazy_array
from seamless_unet.link import link_slices
from seamless_unet.pieces import Piece, Predicted, layout
from seamless_unet.predict import Progress, predict
from seamless_unet.segment import segment
from seamless_unet.stack import Segmented, segment_pieces, segment_stack


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


def test_threshold_necks_and_size_override_the_models(pixel_model):
    image = np.zeros((20, 30), np.float32)
    image[2:6, 2:6], image[10:18, 10:20] = 0.45, 1
    model = pixel_model(threshold=0.2, min_size=17)
    assert result(model, image, "YX").objects == 1
    assert result(model, image, "YX", min_size=0).objects == 2
    assert result(model, image, "YX", min_size=0, threshold=0.5).objects == 1
    y, x = np.mgrid[:30, :50]
    touching = np.minimum((x - 15) ** 2, (x - 29) ** 2) + (y - 15) ** 2 <= 64
    model = pixel_model(neck=2.0)
    assert result(model, touching, "YX").objects == 2
    assert result(model, touching, "YX", neck=0).objects == 1


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


def test_what_lies_under_another_is_divided_from_it_where_there_are_necks(pixel_model):
    """Through depth only: what shrinks and grows again through time stays itself."""
    y, x = np.mgrid[:24, :24] - 12
    stack = np.array([y**2 + x**2 <= radius**2 for radius in (8, 7, 4, 4, 7, 8)], np.uint8)
    divided = [[1, 1, 2, 2, 2, 2]]
    for model, options in [(pixel_model(neck=2.0), {}), (pixel_model(), {"neck": 1})]:
        found = result(model, stack, "ZYX", **options)
        assert (found.labels.max(axis=(1, 2)).tolist(), found.objects) == (*divided, 2)
    assert result(pixel_model(neck=2.0), stack, "ZYX", neck=0).objects == 1
    assert result(pixel_model(neck=2.0), stack, "TYX").objects == 1
    film = result(pixel_model(neck=2.0), np.stack([stack, stack]), "TZYX")
    assert film.labels.max(axis=(2, 3)).tolist() == divided * 2


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


def linked_at_once(model, image, axes, *, link):
    """Return all labels and the number of objects: every piece segmented, then all linked."""
    ndim = model.info.network.ndim
    order = "".join(a for a in "STZYX" if a in axes)
    loop = order[:-ndim]
    image = image.transpose([axes.index(a) for a in order])
    labels = np.zeros(image.shape, np.int32)
    for index in np.ndindex(image.shape[: len(loop)]):
        labels[index] = segment(predict(model, image[index]), **model.info.instances)
    chain = len(loop)
    for axis in [a for a in "ZT" if link and a in loop]:
        chain = loop.index(axis)
        for index in np.ndindex(labels.shape[:chain]):
            labels[index] = link_slices(labels[index], stack=axis == "Z")
    objects = sum(int(labels[index].max()) for index in np.ndindex(labels.shape[:chain]))
    return labels.transpose([order.index(a) for a in axes]), objects


@given(
    axes=st.sampled_from(["YX", "ZYX", "TYX", "TZYX", "STYX", "SZYX", "STZYX", "ZXTYS", "YXZT"]),
    ndim=st.sampled_from([2, 3]),
    link=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_pieces_one_after_the_other_equal_all_at_once(pixel_model, axes, ndim, link, seed):
    ndim = ndim if "Z" in axes else 2
    rng = np.random.default_rng(seed)
    sizes = {"S": 2, "T": 3, "Z": 9 if ndim == 2 else 3, "Y": 6, "X": 7}
    image = rng.random([-(-sizes[a] // 2) for a in axes]) < 0.6
    for axis, letter in enumerate(axes):  # in blocks, which overlap their neighbors'
        image = image.repeat(2, axis).take(range(sizes[letter]), axis)
    image = (image & (rng.random(image.shape) < 0.95)).astype(np.float32)
    model = pixel_model(ndim=ndim, min_size=2, neck=0.5)
    segmented = result(model, image, axes, link=link)
    labels, objects = linked_at_once(model, image, axes, link=link)
    np.testing.assert_array_equal(segmented.labels, labels)
    assert segmented.objects == objects


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ("TYX", [[0], [0, 1], [0, 1, 2]]),
        # objects are linked through a whole stack before they are linked to the next
        ("TZYX", [[0, 0]] * 2 + [[0, 0, 1, 1]] * 2 + [[0, 0, 1, 1, 2, 2]] * 2),
    ],
)
def test_a_piece_is_handed_over_before_the_next_is_read(pixel_model, film, axes, expected):
    film = film if "Z" in axes else film[:, 0]
    frames = []

    def read(box):
        frames.append(box[0][0])
        return film[tuple(slice(*side) for side in box)]

    model, image = pixel_model(), lazy_array(film.shape, film.dtype, read)
    found, predicted = [], 0
    for item in segment_pieces(
        model, image, layout(model.info, image.shape, axes), probabilities=True
    ):
        predicted += isinstance(item, Predicted)
        if isinstance(item, Piece):
            found.append(frames.copy())
    assert found == expected
    assert predicted == len(expected)


def test_an_image_elsewhere_gives_the_same_as_one_in_memory(pixel_model, film, monkeypatch):
    monkeypatch.setattr("seamless_unet.pieces._READ_WHOLE", 0)  # tile by tile
    colors = np.stack([film, 1 - film], axis=1)

    def read(box):
        assert all(stop <= size for (_, stop), size in zip(box, colors.shape, strict=True))
        return colors[tuple(slice(*side) for side in box)]

    image = lazy_array(colors.shape, colors.dtype, read)
    for ndim in (2, 3):
        rule = Normalization("percentile", low=0, high=100)
        model = pixel_model(ndim=ndim, in_channels=2, normalization=rule)
        for symmetries in (False, True):
            options = {"tile_shape": 28, "symmetries": symmetries, "probabilities": True}
            elsewhere = result(model, image, "TCZYX", **options)
            here = result(model, colors, "TCZYX", **options)
            np.testing.assert_array_equal(elsewhere.probabilities, here.probabilities)
            np.testing.assert_array_equal(elsewhere.labels, here.labels)


def test_a_large_piece_is_kept_in_files_and_made_into_objects_in_bands(
    pixel_model, film, monkeypatch
):
    expected = result(pixel_model(), film, "TZYX", probabilities=True)
    monkeypatch.setattr("seamless_unet.scratch._IN_MEMORY", 0)
    monkeypatch.setattr("seamless_unet.found_pieces._BAND", 100)
    filed = result(pixel_model(), film, "TZYX", probabilities=True)
    np.testing.assert_array_equal(filed.labels, expected.labels)
    np.testing.assert_array_equal(filed.probabilities, expected.probabilities)


MICROMETRES = {"Z": 1.0, "Y": 0.5, "X": 0.25}


def test_an_image_of_other_pixels_is_segmented_like_the_models(pixel_model):
    """Drawn twice and four times as finely, discs give the same objects, drawn as finely."""
    y, x = np.mgrid[:40, :60]
    coarse = ((y - 20) ** 2 + (x - 15) ** 2 < 90) | ((y - 20) ** 2 + (x - 45) ** 2 < 120)
    fine = coarse.repeat(2, axis=0).repeat(4, axis=1).astype(np.float32)
    model = pixel_model(pixel_size={"Y": 1.0, "X": 1.0}, min_size=300)
    options = {"pixel_size": {"Y": 0.5, "X": 0.25}, "probabilities": True}
    segmented = result(model, fine, "YX", **options)
    assert segmented.labels.shape == fine.shape
    assert segmented.probabilities.shape == (2, *fine.shape)
    assert segmented.objects == 1  # the other has 277 pixels of the model's, 2216 of the image's
    differ = (segmented.labels > 0) != (fine > 0) & (np.arange(240) >= 120)
    assert differ.mean() < 0.01
    assert result(model, fine, "YX").objects == 2


def test_resizing_depends_on_no_tile_and_leaves_equal_pixels_alone(pixel_model, film):
    film = film.astype(np.float32)
    model = pixel_model(pixel_size=MICROMETRES)
    expected = result(model, film, "TZYX")
    same = result(model, film, "TZYX", pixel_size=MICROMETRES)
    np.testing.assert_array_equal(same.labels, expected.labels)
    for ndim in (2, 3):
        model = pixel_model(ndim=ndim, pixel_size=MICROMETRES, normalization=Normalization())
        size = {"Z": 1.5, "Y": 0.7, "X": 0.2}
        whole, tiled = (
            result(model, film, "TZYX", pixel_size=size, probabilities=True, tile_shape=tile)
            for tile in (None, 28)
        )
        np.testing.assert_array_equal(tiled.labels, whole.labels)
        np.testing.assert_array_equal(tiled.probabilities, whole.probabilities)
        assert whole.labels.shape == film.shape


def test_a_class_map_comes_back_with_its_values(pixel_model):
    image = np.kron([[0, 1], [2, 1]], np.ones((8, 8), np.uint8))
    model = pixel_model(
        classes=3, output="classes", class_values=(1, 2, 5), pixel_size={"Y": 2, "X": 2}
    )
    labels = result(model, image, "YX", pixel_size={"Y": 1, "X": 1}).labels
    assert labels.shape == image.shape
    assert labels[::15, ::15].tolist() == [[1, 2], [5, 2]]


def test_an_unknown_pixel_size_is_said(pixel_model, film):
    with pytest.raises(ValueError, match="the model does not say the size of its pixels along Y"):
        result(pixel_model(), film, "TZYX", pixel_size=MICROMETRES)


def test_how_much_room_temporary_files_take(pixel_model, monkeypatch):
    monkeypatch.setattr("seamless_unet.scratch._IN_MEMORY", 4 * 600)
    info = pixel_model(pixel_size={"Y": 1.0, "X": 1.0}).info

    def size(shape, axes, **about):
        return scratch_size(layout(info, shape, axes), info, **about)

    assert size((20, 30), "YX") == 8 * 600  # probabilities of two classes
    assert size((20, 31), "YX") == (8 + 4) * 620  # and labels
    assert size((5, 20, 31), "ZYX") == (8 + 4 + 4) * 620  # and labels of the plane before
    assert size((5, 20, 20), "ZYX") == 8 * 400  # labels of either plane are small enough
    assert size((10, 30), "YX") == 0
    assert size((10, 30), "YX", pixel_size={"Y": 2.0, "X": 2.0}) == (8 + 4) * 1200
