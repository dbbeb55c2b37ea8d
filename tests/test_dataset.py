import tracemalloc

import numpy as np
import pytest

from seamless_unet.config import TrainConfig
from seamless_unet.dataset import make_dataset
from seamless_unet.weight_map import separate_touching, weight_map


def config(**changes):
    still = {"elastic": 0, "zoom": 0, "rotate": False, "flip": False, "grey": 0}
    return TrainConfig(steps=1, patch=12, batch_size=3, **{**still, **changes})


def drawn(shape=(40, 50), count=8, seed=0):
    """An image whose bright squares are labeled."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, int)
    for number in range(1, count + 1):
        corner = [rng.integers(0, n - 6) for n in shape]
        labels[tuple(slice(c, c + 5) for c in corner)] = number
    return (labels > 0) * 100.0 + rng.normal(0, 5, shape), labels


def test_weights_are_eq_2_with_classes_balanced_over_all_images():
    pairs = [drawn(seed=0), drawn(seed=1, count=3), drawn(seed=2)]
    images, labels = zip(*pairs, strict=True)
    dataset = make_dataset(images, labels, config(class_balance=True, rim=0))
    samples = dataset.training + dataset.validation
    foreground = sum(((s.target > 0) & (s.weight > 0)).sum() for s in samples)
    total = 3 * 40 * 50
    for sample in samples:
        parted = separate_touching(sample.labels)
        np.testing.assert_array_equal(sample.target, parted > 0)
        balance = np.where(parted > 0, total / 2 / foreground, total / 2 / (total - foreground))
        expected = weight_map(parted, class_balance=False) - 1 + balance
        annotated = sample.weight > 0
        np.testing.assert_allclose(sample.weight[annotated], expected[annotated], rtol=1e-5)


def test_of_a_mask_every_connected_piece_is_an_object():
    image, _ = drawn()
    labels = np.zeros(image.shape, int)
    for row in (2, 15, 28):
        for column in (3, 15, 27, 39):
            labels[row : row + 9, column : column + 9] = len(np.unique(labels))
    told_apart, mask, of_one = (
        make_dataset([image] * 3, [each] * 3, config(validation=0.3), names=list("abc"))
        for each in (labels, 255 * (labels > 0), 7 * (labels == 1))
    )
    assert (told_apart.summary.objects, mask.summary.objects, of_one.summary.objects) == (36, 36, 3)
    for one, other in zip(told_apart.training, mask.training, strict=True):
        np.testing.assert_array_equal(one.target, other.target)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_allclose(one.weight, other.weight)
    said = [problem.what.split(" have")[0] for problem in mask.problems]
    assert said[0] == "All objects of a, b, c"
    for dataset in (told_apart, of_one):
        assert not any(problem.what.startswith("All objects") for problem in dataset.problems)


def test_a_mask_in_a_region_is_told_apart_whatever_lies_beyond():
    labels = np.zeros((40, 50), int)
    for row in (2, 22):
        for column in (3, 15, 27):
            labels[row : row + 9, column : column + 9] = 255
    region = np.zeros(labels.shape, bool)
    region[:, :40] = True
    beyond = labels.copy()
    beyond[5:9, 44:48], beyond[20, 45] = 7, 300
    usual, same = (
        make_dataset([labels * 1.0], [each], config(), regions=[region])
        for each in (labels, beyond)
    )
    assert usual.summary.objects == same.summary.objects == 6
    for one, other in zip(usual.training, same.training, strict=True):
        np.testing.assert_array_equal(one.target, other.target)
        np.testing.assert_array_equal(one.labels, other.labels)


def test_a_mask_is_told_plane_by_plane_and_in_volumes_as_a_whole():
    mask = np.zeros((6, 20, 20), bool)
    mask[:, 2:8, 2:8] = mask[:3, 12:18, 12:18] = True
    for ndim, objects in ((2, 6 + 3), (3, 2)):
        dataset = make_dataset([mask * 9.0], [mask], config(ndim=ndim, validation=0.2), axes="ZYX")
        assert dataset.summary.objects == objects


def test_a_mask_of_a_volume_is_reported_and_slips_of_the_brush_are_no_objects():
    mask = np.zeros((16, 30, 30), int)
    for y, x in ((2, 2), (2, 18), (18, 2), (18, 18)):
        mask[3:12, y : y + 8, x : x + 8] = 1
    volume = make_dataset([mask * 9.0], [mask], config(ndim=3, validation=0.3), axes="ZYX")
    assert volume.problems[0].what.startswith("All objects of image 1 have the same number")
    one = np.zeros((60, 60), int)
    one[10:40, 10:40] = one[50, 50] = 1
    alone = make_dataset([one * 9.0], [one], config(validation=0.3))
    assert alone.summary.objects == 1
    assert any("drawn in several separate pieces" in problem.what for problem in alone.problems)


def test_what_lies_outside_the_region_has_its_number_too():
    labels = np.zeros((40, 40), int)
    labels[5:35, 5:20], labels[5:35, 20:35] = 1, 2
    region = np.zeros(labels.shape, bool)
    region[:, :20] = True
    kept = config(validation=0.3)
    samples = [
        sample
        for of_region in (region, None)
        for sample in make_dataset([labels * 9.0], [labels], kept, regions=[of_region]).training
    ]
    inside, whole = samples
    compared = inside.annotated & whole.annotated
    np.testing.assert_array_equal(inside.target[compared], whole.target[compared])
    assert np.any(inside.target[compared] == 2)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_huge_ids_are_the_objects_that_they_were(dtype):
    image, labels = drawn()
    huge = np.where(labels > 0, labels * 2**32 + 720575940600000000, 0).astype(dtype)
    usual, same = (make_dataset([image], [ids], config(validation=0.3)) for ids in (labels, huge))
    assert same.summary == usual.summary
    for one, other in zip(usual.training, same.training, strict=True):
        np.testing.assert_array_equal(one.target, other.target)
        np.testing.assert_array_equal(one.weight, other.weight)
        assert other.labels.max() <= 9


@pytest.mark.parametrize("huge", [0, 10**7])
def test_beyond_a_region_labels_may_be_negative(huge):
    image, labels = drawn()
    labels = np.where(labels > 0, labels + huge, 0)
    region = np.zeros(labels.shape, bool)
    region[:30] = True
    marked = np.where(region, labels, -1)
    one, other = (
        make_dataset([image], [ids], config(), regions=[region])
        for ids in (np.where(region, labels, 0), marked)
    )
    assert one.summary == other.summary
    for sample, same in zip(one.training, other.training, strict=True):
        np.testing.assert_array_equal(sample.target, same.target)


def test_classes_of_a_mask_are_numbers():
    image, labels = drawn()
    dataset = make_dataset([image], [labels > 0], config(annotation="classes"))
    assert dataset.meaning.class_names == ("class 0", "class 1")


def test_huge_values_of_classes_are_refused_in_words():
    image, labels = drawn()
    huge = np.where(labels > 0, 2**32 - 1, 0).astype(np.uint32)
    with pytest.raises(ValueError, match="values up to 4294967295: classes and scribbles can be 0"):
        make_dataset([image], [huge], config(annotation="classes"))


def stack(count):
    """Several drawn images in one array, and their labels."""
    return (np.stack(p) for p in zip(*[drawn(seed=i) for i in range(count)], strict=True))


def test_whole_images_are_set_aside_where_there_are_many():
    pairs = [drawn(seed=i) for i in range(12)]
    names = list("abcdefghijkl")
    dataset = make_dataset(*zip(*pairs, strict=True), config(validation=0.25), names=names)
    assert len(dataset.training) == 9
    assert len(dataset.validation) == 3
    assert {s.name for s in dataset.training}.isdisjoint(s.name for s in dataset.validation)
    assert dataset.summary.validation == "3 of 12 images"
    assert dataset.summary.validation_pixels == 3 * 40 * 50
    images, labels = stack(12)  # separate images of one file count as images
    separate = make_dataset([images], [labels], config(validation=0.25), axes="SYX")
    assert separate.summary.validation == "3 of 12 images"


def test_of_a_stack_the_last_planes_are_set_aside():
    images, labels = stack(12)
    dataset = make_dataset([images], [labels], config(validation=0.25), axes="ZYX")
    assert [s.name.split()[-1] for s in dataset.validation] == ["Z=9", "Z=10", "Z=11"]
    assert len(dataset.training) == 9
    assert dataset.summary.validation == "the last annotated planes, 3 of 12"


def test_of_a_stack_planes_and_of_an_image_beside_it_a_part_is_set_aside():
    (images, labels), (image, drawn_on_it) = stack(4), drawn(seed=9, count=20)
    dataset = make_dataset([images, image], [labels, drawn_on_it], config(), axes=["ZYX", "YX"])
    assert [s.name for s in dataset.validation] == ["image 1 Z=3", "image 2"]
    assert dataset.summary.validation == (
        "the last annotated planes, 1 of 5, and the end of the longest side of single images"
    )


def test_planes_without_labels_are_no_background():
    labels = np.zeros((3, 30, 30), int)
    labels[0] = 4
    with pytest.raises(ValueError, match="no background to learn from"):
        make_dataset([labels * 2.0], [labels], config(), axes="ZYX")


def test_labels_outside_of_the_region_and_empty_images_are_called_so():
    image, labels = drawn(seed=0, count=20)
    with pytest.raises(ValueError, match="no label inside the region"):
        make_dataset([image], [labels], config(), regions=[labels == 0])
    with pytest.raises(ValueError, match=r"image 1 is empty: its shape is \(0, 5\)"):
        make_dataset([np.zeros((0, 5))], [np.zeros((0, 5), int)], config())


def test_channels_that_were_not_said_are_pointed_out():
    image, labels = drawn(seed=0, count=20)
    for colors, axes in ((np.stack([image] * 3, -1), "YXC"), (np.stack([image] * 3), "CYX")):
        with pytest.raises(ValueError, match=rf"same size; if one .* is channels, say axes={axes}"):
            make_dataset([colors], [labels], config())
        make_dataset([colors], [labels], config(), axes=axes)


def test_where_one_of_few_images_shows_too_little_it_is_learned_from_whole():
    labels = [drawn(seed=i, count=20)[1] for i in range(3)]
    labels[1][:] = 0
    labels[1][5, 5] = 1  # a slip of the brush
    dataset = make_dataset([each * 9.0 for each in labels], labels, config(), names=list("abc"))
    assert [sample.name for sample in dataset.training] == ["a", "b", "c"]
    assert [sample.name for sample in dataset.validation] == ["a", "c"]
    assert dataset.summary.validation == "the end of the longest side of 2 of 3 images"
    with pytest.raises(ValueError, match=r"^all images: too little is labeled"):
        make_dataset([labels[1]] * 2, [labels[1]] * 2, config())


def test_of_few_images_a_part_of_each_is_set_aside():
    pairs = [drawn(seed=i, count=20) for i in range(3)]
    dataset = make_dataset(*zip(*pairs, strict=True), config(validation=0.25))
    assert len(dataset.training) == len(dataset.validation) == 3
    for learned, held_back in zip(dataset.training, dataset.validation, strict=True):
        assert not ((learned.weight > 0) & (held_back.weight > 0)).any()
        part = (held_back.weight > 0)[held_back.target > 0].mean()
        assert 0.1 < part < 0.4


def test_no_class_is_held_back_whole():
    image, scribbles = np.random.default_rng(0).random((30, 60)), np.zeros((30, 60), int)
    scribbles[5:8, 3:20] = scribbles[15:18, 3:20] = 2
    scribbles[2:28, 50:54] = 1  # one stroke on background, at the far end of the longest side
    (learned,) = make_dataset([image], [scribbles], config(annotation="scribbles")).training
    assert set(learned.target[learned.weight > 0]) == {0, 1}
    planes = np.stack([scribbles] * 4)
    planes[:3][planes[:3] == 2] = 0
    planes[planes == 2] = 300
    planes[:, 25, 25] = 7
    with pytest.raises(ValueError, match=r"^class 300 is drawn only in .* in more places"):
        make_dataset([np.stack([image] * 4)], [planes], config(annotation="scribbles"), axes="ZYX")


def test_empty_planes_of_a_volume_are_not_learned_from():
    image = np.random.default_rng(0).random((8, 30, 30))
    labels = np.zeros((8, 30, 30), int)
    labels[3:5, 5:10, 4:26] = 1
    dataset = make_dataset([image], [labels], config(ndim=3))
    (learned,) = dataset.training
    assert np.flatnonzero(learned.weight.any(axis=(1, 2))).tolist() == [3, 4]
    assert len(dataset.summary.left_out) == 6


def test_one_labeled_pixel_is_too_little():
    labels = np.zeros((20, 20), int)
    labels[5, 5] = 1
    with pytest.raises(ValueError, match="too little is labeled"):
        make_dataset([labels * 1.0], [labels], config())


@pytest.mark.parametrize("count", [1, 2, 12])
def test_of_one_image_a_region_is_set_aside_and_never_learned_from(count):
    image, labels = drawn(count=count)
    dataset = make_dataset([image], [labels], config())
    (training,), (validation,) = dataset.training, dataset.validation
    assert not ((training.weight > 0) & (validation.weight > 0)).any()
    assert ((training.weight > 0) | (validation.weight > 0)).all()
    for sample in (training, validation):
        assert ((sample.weight > 0) & (sample.labels > 0)).any()
    assert 0 < dataset.summary.validation_pixels < dataset.summary.training_pixels


def test_planes_without_labels_are_left_out_and_named():
    image, labels = (
        np.stack(parts) for parts in zip(*[drawn(seed=i) for i in range(4)], strict=True)
    )
    labels[2] = 0
    summary = make_dataset([image], [labels], config(), axes="ZYX", names=["stack"]).summary
    assert summary.left_out == ("stack Z=2",)
    assert summary.annotated == 3
    assert "Left out because nothing is drawn there: stack Z=2." in summary.text()
    assert "Learning from 1 image, 3 annotated parts" in summary.text()
    as_classes = make_dataset([image], [labels % 2], config(annotation="classes"), axes="ZYX")
    assert as_classes.summary.annotated == 4


def test_planes_of_a_stack_are_normalized_alike():
    image, labels = (
        np.stack(parts) for parts in zip(*[drawn(seed=i) for i in range(4)], strict=True)
    )
    image[1] *= 10
    samples = make_dataset([image], [labels], config(), axes="ZYX")
    bright = {s.name: s.image.max() for s in samples.training + samples.validation}
    assert bright["image 1 Z=1"] > 5 * bright["image 1 Z=0"]


def test_volumes_and_channels_keep_their_order():
    image = np.random.default_rng(0).random((6, 2, 20, 30))  # ZCYX
    labels = np.zeros((6, 20, 30), int)
    labels[1:4, 5:9, 5:25] = 1
    labels[3:5, 12:15, 5:25] = 2
    (sample,) = make_dataset([image], [labels], config(ndim=3), axes="ZCYX").training
    assert sample.image.shape == (2, 6, 20, 30)
    np.testing.assert_array_equal(np.argsort(sample.image[1, 2, 3]), np.argsort(image[2, 1, 3]))


@pytest.mark.parametrize(
    ("image", "labels", "axes", "message"),
    [
        (np.zeros((5, 6)), np.eye(5, 7, dtype=int), None, r"5 x 6 \(YX\) but its labels are 5 x 7"),
        (np.zeros((5, 6)), np.zeros((5, 6)), None, "must be whole numbers, got float64"),
        (np.zeros((5, 6)), np.zeros((5, 6), int), None, "there is no label"),
        (np.zeros((2, 2, 5, 6)), np.eye(6, dtype=int), None, "needs axes, such as TZYX"),
        (np.zeros((5, 6)), np.eye(5, 6, dtype=int), "QX", "axes 'QX'"),
        (np.zeros((5, 6)), np.eye(5, 6, dtype=int), ["YX", "YX"], r"1 image\(s\) but 2 axes"),
    ],
)  # fmt: skip
def test_wrong_pairs_are_refused_in_words(image, labels, axes, message):
    with pytest.raises(ValueError, match=message):
        make_dataset([image], [labels], config(), axes=axes)


def test_other_wrong_collections():
    image, labels = drawn()
    with pytest.raises(ValueError, match=r"2 image\(s\) but 1 label"):
        make_dataset([image, image], [labels], config())
    with pytest.raises(ValueError, match="no image"):
        make_dataset([], [], config())
    with pytest.raises(ValueError, match=r"channels \(image 1 has 1, image 2 has 2\)"):
        make_dataset(
            [np.zeros((1, 40, 50)), np.zeros((2, 40, 50))], [labels, labels], config(), axes="CYX"
        )


def test_whole_objects_and_strokes_are_learned_together():
    (image, labels), (other, objects) = drawn(count=20), drawn(seed=1, count=20)
    strokes = np.where(objects > 0, 2, 1) * (np.arange(50) % 3 == 0)
    dataset = make_dataset(
        [image, np.stack([other])],
        [labels, np.stack([strokes])],
        config(),
        axes=["YX", "ZYX"],
        annotations=["objects", "scribbles"],
    )
    whole, sparse = dataset.training
    assert (whole.annotation, sparse.annotation) == ("objects", "scribbles")
    assert set(np.unique(sparse.target[sparse.annotated])) == {0, 3}  # rim or core
    assert sparse.weight[sparse.annotated].max() == 1  # no outlines, so no border term
    assert whole.weight.max() > 2
    assert dataset.meaning.annotation == "objects"
    assert list(dataset.summary.class_pixels) == ["background", "rim", "core", "object"]
    assert dataset.summary.objects == len(np.unique(labels)) - 1


def test_a_region_is_all_that_is_learned_from():
    image, labels = drawn(count=20)
    region = np.zeros(labels.shape, bool)
    region[:25, :35] = True
    dataset = make_dataset([image], [labels], config(), regions=[region])
    (learned,), (held_back,) = dataset.training, dataset.validation
    np.testing.assert_array_equal(learned.annotated | held_back.annotated, region)
    inside = np.unique(labels[region])
    np.testing.assert_array_equal(np.unique(learned.labels), inside)
    # an object that crosses the border of the region stays whole
    np.testing.assert_array_equal(learned.labels, np.where(np.isin(labels, inside), labels, 0))
    assert dataset.summary.objects == len(inside) - 1 < len(np.unique(labels)) - 1


def test_inside_a_region_a_plane_without_objects_is_background():
    images, labels = stack(4)
    labels[2] = 0
    region = np.zeros(labels.shape, bool)
    region[1:3] = True
    dataset = make_dataset([images], [labels], config(), axes="ZYX", regions=[region])
    planes = {s.name: s for s in dataset.training + dataset.validation}
    assert sorted(planes) == ["image 1 Z=1", "image 1 Z=2"]
    assert not planes["image 1 Z=2"].target.any()
    with pytest.raises(ValueError, match=r"but its region is 2 x 40 x 50: they must have"):
        make_dataset([images], [labels], config(), axes="ZYX", regions=[region[:2]])


def test_a_region_must_be_true_or_false():
    image = np.zeros((8, 8))
    with pytest.raises(ValueError, match="region of image 1 must be bool, got uint8"):
        make_dataset([image], [np.ones((8, 8), int)], config(), regions=[np.ones((8, 8), np.uint8)])


def test_numbers_of_objects_taken_for_classes_are_pointed_out():
    image, labels = drawn()
    rows, columns = np.indices(labels.shape) // 5
    with pytest.raises(ValueError, match=r"draw more, in several places \(or, if every number is"):
        make_dataset([image], [10 * rows + columns], config(annotation="classes"))


def test_every_plane_that_is_drawn_of_a_volume_has_rims_and_cores():
    """Where planes between are not drawn, nobody says how deep an object is."""
    z, y, x = np.mgrid[:21, :60, :70]
    full = (((z - 10) / 9) ** 2 + ((y - 30) / 18) ** 2 + ((x - 35) / 18) ** 2 < 1).astype(int)
    planes = (4, 8, 12, 16)
    sparse = np.zeros_like(full)
    sparse[list(planes)] = full[list(planes)]
    dataset = make_dataset([full * 100.0], [sparse], config(ndim=3))
    target = np.max([s.target for s in dataset.training + dataset.validation], axis=0)
    for plane in planes:
        area, core = full[plane].sum(), (target[plane] == 2).sum()
        assert 0.4 * area < core < 0.8 * area
        assert (target[plane] > 0).sum() == area
    assert not target[[z for z in range(21) if z not in planes]].any()


def test_a_few_planes_keep_no_more_of_their_stack_than_themselves():
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 4000, (60, 128, 128)).astype(np.uint16)
    labels = np.zeros(stack.shape, np.uint16)
    labels[20, 10:30, 10:30], labels[31, 50:70, 50:70] = 1, 2
    tracemalloc.start()
    dataset = make_dataset([stack], [labels], config())
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    samples = dataset.training + dataset.validation
    assert {sample.name for sample in samples} <= {"image 1 Z=20", "image 1 Z=31"}
    assert kept < 40 * len(samples) * stack[0].size  # of 60 planes it was 11 bytes a voxel
    low, high = np.percentile(stack, [1, 99.8])  # measured on the whole
    expected = (stack[20] - low) / (high - low)
    np.testing.assert_allclose(samples[0].image[0], expected, rtol=1e-5, atol=1e-6)
