import contextlib
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from seamless_unet import compute
from seamless_unet.config import Normalization
from seamless_unet.jobs import preview
from seamless_unet.jobs import train as train_jobs
from seamless_unet.jobs.preview import Previews
from seamless_unet.model_file import load_model


@pytest.fixture
def view_of(tmp_path):
    """Return a function that makes a view of an image, as the window asks for it."""

    def make(image, axes="YX", number=1, **place):
        path = tmp_path / f"view {number}.npy"
        np.save(path, image)
        return {"id": 2, "image": str(path), "axes": axes, "number": number, **place}

    return make


class Clock:
    """Time that passes when it is told to, and when something is segmented."""

    now, cost = 0.0, 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(preview, "time", clock)
    return clock


@pytest.fixture
def learning(pixel_model, clock):
    """A training that has learned already to tell what is brighter than half the range."""
    model = pixel_model(normalization=Normalization("percentile", low=0, high=100))

    @contextlib.contextmanager
    def averaged():
        clock.now += clock.cost
        yield model.network

    return types.SimpleNamespace(
        adapting=True, elapsed=0.0, step=5, info=model.info, averaged=averaged, model=model
    )


@pytest.fixture
def previews(train_request, learning):
    orders = compute.Orders()
    found = Previews(train_request, orders, learning)

    def update(view=None, **options):
        if view:
            orders.views[2] = view
        return list(found.update(**options))

    return update


def labels_of(events):
    (event,) = events
    assert event["arrays"] == ["labels"]
    return np.load(event["labels"])


def test_what_is_looked_at_is_segmented_at_once_and_comes_back_with_its_number(
    previews, view_of, image, tmp_path
):
    assert previews() == []
    events = previews(view_of(image, number=7))
    assert (events[0]["number"], events[0]["step"], events[0]["objects"]) == (7, 5, 2)
    np.testing.assert_array_equal(labels_of(events) > 0, image > 0)
    assert previews() == []  # nothing has changed
    colors = np.stack([image, image])
    (event,) = previews(view_of(colors, "CYX", number=8))
    assert event["event"] == "warning"
    assert "There is no preview: the image has 2 channel(s)" in event["message"]
    assert previews() == []


def test_a_part_is_normalized_like_the_image_it_belongs_to(previews, view_of, train_request):
    film = np.zeros((2, 30, 30))
    film[0, :10, :10], film[1, :10, :10] = 100, 10  # another time, another brightness
    film[:, 20:25, 20:25] = 8
    np.save(train_request["image 1"], film)
    part = film[0, 15:, 15:]
    assert labels_of(previews(view_of(part))).max() == 1  # bright among what is seen
    assert labels_of(previews(view_of(part, whole=1, index={"T": 0}))).max() == 0
    assert labels_of(previews(view_of(part, whole=1, index={"T": 1, "Z": 4}))).max() == 1
    assert labels_of(previews(view_of(part, whole=1, index={"T": 99}))).max() == 1  # the last


def test_random_weights_are_not_shown_before_they_learned_for_a_while(
    previews, view_of, image, learning
):
    learning.adapting = False
    assert previews(view_of(image)) == []
    learning.elapsed = 3.5
    assert len(previews()) == 1


def test_previews_come_after_validations_and_now_and_then(previews, view_of, image, clock):
    previews(view_of(image))
    clock.now = 4.0
    assert previews() == []
    assert len(previews(validated=True)) == 1
    clock.now = 13.0
    assert previews() == []
    clock.now = 15.0
    assert len(previews()) == 1


@pytest.mark.parametrize("cost", [0.1, 2.0])
@pytest.mark.parametrize(("moves_every", "part"), [(500, 0.05), (3, 0.2)])
def test_previews_take_a_small_part_of_the_time(
    previews, view_of, image, clock, cost, moves_every, part
):
    clock.cost, shown = cost, 0
    for number in range(1500):
        before = clock.now
        moved = number % moves_every == 0
        seen = previews(view_of(image, number=number) if moved else None)
        if moved and moves_every > 100:
            assert len(seen) == 1  # somebody waits: at once
        clock.now = before + len(seen) * cost + 0.1  # a step
        shown += len(seen)
    assert 3 <= shown <= (part * clock.now + 5) / cost + 1


def test_neither_views_nor_previews_pile_up(previews, view_of, image, tmp_path):
    for number in range(6):
        previews(view_of(image, number=number))
    assert sorted(path.name for path in tmp_path.glob("*.npy")) == [
        "preview 4.npy", "preview 5.npy", "preview 6.npy",
    ]  # fmt: skip


def test_a_view_that_is_replaced_before_anybody_looked_at_it_is_removed(
    view_of, image, monkeypatch
):
    monkeypatch.setattr(os, "_exit", lambda status: None)
    monkeypatch.setattr(sys, "argv", ["compute"])
    views = [view_of(image, number=number) | {"request": "view"} for number in range(3)]
    orders = compute.Orders()
    compute._listen([json.dumps(view) + "\n" for view in views], orders)
    assert orders.views == {2: views[2]}
    assert [Path(view["image"]).exists() for view in views] == [False, False, True]


def test_previews_do_not_change_what_is_learned(
    train_request, view_of, image, tmp_path, monkeypatch
):
    for module, name in [(preview, "_FIRST"), (preview, "_PAUSE"), (train_jobs, "_REPORT_EVERY")]:
        monkeypatch.setattr(module, name, 0)
    monkeypatch.setattr(preview, "_PART", 100)
    train_request["changes"] |= {"steps": 8, "dropout": 0.5}
    found = []
    for views in (False, True):
        orders = compute.Orders()
        if views:
            orders.views[2] = view_of(image, whole=0)
        events = list(compute.serve(train_request, orders))
        previews = [event for event in events if event["event"] == "preview"]
        # before the first step, after every step and validation, and of the model at the end
        assert len(previews) == (18 if views else 0)
        found.append(load_model(train_request["output"]))
    plain, shown = found
    assert plain.info.training["history"] == shown.info.training["history"]
    for key, value in plain.network.state_dict().items():
        np.testing.assert_array_equal(shown.network.state_dict()[key], value)
    assert [event.get("final", False) for event in previews] == [*[False] * 17, True]
    assert events[-1]["event"] == "trained"
