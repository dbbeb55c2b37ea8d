import dataclasses
import json

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from skimage.metrics import adapted_rand_error

from cases import CASES, picture
from seamless_unet.metrics import IOU_THRESHOLDS, Evaluation, combine, evaluate, measure
from seamless_unet.overlaps import find_overlaps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def blocks(shape, rng, size=5, keep=0.7):
    """Random labels with random ids: blocks of about ``size`` pixels, some missing."""
    ids = rng.permutation(1000)[: np.prod([n // size + 1 for n in shape])] + 1
    ids = np.where(rng.random(ids.size) < keep, ids, 0)
    coarse = ids.reshape([n // size + 1 for n in shape])
    index = [np.arange(n) // size for n in shape]
    return coarse[np.ix_(*index)]


def disturbed(labels, rng):
    """Shifted, renumbered, some objects lost, noise added."""
    labels = np.roll(labels, rng.integers(0, 2), axis=-1)
    new_id = rng.permutation(2000)[: labels.max() + 1] + 1
    new_id[rng.random(new_id.size) < 0.2] = 0
    new_id[0] = 0
    noise = rng.random(labels.shape) < 0.03
    return np.where(noise, rng.integers(0, 3000, labels.shape), new_id[labels])


def dense_iou(truth, predicted):
    rows = [truth == i for i in np.unique(truth[truth > 0])]
    columns = [predicted == i for i in np.unique(predicted[predicted > 0])]
    iou = [[(a & b).sum() / (a | b).sum() for b in columns] for a in rows]
    return np.array(iou).reshape(len(rows), len(columns)), rows, columns


@pytest.mark.parametrize("shape", [(24, 31), (8, 9, 10)])
@pytest.mark.parametrize("seed", range(5))
def test_equals_brute_force(shape, seed):
    rng = np.random.default_rng(seed)
    truth = blocks(shape, rng)
    predicted = disturbed(truth, rng)
    iou, rows, columns = dense_iou(truth, predicted)
    result = evaluate(truth, predicted)
    for threshold, match in zip(IOU_THRESHOLDS, result.matches, strict=True):
        pairs = linear_sum_assignment(-(iou >= threshold).astype(float))
        tp = int((iou[pairs] >= threshold).sum())
        assert (match.tp, match.fp, match.fn) == (tp, len(columns) - tp, len(rows) - tp)
        assert match.iou == threshold
        assert match.precision == pytest.approx(tp / len(columns))
        assert match.recall == pytest.approx(tp / len(rows))
        assert match.f1 == pytest.approx(2 * tp / (len(rows) + len(columns)))
        assert match.ap == pytest.approx(tp / (len(rows) + len(columns) - tp))
    best = iou[linear_sum_assignment(-np.where(iou >= 0.5, iou, 0))]
    assert result.mean_iou == pytest.approx(best[best >= 0.5].mean())
    seg = [
        max([(a & b).sum() / (a | b).sum() for b in columns if (a & b).sum() > a.sum() / 2] or [0])
        for a in rows
    ]
    assert result.seg == pytest.approx(np.mean(seg))
    assert result.mean_ap == pytest.approx(np.mean([m.ap for m in result.matches]))
    assert result.pixel_error == pytest.approx(np.mean((truth > 0) != (predicted > 0)))
    both = np.count_nonzero((truth > 0) & (predicted > 0))
    foreground = np.count_nonzero(truth) + np.count_nonzero(predicted)
    assert result.dice == pytest.approx(2 * both / foreground)
    assert result.adapted_rand_error == pytest.approx(adapted_rand_error(truth, predicted)[0])
    # or the comparison would prove little
    assert result.true_positives[0] > 0
    assert result.true_positives[-1] < len(rows)


def test_numbers_that_can_be_counted_by_eye():
    truth = picture("""
        1111..22
        1111..22
        ........
        33......
    """)
    predicted = picture("""
        .777..55
        .777..55
        ........
        ....88..
    """)
    result = evaluate(truth, predicted)
    assert (result.true_objects, result.predicted_objects) == (3, 3)
    at_50, at_80 = result.matches[0], result.matches[6]
    assert (at_50.tp, at_50.fp, at_50.fn) == (2, 1, 1)
    assert (at_80.iou, at_80.tp, at_80.fp, at_80.fn) == (0.8, 1, 2, 2)
    assert at_50.precision == at_50.recall == at_50.f1 == pytest.approx(2 / 3)
    assert at_50.ap == result.ap50 == 2 / 4
    assert result.mean_iou == pytest.approx((0.75 + 1) / 2)
    assert result.seg == pytest.approx((0.75 + 1 + 0) / 3)
    assert result.dice == pytest.approx(2 * 10 / (14 + 12))
    assert result.pixel_error == 6 / 32


@pytest.mark.parametrize("case", CASES)
def test_a_perfect_result_is_perfect(case):
    labels = CASES[case]
    result = evaluate(labels, labels * 3)
    assert result.mean_ap == result.mean_iou == result.seg == result.dice == 1
    assert result.pixel_error == result.adapted_rand_error == 0
    assert result.true_positives == (len(np.unique(labels[labels > 0])),) * 10


def test_an_image_without_objects_gives_numbers_not_nan():
    nothing, something = np.zeros((4, 4), int), np.pad([[1, 1], [1, 1]], 1)
    invented, missed = evaluate(nothing, something), evaluate(something, nothing)
    for result in (invented, missed):
        for match in result.matches:
            assert match.precision == match.recall == match.f1 == match.ap == 0
        assert result.mean_iou == result.seg == result.dice == 0
        assert result.pixel_error == 4 / 16
    assert (invented.matches[0].fp, missed.matches[0].fn) == (1, 1)
    agreed = evaluate(nothing, nothing)
    for match in agreed.matches:
        assert match.precision == match.recall == match.f1 == match.ap == 1
    assert agreed.mean_iou == agreed.seg == agreed.dice == 1
    assert agreed.pixel_error == agreed.adapted_rand_error == 0


def test_of_two_halves_one_is_matched():
    halves, whole = picture("2211.66.5"), picture("2222.66.5")
    for truth, predicted in [(halves, whole), (whole, halves)]:
        result = evaluate(truth, predicted)
        assert result.true_positives[:2] == (3, 2)
        assert result.mean_iou == (0.5 + 1 + 1) / 3
    assert evaluate(picture("1111"), picture("1122")).seg == 0  # half is not more than half


def test_thresholds_are_met_by_equality():
    for tenth in range(10):
        union = 20
        truth = np.ones(union, int)
        predicted = (np.arange(union) < 10 + tenth).astype(int)
        assert evaluate(truth, predicted).true_positives == (1,) * (tenth + 1) + (0,) * (9 - tenth)


def test_ids_may_be_far_apart_and_of_any_whole_type():
    truth = np.array([[1, 1, 0, 2]], np.uint8)
    predicted = np.array([[2**40, 2**40, 0, 7]])
    assert evaluate(truth, predicted).mean_ap == 1
    assert evaluate(truth > 0, truth > 0).true_objects == 1
    highest = np.array([[2**64 - 1, 2**64 - 1, 0, 2**64 - 2]], np.uint64)
    assert evaluate(truth, highest).mean_ap == 1


def test_pairs_of_pixels_may_be_more_than_64_bits_count():
    overlaps = find_overlaps(np.array([1, 1, 0]), np.array([1, 1, 1]))
    times = 2 * 10**9
    truth = dataclasses.replace(overlaps.truth, sizes=overlaps.truth.sizes * times)
    huge = dataclasses.replace(overlaps, truth=truth, shared=overlaps.shared * times)
    result = measure(huge)
    assert result.true_pairs == result.shared_pairs == 4 * 10**9 * (4 * 10**9 - 1)


def test_overall_is_the_evaluation_of_all_images_at_once(rng):
    truths = [blocks((16, n), rng) for n in (12, 25, 40)]
    results = [disturbed(truth, rng) for truth in truths]
    overall = combine(evaluate(t, p) for t, p in zip(truths, results, strict=True))

    def side_by_side(images):
        return np.hstack([np.where(im, im + 5000 * i, 0) for i, im in enumerate(images)])

    at_once = evaluate(side_by_side(truths), side_by_side(results))
    assert overall.images == 3
    for name in ("matches", "true_objects", "predicted_objects", "dice", "pixel_error", "pixels"):
        assert getattr(overall, name) == getattr(at_once, name)
    assert overall.seg == pytest.approx(at_once.seg)
    assert overall.mean_iou == pytest.approx(at_once.mean_iou)


def test_overall_of_one_is_the_same_and_of_none_is_an_error(rng):
    truth = blocks((20, 20), rng)
    result = evaluate(truth, disturbed(truth, rng))
    assert combine([result]) == result
    with pytest.raises(ValueError, match="evaluate at least one image"):
        combine([])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (np.zeros((4, 5), int), np.zeros((5, 4), int), r"\(4, 5\) .* have \(5, 4\)"),
        (np.zeros((4, 5)), np.zeros((4, 5), int), "truth must be whole-number .* float64"),
        (np.zeros((4, 5), int), np.zeros((4, 5), np.float32), "predicted must be .* float32"),
        ([[1, 2]], [[-1, 2]], "predicted has the negative label -1"),
    ],
)
def test_evaluate_says_what_is_wrong(truth, predicted, message):
    with pytest.raises(ValueError, match=message):
        evaluate(truth, predicted)


def test_json_and_table_hold_the_same_numbers(rng):
    truth = blocks((30, 30), rng)
    result = evaluate(truth, disturbed(truth, rng))
    data = json.loads(json.dumps(result.to_json()))
    assert data["matches"][5]["ap"] == result.matches[5].ap
    assert data["matches"][5]["fn"] == result.matches[5].fn
    table = result.table()
    for name in ("ap50", "mean_ap", "mean_iou", "seg", "dice", "pixel_error", "adapted_rand_error"):
        assert data[name] == getattr(result, name)
        assert f"{data[name]:.4f}" in table
    rows = [line for line in table.splitlines() if line[:3] in ("0.5", "0.6", "0.7", "0.8", "0.9")]
    header = next(line for line in table.splitlines() if line.startswith(" IoU"))
    assert len(rows) == 10
    assert {len(row) for row in rows} == {len(header)}
    assert [float(n) for n in rows[0].split()[1:4]] == [
        result.matches[0].tp,
        result.matches[0].fp,
        result.matches[0].fn,
    ]


def test_an_evaluation_is_plain_numbers():
    result = evaluate(np.ones((2, 2), np.uint8), np.ones((2, 2), np.int64))
    assert all(type(value) in (int, float, tuple) for value in vars(result).values())
    assert isinstance(result, Evaluation)
