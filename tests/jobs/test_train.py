import dataclasses
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seamless_unet import checkpoint, compute, interrupted
from seamless_unet.jobs import train as train_jobs
from seamless_unet.model_file import load_model, read_info

LIBRARY = "library"
CPU = {"device": "cpu"}


def names(events):
    return [event["event"] for event in events]


def served(request, orders=None):
    return list(compute.serve(request, orders or compute.Orders()))


@pytest.fixture
def all_reports(monkeypatch):
    for pause in ("_REPORT_EVERY", "_SAVE_EVERY", "_CHECKPOINT_EVERY"):
        monkeypatch.setattr(train_jobs, pause, 0)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_train_saves_the_model_and_removes_the_checkpoint(train_request, tmp_path):
    events = served(train_request)
    assert names(events)[:2] == ["running", "prepared"]
    assert "Learning from 2 images" in events[1]["text"]
    assert {"what", "advice"} == set(events[1]["problems"][0])
    assert (events[1]["history"], events[1]["earlier"]) == ([], [])
    assert {"validated"} <= set(names(events))
    assert events[-1] == {
        "event": "trained",
        "last": True,
        "model": train_request["output"],
        "reason": "budget",
        "score": events[-1]["score"],
        "as_it_began": False,  # random weights are not scored
    }
    info = load_model(train_request["output"]).info
    assert info.pixel_size == train_request["pixel_size"]
    assert info.channels == ("DAPI",)
    assert info.training["data"]["class_pixels"]["object"] > 0  # of the strokes
    assert files(tmp_path / LIBRARY) == ["trained.safetensors"]


def test_check_says_what_training_would_learn_from(train_request, tmp_path):
    (tmp_path / "none").mkdir()
    missing = {"output", "checkpoint"}
    request = {key: value for key, value in train_request.items() if key not in missing}
    _, checked = served(request | {"request": "check"})
    assert checked["event"] == "checked"
    assert checked["last"]
    assert checked["text"].startswith("Learning from 2 images, 2 annotated parts, 4 objects.")
    assert checked["pairs"] == [
        {"name": "cells", "objects": 4, "planes": 1},
        {"name": "film", "objects": 0, "planes": 1},
    ]
    foreground = np.count_nonzero(np.load(train_request["labels 0"]))
    strokes = np.load(train_request["labels 1"])
    assert checked["class_pixels"] == {
        "background": 80 * 100 - foreground + int((strokes == 1).sum()),
        "object": foreground + int((strokes == 2).sum()),
    }
    assert ["drawn in several separate pieces" in p["what"] for p in checked["problems"]].count(
        True
    )
    assert not (tmp_path / LIBRARY).exists()


def test_crowded_stacks_are_learned_as_volumes_unless_something_else_is_said(train_request):
    column = np.kron(np.arange(1, 5), np.ones(8, int))[:, np.newaxis, np.newaxis]
    stack = np.pad(column * np.ones((12, 12), int), ((0, 0), (6, 6), (6, 6)))
    for key in ("image 0", "labels 0"):
        np.save(train_request[key], stack)
    train_request["pairs"] = [
        {"name": "column", "axes": "ZYX", "annotation": "objects", "region": False}
    ]
    for changes, ndim in (({}, 3), ({"ndim": 2}, 2)):
        request = {**train_request, "changes": {**train_request["changes"], **changes}}
        *_, checked = served(request | {"request": "check"})
        prepared = next(event for event in served(request) if event["event"] == "prepared")
        assert prepared["ndim"] == ndim
        assert prepared["text"].splitlines()[0] == checked["text"].splitlines()[0]
        assert ("1 annotated volume, 4 objects" in checked["text"]) == (ndim == 3)


def test_what_cannot_be_learned_from_is_an_error_and_leaves_nothing(train_request, tmp_path):
    for labels in ("labels 0", "labels 1"):
        np.save(train_request[labels], np.load(train_request[labels]) * 0)
    for kind in ("check", "train"):
        *_, event = served(train_request | {"request": kind})
        assert event["event"] == "error"
        assert "there is no label: draw at least one object" in event["message"]
    train_request["changes"]["minutes"] = 1
    *_, event = served(train_request)
    assert "either steps or minutes" in event["message"]
    assert files(tmp_path / LIBRARY) == []


def test_stop_keeps_the_best_model_so_far(train_request, tmp_path, all_reports):
    train_request["changes"]["steps"] = 10_000
    orders, seen = compute.Orders(), []
    for event in compute.serve(train_request, orders):
        seen.append(event["event"])
        if event["event"] == "step":
            orders.stopped.add(2)
    assert event["reason"] == "stopped"
    assert seen.count("step") < 10
    load_model(train_request["output"])
    assert files(tmp_path / LIBRARY) == ["trained.safetensors"]


def cancelled_after(request, steps):
    orders = compute.Orders()
    for event in compute.serve(request, orders):
        if event.get("step", 0) >= steps:
            orders.cancelled.add(2)
    assert event["event"] == "cancelled"


def test_what_was_cancelled_goes_on_where_it_ended(train_request, tmp_path, all_reports):
    train_request["changes"]["steps"] = 8
    served(train_request | {"output": str(tmp_path / "straight.safetensors")})
    cancelled_after(train_request, 5)
    (training,) = interrupted(tmp_path / LIBRARY / "checkpoints")
    assert (training.name, training.fraction, training.problem) == ("trained", 5 / 8, "")
    assert training.pairs == ("cells", "film")
    for path in (tmp_path / "worker").iterdir():  # the dock's copies; the layers may be closed
        path.unlink()
    events = served({"request": "train", "id": 3, "resume": str(training.path)} | CPU)
    assert [event["step"] for event in events if event["event"] == "step"] == [6, 7, 8]
    assert [event["step"] for event in events[1]["history"] if "loss" in event] == [1, 2, 3, 4, 5]
    assert files(tmp_path / LIBRARY) == ["trained.safetensors"]
    resumed, straight = (
        load_model(path) for path in (train_request["output"], tmp_path / "straight.safetensors")
    )
    assert resumed.info.training["history"] == straight.info.training["history"]
    for key, value in straight.network.state_dict().items():
        np.testing.assert_array_equal(resumed.network.state_dict()[key], value)


def test_nothing_is_kept_before_the_first_step(train_request, tmp_path, monkeypatch):
    """Then Stop ends the process, and who comes back would find a training of nothing."""
    module = importlib.import_module("seamless_unet.train")  # not the function
    whole, seen = module.train, []

    def looking(*arguments, **options):
        for event in whole(*arguments, **options):
            seen.append((type(event), files(tmp_path / LIBRARY)))
            yield event

    monkeypatch.setattr(module, "train", looking)
    served(train_request)
    first = [kind for kind, _ in seen].index(module.Step)
    assert [kept for _, kept in seen[: first + 1]] == [[]] * (first + 1)
    assert "checkpoints/trained/request.json" in seen[first + 1][1]


def test_another_training_of_that_name_stays_as_it_is(train_request, tmp_path):
    folder = Path(train_request["checkpoint"])
    checkpoint.keep(train_request, folder)
    before = files(folder)
    *_, event = served(train_request)
    assert event["event"] == "error"
    assert "keeps another training: resume or discard that one first" in event["message"]
    assert files(folder) == before


def test_the_last_preview_of_what_was_resumed_reads_the_images_it_was_kept_with(
    train_request, tmp_path, all_reports
):
    train_request["changes"]["steps"] = 8
    cancelled_after(train_request, 5)
    orders = compute.Orders()
    resume = {"request": "train", "id": 3, "resume": train_request["checkpoint"]} | CPU
    events = []
    for event in compute.serve(resume, orders):
        events.append(event)
        if event["event"] == "step" and event["step"] == 8:  # another image is looked at now
            np.save(tmp_path / "view.npy", np.load(train_request["image 1"])[0])
            place = {"whole": 1, "index": {"T": 0}, "axes": "YX", "number": 7}
            orders.views[3] = {"id": 3, "image": str(tmp_path / "view.npy"), **place}
    assert {event["number"] for event in events if event["event"] == "preview"} == {7}
    assert "warning" not in names(events)
    assert not Path(train_request["checkpoint"]).exists()


def test_what_was_killed_in_its_first_minute_begins_anew(train_request, all_reports):
    checkpoint.keep(train_request, Path(train_request["checkpoint"]))
    events = served({"request": "train", "id": 1, "resume": train_request["checkpoint"]} | CPU)
    assert [event["step"] for event in events if event["event"] == "step"] == [1, 2, 3]
    assert events[-1]["model"] == train_request["output"]


def test_what_cannot_be_resumed_is_an_error_and_stays(train_request, tmp_path):
    folder = Path(train_request["checkpoint"])
    checkpoint.keep(train_request, folder)
    checkpoint.state_path(folder).write_bytes(b"half of it")
    before = files(folder)
    *_, event = served({"request": "train", "id": 1, "resume": str(folder)} | CPU)
    assert event["event"] == "error"
    assert "truncated" in event["message"]
    assert files(folder) == before


def test_more_time_can_be_given_when_it_goes_on(train_request, all_reports):
    cancelled_after(train_request, 2)
    resume = {"request": "train", "id": 3, "resume": train_request["checkpoint"]} | CPU
    *_, event = served(resume | {"minutes": 0.02})
    assert (event["event"], event["reason"]) == ("trained", "budget")
    config = read_info(train_request["output"]).training["config"]
    assert (config["minutes"], config["steps"]) == (0.02, None)


def test_cancelled_when_it_has_hardly_begun_leaves_nothing(train_request, tmp_path):
    train_request["changes"]["steps"] = 1_000_000  # of which no machine does a hundredth in 0.1 s
    orders = compute.Orders()
    for event in compute.serve(train_request, orders):
        if event["event"] == "prepared":
            orders.cancelled.add(2)
    assert event["event"] == "cancelled"
    assert files(tmp_path / LIBRARY) == []


def test_cancelled_once_a_score_was_shown_can_go_on(train_request, monkeypatch):
    monkeypatch.setattr(train_jobs, "_WORTH_KEEPING", 1.0)  # time alone is never enough
    orders = compute.Orders()
    for event in compute.serve(train_request, orders):
        if event["event"] == "validated" and event["step"]:
            orders.cancelled.add(2)
    assert event["event"] == "cancelled"
    assert checkpoint.state_path(Path(train_request["checkpoint"])).exists()


def test_what_diverged_is_not_offered_again(train_request, tmp_path, all_reports, monkeypatch):
    module = importlib.import_module("seamless_unet.train")  # not the function
    whole = module.train

    def diverging(*arguments, **options):
        for event in whole(*arguments, **options):
            yield event
            if isinstance(event, module.Validated):
                raise FloatingPointError("the training diverged")

    monkeypatch.setattr(module, "train", diverging)
    *_, event = served(train_request)
    assert "the training diverged" in event["message"]
    assert files(tmp_path / LIBRARY) == ["trained.safetensors"]


def test_no_place_for_a_checkpoint_is_said_and_ends_nothing(train_request, tmp_path, monkeypatch):
    def full(request, folder):
        folder.mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seamless_unet.checkpoint.keep", full)
    events = served(train_request)
    (warning,) = [event for event in events if event["event"] == "warning"]
    assert "cannot be resumed" in warning["message"]
    assert events[-1]["event"] == "trained"
    assert files(tmp_path / LIBRARY) == ["trained.safetensors"]


def test_a_folder_that_is_away_for_a_moment_ends_nothing(
    train_request, tmp_path, all_reports, monkeypatch
):
    whole, calls = train_jobs.save_model, []

    def away_at_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return whole(*arguments)

    monkeypatch.setattr(train_jobs, "save_model", away_at_first)
    events = served(train_request)
    (warning,) = [event for event in events if event["event"] == "warning"]
    assert "is not saved yet" in warning["message"]
    assert events[-1]["event"] == "trained"
    assert files(tmp_path / LIBRARY) == ["trained.safetensors"]


def test_a_model_that_has_no_place_at_the_end_is_rescued(train_request, tmp_path, monkeypatch):
    whole, rescue = train_jobs.save_model, tmp_path / "rescue"

    def full(model, path):
        if Path(path).parent == tmp_path / LIBRARY:
            raise OSError(28, "No space left on device")
        return whole(model, path)

    monkeypatch.setattr(train_jobs, "save_model", full)
    monkeypatch.setattr(train_jobs.tempfile, "mkdtemp", lambda **_: rescue.mkdir() or str(rescue))
    *_, event = served(train_request)
    assert event["event"] == "error"
    assert f"It is in {rescue} now: drop it from there on napari" in event["message"]
    assert files(rescue) == ["trained.safetensors"]


EAGER = """
import seamless_unet.compute as compute
from seamless_unet.jobs import train
train._SAVE_EVERY = train._CHECKPOINT_EVERY = train._REPORT_EVERY = 0
compute.main()
"""


def start_child():
    return subprocess.Popen(
        [sys.executable, "-P", "-c", EAGER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def tell(child, request):
    child.stdin.write(json.dumps(request) + "\n")
    child.stdin.flush()


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of other systems")
def test_a_process_that_is_killed_leaves_all_that_is_needed_to_go_on(train_request, tmp_path):
    train_request["changes"]["steps"] = 40
    folder = tmp_path / LIBRARY / "checkpoints"
    with start_child() as child:
        try:
            tell(child, train_request)
            for line in child.stdout:
                event = json.loads(line)
                if event["event"] == "prepared":
                    assert interrupted(folder) == []  # it is going on
                if event["event"] == "step" and event["step"] == 25:
                    os.kill(child.pid, signal.SIGKILL)
        finally:
            child.kill()
    (training,) = interrupted(folder)
    assert 25 / 40 <= training.fraction < 1
    before = load_model(train_request["output"]).info.training
    assert before["score"] is not None
    with start_child() as child:
        try:
            tell(
                child, {"request": "train", "id": 1, "resume": str(training.path), "device": "cpu"}
            )
            events = [json.loads(child.stdout.readline()) for _ in range(2)]
            while not events[-1].get("last"):
                events.append(json.loads(child.stdout.readline()))
            child.stdin.close()
        finally:
            child.kill()
    assert events[-1]["event"] == "trained"
    steps = [event["step"] for event in events if event["event"] == "step"]
    assert steps == list(range(round(40 * training.fraction) + 1, 41))
    assert read_info(train_request["output"]).training["score"] >= before["score"]
    assert interrupted(folder) == []


def test_corrections_continue_the_model_they_correct(train_request, tmp_path):
    served(train_request)
    first = read_info(train_request["output"])
    changes = {"steps": 2, "start": train_request["output"], **first.start_settings}
    changes |= {"patch": 16, "batch_size": 1}
    for number in (2, 3):
        output = str(tmp_path / f"corrected {number}.safetensors")
        request = train_request | {"changes": changes, "output": output}
        pairs = [*train_request["pairs"], train_request["pairs"][0] | {"name": "corrections 1"}]
        more = {f"{kind} 2": train_request[f"{kind} 0"] for kind in ("image", "labels", "region")}
        events = served(request | {"pairs": pairs} | more)
        assert names(events)[:3] == ["running", "prepared", "validated"]  # the start is scored
        assert events[2]["step"] == 0
        assert len(events[1]["earlier"]) == number - 1
        changes = changes | {"start": output}
    training = read_info(output).training
    assert [len(each["history"]) > 0 for each in training["earlier"]] == [True, True]
    assert training["earlier"][0]["score"] == first.training["score"]
    assert training["earlier"][0]["steps"] == 3


def test_what_is_remembered_of_earlier_trainings_is_bounded():
    from seamless_unet.config import UNetConfig
    from seamless_unet.model_header import ModelInfo
    from seamless_unet.model_info import earlier_trainings

    info = ModelInfo(UNetConfig())
    for number in range(30):
        history = [{"step": step, "loss": 1.0} for step in range(500)]
        training = {"steps": number, "history": history, "earlier": earlier_trainings(info)}
        info = dataclasses.replace(info, training=training)
    earlier = info.training["earlier"]
    assert [each["steps"] for each in earlier] == list(range(19, 29))
    assert len(json.dumps(earlier)) < 40_000
