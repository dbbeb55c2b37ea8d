import numpy as np
import pytest

from cases import CASES, picture
from seamless_unet.metrics import measure
from seamless_unet.object_states import FOUND, INVENTED, STATES, compared_image, object_states
from seamless_unet.overlaps import find_overlaps

TRUTH = picture("""
    1111...22.33...44444444..
    1111...22.33...44444444..
    .........................
    5555....66...............
""")
PREDICTED = picture("""
    .777..11111111.2222.333..
    .777..11111111.2222.333..
    .........................
    44444........99..........
""")


def listed(truth, predicted, **options):
    rows = object_states(find_overlaps(truth, predicted), **options)
    return [(STATES[r["state"]], int(r["truth"]), int(r["predicted"])) for r in rows]


def test_every_state():
    assert listed(TRUTH, PREDICTED) == [
        ("found", 1, 7),
        ("merged", 2, 0),
        ("merged", 3, 0),
        ("found", 4, 2),
        ("found", 5, 4),
        ("missed", 6, 0),
        ("merging", 0, 1),
        ("piece", 0, 3),
        ("invented", 0, 9),
    ]


def test_what_merely_touches_a_merging_object_is_missed():
    truth = picture("1111222.3333")
    predicted = picture("444444444...")
    assert listed(truth, predicted) == [
        ("merged", 1, 0),
        ("merged", 2, 0),
        ("missed", 3, 0),
        ("merging", 0, 4),
    ]


def test_a_stricter_limit():
    states = {state: (true, found) for state, true, found in listed(TRUTH, PREDICTED, iou=0.8)}
    assert states["found"] == (5, 4)
    assert states["missed"] == (6, 0)
    assert states["split"] == (4, 0)
    assert ("missed", 1, 0) in listed(TRUTH, PREDICTED, iou=0.8)
    assert ("piece", 0, 2) in listed(TRUTH, PREDICTED, iou=0.8)


def test_iou_size_and_place():
    rows = object_states(find_overlaps(TRUTH, PREDICTED))
    np.testing.assert_allclose(
        rows["iou"], [0.75, 0.25, 0.25, 0.5, 0.8, 0, 0.25, 6 / 16, 0], rtol=1e-6
    )
    assert rows["size"].tolist() == [8, 4, 4, 16, 4, 2, 16, 6, 2]
    assert np.unravel_index(rows["pixel"][4], TRUTH.shape) == (3, 2)


def test_the_pixel_lies_in_the_middle_of_a_round_object_and_never_outside_a_hollow_one():
    y, x, z = np.ogrid[:41, :41, :41]
    ball = ((y - 20) ** 2 + (x - 17) ** 2 + (z - 12) ** 2 <= 81).astype(int)
    (row,) = object_states(find_overlaps(ball, ball))
    assert np.unravel_index(row["pixel"], ball.shape) == (20, 17, 12)
    ring = CASES["nested"] == 1
    (row,) = object_states(find_overlaps(ring, ring))
    assert ring.ravel()[row["pixel"]]


def test_the_image_shows_what_is_missed_above_what_is_invented_above_what_is_found():
    assert (FOUND, INVENTED) == (1, 3)
    expected = picture("""
        1111..32232233.11111333..
        1111..32232233.11111333..
        .........................
        11111...22...33..........
    """)
    np.testing.assert_array_equal(compared_image(find_overlaps(TRUTH, PREDICTED)), expected)


@pytest.mark.parametrize("iou", [0.5, 0.75, 0.95])
def test_the_states_add_up_to_the_measures(iou):
    rng = np.random.default_rng(0)
    truth = np.kron(rng.permutation(36).reshape(6, 6), np.ones((7, 7), int))
    predicted = np.roll(np.where(rng.random(truth.shape) < 0.1, 0, truth), 1, axis=1)
    overlaps = find_overlaps(truth, predicted)
    (match,) = [m for m in measure(overlaps).matches if m.iou == iou]
    rows = object_states(overlaps, iou=iou)
    found = rows["state"] == STATES.index("found")
    assert found.sum() == match.tp
    assert (~found & (rows["truth"] > 0)).sum() == match.fn
    assert (~found & (rows["predicted"] > 0)).sum() == match.fp
    assert (rows["iou"][found] >= iou - 1e-6).all()


@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 5)])
def test_nothing_to_list(shape):
    for empty in (np.zeros(shape, int), np.zeros((0, *shape[1:]), int)):
        overlaps = find_overlaps(empty, empty)
        assert len(object_states(overlaps)) == 0
        assert not compared_image(overlaps).any()


def test_ids_may_be_as_large_as_their_type():
    truth = np.array([[2**63 + 5, 2**63 + 5, 0, 0]], np.uint64)
    predicted = np.array([[0, 0, 0, 2**64 - 1]], np.uint64)
    assert listed(truth, predicted) == [("missed", 2**63 + 5, 0), ("invented", 0, 2**64 - 1)]
