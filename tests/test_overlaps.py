import numpy as np
import pytest

from cases import picture
from seamless_unet.overlaps import find_overlaps

TRUTH = picture("""
    77..9
    77..9
""")
PREDICTED = picture("""
    .3333
    .3...
""")


def test_pairs_of_objects_and_background():
    overlaps = find_overlaps(TRUTH, PREDICTED)
    assert overlaps.truth.ids.tolist() == [0, 7, 9]
    assert overlaps.truth.sizes.tolist() == [4, 4, 2]
    assert overlaps.predicted.sizes.tolist() == [5, 5]
    pairs = np.stack([overlaps.row, overlaps.column, overlaps.shared], axis=1)
    assert pairs.tolist() == [[1, 0, 2], [1, 1, 2], [2, 0, 1], [2, 1, 1]]
    objects = overlaps.of_objects()
    assert objects.column.tolist() == [1, 1]
    assert objects.iou.tolist() == [2 / 7, 1 / 6]


def test_without_objects():
    overlaps = find_overlaps(np.zeros((2, 3), int), PREDICTED[:, :3])
    assert (overlaps.truth.count, overlaps.predicted.count) == (0, 1)
    assert len(overlaps.of_objects().iou) == len(overlaps.matched()) == 0


def test_below_a_half_an_object_could_match_several():
    with pytest.raises(ValueError, match=r"iou=0.4 must be between 0.5 and 1"):
        find_overlaps(TRUTH, PREDICTED).matched(0.4)
