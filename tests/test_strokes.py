import dataclasses

import numpy as np
import pytest

from seamless_unet.config import UNetConfig
from seamless_unet.model_header import ModelInfo
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


def scribbled(inside, strokes, annotation="scribbles"):
    """A network that finds what is ``inside``, and strokes: slices within objects."""
    labels = np.zeros(inside.shape, np.int32)
    labels[0] = 1
    for stroke in strokes:
        labels[stroke] = 2
    sample = Sample(
        image=np.zeros((1, *inside.shape), np.float32),
        labels=labels,
        target=(labels > 1).astype(np.int16),
        weight=(labels > 0).astype(np.float32),
        source=(0, 0),
        name="drawn",
        annotation=annotation,
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
    assert settled.min_size == 149 * 2 // 3
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
    assert (settled.neck, settled.min_size) == (0, 149 * 2 // 3)
    divided = dataclasses.replace(settled, neck=1.5)
    assert segment(predicted[0].probabilities, **divided.instances).max() > len(corners)


def test_of_objects_that_are_not_found_the_strokes_are_the_size():
    inside, corners = scene(DISC)
    strokes = across(corners, 7, 3, 12)
    assert settle_by_strokes(INFO, scribbled(~inside & inside, strokes)).min_size == 6


def test_few_strokes_say_nothing_of_necks():
    inside, corners = scene(pair_of_discs())
    settled = settle_by_strokes(INFO, scribbled(inside, across(corners[:9], 7, 3, 10)))
    assert (settled.neck, settled.min_size > 100) == (0, True)


@pytest.mark.parametrize("annotation", ["scribbles", "objects"])
def test_without_strokes_all_stays(annotation):
    inside, corners = scene(DISC)
    strokes = across(corners, 7, 4, 10) if annotation == "objects" else []
    info = dataclasses.replace(INFO, min_size=5, neck=2.0)
    assert settle_by_strokes(info, scribbled(inside, strokes, annotation)) == info
