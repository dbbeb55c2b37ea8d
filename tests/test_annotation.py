import numpy as np
import pytest
from scipy import ndimage as ndi

from cases import picture
from seamless_unet.annotation import border_term, class_weights, classify
from seamless_unet.config import TrainConfig
from seamless_unet.meaning import read_meaning


def config(annotation, **changes):
    return TrainConfig(steps=1, annotation=annotation, **changes)


def test_objects_are_parted_and_everything_is_annotated():
    labels = np.array([[0, 5, 5, 9, 9]] * 3)
    meaning = read_meaning([labels], config("objects"))
    target, annotated = classify(labels, meaning)
    np.testing.assert_array_equal(target, [[0, 1, 0, 0, 1]] * 3)
    assert annotated.all()
    assert (meaning.output, meaning.class_values) == ("objects", (0, 1, 1))
    assert meaning.class_names == ("background", "rim", "core")
    whole = read_meaning([labels], config("objects", rim=0))
    assert (whole.class_values, whole.class_names) == ((0, 1), ("background", "object"))
    border = border_term(labels, config("objects"))
    np.testing.assert_allclose(border[0, 2:4], 10 * np.exp(-(3**2) / 50), rtol=1e-6)
    assert (border[:, [0, 1, 4]] == [[border[0, 0], 0, 0]]).all()
    assert not border_term(labels, config("objects", border_weight=0)).any()


def test_objects_are_a_rim_around_a_core_and_thin_ones_keep_one():
    labels = np.zeros((9, 16), int)
    labels[1:8, 1:8], labels[1:8, 8:13], labels[3:6, 14:16] = 4, 2, 7
    target, _ = classify(labels, read_meaning([labels], config("objects")), gap=2, rim=2)
    expected = picture("""
        ................
        .111111..1111...
        .122221..1221...
        .122221..1221.11
        .122221..1221.12
        .122221..1221.11
        .122221..1221...
        .111111..1111...
        ................
    """)
    np.testing.assert_array_equal(target, expected)


def test_an_object_cut_by_the_images_border_has_no_rim_there():
    labels = np.ones((6, 5), int)
    labels[0] = 0
    target, _ = classify(labels, read_meaning([labels], config("objects")), gap=0, rim=2)
    np.testing.assert_array_equal(target[:, 0], [0, 1, 1, 2, 2, 2])


def cores(labels, **options):
    labels = np.asarray(labels)
    meaning = read_meaning([labels], config("objects"))
    return classify(labels, meaning, **{"gap": 0, "rim": 2} | options)[0] == 2


def test_an_object_with_a_waist_has_one_core():
    dumbbell = np.zeros((13, 30), int)
    dumbbell[1:12, 1:12] = dumbbell[1:12, 18:29] = dumbbell[4:9, 12:18] = 6
    assert ndi.label(ndi.distance_transform_edt(dumbbell) > 3)[1] == 2
    for rim in (2, 3, 4):
        assert ndi.label(cores(dumbbell, rim=rim))[1] == 1
    in_two_pieces = np.zeros((9, 20), int)
    in_two_pieces[1:8, 1:6] = in_two_pieces[1:8, 9:19] = 3
    found = cores(in_two_pieces)
    assert ndi.label(found)[1] == 1
    assert found[4, 13]


def test_cores_do_not_depend_on_the_ids():
    labels = np.zeros((9, 16), np.int64)
    labels[1:8, 1:8], labels[1:8, 8:13] = 1, 2
    expected = cores(labels)
    assert not expected[:, 7:9].all()
    np.testing.assert_array_equal(cores(np.where(labels == 2, 2**31 - 1, labels)), expected)
    # deeper than 2 of the larger, deeper than 1.5 of the smaller; where they touch is outline too
    assert expected.sum() == 3 * 3 + 5 * 3


def test_a_plane_covered_by_one_object_is_all_core():
    stack = np.zeros((2, 12, 12), int)
    stack[0] = 4
    stack[1, 3:9, 3:9] = 4
    meaning = read_meaning([stack], config("objects"))
    assert (classify(stack[0], meaning, gap=2, rim=2)[0] == 2).all()


def test_classes_keep_their_values():
    labels = np.array([[0, 7, 3]])
    meaning = read_meaning([labels, np.array([[3]])], config("classes"))
    target, annotated = classify(labels, meaning)
    np.testing.assert_array_equal(target, [[0, 2, 1]])
    assert annotated.all()
    assert (meaning.output, meaning.class_values) == ("classes", (0, 3, 7))


def test_scribbles_leave_the_rest_open():
    labels = np.array([[0, 1, 2, 0, 2]])
    meaning = read_meaning([labels], config("scribbles"))
    target, annotated = classify(labels, meaning)
    np.testing.assert_array_equal(annotated, [[False, True, True, False, True]])
    np.testing.assert_array_equal(target, [[0, 0, 1, 0, 1]])
    assert meaning.output == "objects"


def test_classes_get_equal_totals_and_a_mean_of_one():
    counts = np.array([90, 9, 1])
    weights = class_weights(counts, config("classes", class_balance=True))
    np.testing.assert_allclose(weights * counts, 100 / 3, rtol=1e-6)
    assert (class_weights(counts, config("classes", class_balance=False)) == 1).all()


def test_a_corrected_plane_of_a_volume_parts_objects_and_says_nothing_of_cores():
    labels = np.zeros((20, 9, 24), int)
    labels[:, 1:] = 1  # merged, but for the plane that was corrected
    labels[9, 1:, 12:] = 2
    region = np.zeros(labels.shape, bool)
    region[9] = True
    meaning = read_meaning([labels], config("objects"))
    target, annotated = classify(labels, meaning, rim=3, region=region, depth_known=True)
    np.testing.assert_array_equal(annotated, region)
    np.testing.assert_array_equal(target[9], [[0] * 24, *[[3] * 11 + [0] * 2 + [3] * 11] * 8])
    for known, planes in ((False, slice(9, 10)), (True, slice(4, 11)), (True, slice(None))):
        region[planes] = True  # the depth has to be learned, or is shown
        target, _ = classify(labels, meaning, rim=3, region=region, depth_known=known)
        assert set(np.unique(target[9])) <= {0, 1, 2}


@pytest.mark.parametrize("planes", [6, 7])
def test_a_few_annotated_planes_of_a_volume_have_cores_of_their_own(planes):
    labels = np.zeros((planes + 3, 12, 24), int)
    labels[:3, 2:10, 2:10], labels[:planes, 2:10, 14:22] = 1, 2
    meaning = read_meaning([labels], config("objects"))
    target, annotated = classify(labels, meaning, gap=2, rim=3)
    assert annotated.any(axis=(1, 2)).sum() == planes
    alone = classify(labels[2], meaning, gap=2, rim=3)[0]
    assert (target[2] == alone).all() == (planes == 6)
    whole, _ = classify(labels[:planes], meaning, gap=2, rim=3)  # no plane is left out
    assert (whole[2] == 2).sum() < (alone == 2).sum()


def test_a_region_bounds_what_is_annotated():
    labels = np.zeros((2, 3, 4), int)
    labels[0, 1, 1:] = 7
    region = np.zeros((2, 3, 4), bool)
    region[:, :, :3] = True
    meaning = read_meaning([labels], config("objects", rim=0))
    target, annotated = classify(labels, meaning, region=region)
    np.testing.assert_array_equal(annotated, region)  # the plane without any object too
    np.testing.assert_array_equal(np.argwhere(target), [[0, 1, 1], [0, 1, 2]])
    strokes = np.array([[0, 1, 2], [0, 1, 2]])
    inside = np.array([[True] * 3, [False] * 3])
    meaning = read_meaning([strokes], config("scribbles"))
    target, annotated = classify(strokes, meaning, region=inside)
    np.testing.assert_array_equal(annotated, [[False, True, True], [False] * 3])
    np.testing.assert_array_equal(target, [[0, 0, 1], [0, 0, 0]])
