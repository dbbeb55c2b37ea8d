import dataclasses

import numpy as np
import pytest

from seamless_unet.config import UNetConfig
from seamless_unet.model_header import ModelInfo
from seamless_unet.model_info import least_size
from seamless_unet.sample import Sample
from seamless_unet.segment import segment
from seamless_unet.strokes import settle_by_strokes
from seamless_unet.validate import Predicted

INFO = ModelInfo(network=UNetConfig(), threshold=0.5, grow=0)
DISC = np.hypot(*np.mgrid[-7:8, -7:8]) <= 7  # 149 pixels


def scene(each, spacing=40, count=4):
    """The same foreground many times, and where."""
    inside = np.zeros((spacing * count,) * 2, bool)
    corners = [(y * spacing + 10, x * spacing + 5) for y in range(count) for x in range(count)]
    for y, x in corners:
        inside[y : y + each.shape[0], x : x + each.shape[1]] = each
    return inside, corners


def scribbled(inside, strokes, *more):
    """A network that finds what is ``inside``, and strokes: slices within objects, by value."""
    labels = np.zeros(inside.shape, np.int32)
    labels[0] = 1
    for value, drawn in enumerate((strokes, *more), 2):
        for stroke in drawn:
            labels[stroke] = value
    sample = Sample(
        image=np.zeros((1, *inside.shape), np.float32),
        labels=labels,
        target=(labels > 1).astype(np.int16),
        weight=(labels > 0).astype(np.float32),
        source=(0, 0),
        name="drawn",
        annotation="scribbles",
    )
    found = np.where(inside, 0.9, 0.1).astype(np.float32)
    return [Predicted(sample, np.stack([1 - found, found]))]


def across(corners, y, first, last):
    return [np.s_[top + y, left + first : left + last] for top, left in corners]


def pair_of_discs(distance=13):
    pair = np.zeros((15, 15 + distance), bool)
    pair[:, :15] |= DISC
    pair[:, distance:] |= DISC
    return pair


def test_what_is_much_smaller_than_the_objects_under_strokes_is_none():
    inside, corners = scene(DISC)
    strokes = across(corners, 7, 4, 10)
    inside[30:34, 30:34] = True  # a speck that nobody drew on
    settled = settle_by_strokes(INFO, scribbled(inside, strokes))
    assert settled.min_size == least_size([149] * len(corners))
    found = scribbled(inside, strokes)[0].probabilities
    assert segment(found, **INFO.instances).max() == len(corners) + 1
    assert segment(found, **settled.instances).max() == len(corners)


def test_objects_that_run_together_are_divided_at_necks():
    inside, corners = scene(pair_of_discs())
    strokes = across(corners, 7, 3, 10) + across(corners, 7, 17, 24)
    predicted = scribbled(inside, strokes)
    settled = settle_by_strokes(INFO, predicted)
    assert settled.neck >= 1.5
    assert segment(predicted[0].probabilities, **settled.instances).max() == 2 * len(corners)
    assert settled.min_size == pytest.approx(149 * 2 / 3, rel=0.1)  # of one, not of both


def test_nothing_is_divided_where_that_would_cut_strokes():
    inside, corners = scene(pair_of_discs())
    single, _ = scene(np.pad(DISC, ((0, 0), (0, 13))))
    inside[:80] = single[:80]  # the other half are objects with necks
    strokes = across(corners[:8], 7, 3, 10) + across(corners[8:], 7, 3, 24)
    predicted = scribbled(inside, strokes)
    settled = settle_by_strokes(INFO, predicted)
    assert (settled.neck, settled.min_size) == (0, least_size([149] * len(corners)))
    divided = dataclasses.replace(settled, neck=1.5)
    assert segment(predicted[0].probabilities, **divided.instances).max() > len(corners)


def test_touching_strokes_of_different_values_are_two():
    inside, corners = scene(pair_of_discs())
    one, other = across(corners, 7, 3, 14), across(corners, 7, 14, 24)
    assert settle_by_strokes(INFO, scribbled(inside, one, other)).neck >= 1.5
    assert settle_by_strokes(INFO, scribbled(inside, one + other)).neck == 0


def test_pieces_of_several_objects_do_not_say_how_large_one_is():
    inside = np.zeros((160, 160), bool)
    inside[10:60, 10:150] = True  # run together, without necks
    strokes = [np.s_[y, x : x + 8] for y in (15, 35, 55) for x in range(15, 140, 30)]
    assert settle_by_strokes(INFO, scribbled(inside, strokes)).min_size == least_size(
        [8] * len(strokes)
    )


def test_of_objects_that_are_not_found_the_strokes_are_the_size():
    inside, corners = scene(DISC)
    strokes = across(corners, 7, 3, 12)
    settled = settle_by_strokes(INFO, scribbled(np.zeros_like(inside), strokes))
    assert settled.min_size == least_size([9] * len(strokes))


def test_few_strokes_say_nothing_of_necks():
    inside, corners = scene(pair_of_discs())
    settled = settle_by_strokes(INFO, scribbled(inside, across(corners[:9], 7, 3, 10)))
    assert settled.neck == 0
    assert settled.min_size > 100
    had = dataclasses.replace(INFO, neck=1.9)
    strokes = across(corners[:4], 7, 3, 10) + across(corners[:4], 7, 17, 24)
    assert settle_by_strokes(had, scribbled(inside, strokes)).neck == 1.9
    assert settle_by_strokes(had, scribbled(inside, across(corners[:9], 7, 3, 24))).neck == 0


def test_strokes_in_a_volume():
    ball = np.linalg.norm(np.mgrid[-5:6, -5:6, -5:6], axis=0) <= 5
    inside = np.pad(np.tile(np.pad(ball, 3), (1, 4, 4)), 1)
    strokes = [np.s_[9, 9 + 17 * y, 5 + 17 * x : 13 + 17 * x] for y in range(4) for x in range(4)]
    info = dataclasses.replace(INFO, network=UNetConfig(ndim=3), axes="ZYX")
    settled = settle_by_strokes(info, scribbled(inside, strokes))
    assert settled.min_size == least_size([np.count_nonzero(ball)] * len(strokes))
    assert settled.neck == 1.5


def test_without_strokes_in_objects_all_stays():
    info = dataclasses.replace(INFO, min_size=5, neck=2.0)
    assert settle_by_strokes(info, scribbled(scene(DISC)[0], [])) == info
