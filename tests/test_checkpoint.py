"""What is found of trainings that were interrupted."""

import json
import os
import time

import numpy as np
import pytest

from seamless_unet.checkpoint import (
    discard,
    extend,
    interrupted,
    keep,
    kept_request,
    redirect,
    running,
    state_path,
    still_running,
)
from seamless_unet.config import TrainConfig, UNetConfig
from seamless_unet.model_header import ModelInfo
from seamless_unet.train_state import TrainState
from test_import import python


@pytest.fixture
def request_of(tmp_path):
    """Return a function that makes a request whose arrays are files of the worker."""

    def make(name="cells", **changes):
        worker = tmp_path / "worker"
        worker.mkdir(exist_ok=True)
        np.save(worker / "image.npy", np.arange(12).reshape(3, 4))
        pair = {"name": name, "axes": "YX", "annotation": "objects", "region": False}
        arrays = {key: str(worker / "image.npy") for key in ("image 0", "labels 0")}
        output = str(tmp_path / f"{name}.safetensors")
        return {"request": "train", "id": 7, "pairs": [pair], "output": output, **arrays, **changes}

    return make


def kept(request_of, folder, name="cells"):
    keep(request_of(name), folder / name)
    return folder / name


def test_a_request_comes_back_when_what_it_was_made_from_is_gone(request_of, tmp_path):
    folder = kept(request_of, tmp_path / "checkpoints")
    (tmp_path / "worker" / "image.npy").unlink()
    request = kept_request(folder)
    np.testing.assert_array_equal(np.load(request["labels 0"]), np.arange(12).reshape(3, 4))
    assert request["output"] == str(tmp_path / "cells.safetensors")
    assert "id" not in request
    (found,) = interrupted(folder.parent)
    assert (found.path, found.name, found.pairs) == (folder, "cells", ("cells",))
    assert (found.fraction, found.problem) == (0.0, "")
    discard(found.path)
    assert interrupted(folder.parent) == []


def test_another_disk_gets_copies(request_of, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    folder = kept(request_of, tmp_path / "checkpoints")
    np.testing.assert_array_equal(np.load(folder / "image 0.npy"), np.arange(12).reshape(3, 4))


def test_its_model_may_get_another_name(request_of, tmp_path):
    folder = kept(request_of, tmp_path / "checkpoints").rename(tmp_path / "checkpoints" / "new")
    redirect(folder, tmp_path / "new.safetensors")
    assert kept_request(folder)["output"] == str(tmp_path / "new.safetensors")
    (found,) = interrupted(folder.parent)
    assert (found.name, found.problem) == ("new", "")


def test_what_is_there_is_not_replaced(request_of, tmp_path):
    folder = kept(request_of, tmp_path / "checkpoints")
    with pytest.raises(ValueError, match="keeps another training"):
        keep(request_of(), folder)


def test_who_works_on_it_is_left_alone(request_of, tmp_path):
    folder = kept(request_of, tmp_path / "checkpoints")
    with running(folder):
        assert interrupted(folder.parent) == []
        with pytest.raises(ValueError, match="going on already"), running(folder):
            pass
    assert len(interrupted(folder.parent)) == 1
    # the same number, but another process: the computer was started again
    about = {"process": os.getpid(), "started": 1.0}
    (folder / "running.json").write_text(json.dumps(about))
    assert len(interrupted(folder.parent)) == 1


def test_another_computer_that_works_on_it_is_left_alone(request_of, tmp_path):
    folder = kept(request_of, tmp_path / "checkpoints")
    about = {"process": os.getpid(), "started": 1.0, "computer": "another one"}
    (folder / "running.json").write_text(json.dumps(about))
    assert interrupted(folder.parent) == []
    long_ago = time.time() - 3600
    os.utime(folder / "running.json", (long_ago, long_ago))
    assert len(interrupted(folder.parent)) == 1  # it has not been heard of since
    still_running(folder)
    assert interrupted(folder.parent) == []


def test_the_latest_comes_first(request_of, tmp_path):
    for age, name in enumerate("abc"):
        folder = kept(request_of, tmp_path / "checkpoints", name)
        os.utime(folder / "request.json", (1e9 - age, 1e9 - age))
    found = interrupted(tmp_path / "checkpoints")
    assert [training.name for training in found] == ["a", "b", "c"]
    assert found[0].when.timestamp() == 1e9
    assert interrupted(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("budget", "fraction"), [({"minutes": 2.0}, 0.25), ({"steps": 10}, 0.3), ({"steps": 2}, 1.0)]
)
def test_how_far_it_came(request_of, tmp_path, budget, fraction):
    folder = kept(request_of, tmp_path / "checkpoints")
    info = ModelInfo(UNetConfig(depth=1, base_channels=2))
    state = TrainState.start(TrainConfig.preset(**budget), info)
    state.elapsed, state.step = 30.0, 3
    state.save(state_path(folder))
    (found,) = interrupted(folder.parent)
    assert (found.fraction, found.problem) == (fraction, "")


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "request.json").unlink(), "request.json is missing"),
        (lambda folder: cut_short(folder / "request.json"), "it is damaged"),
        (lambda folder: (folder / "labels 0.npy").unlink(), "labels 0.npy is missing"),
        (lambda folder: cut_short(folder / "image 0.npy"), "it is damaged"),
        (lambda folder: (folder / "image 0.npy").write_bytes(b""), "it is damaged"),
        (lambda folder: state_path(folder).write_bytes(b"\0" * 20), "it is damaged"),
        (lambda folder: (folder / "request.json").write_text("[]"), "it is damaged"),
    ],
)
def test_damage_is_reported_and_not_hidden(request_of, tmp_path, damage, message):
    folder = kept(request_of, tmp_path / "checkpoints")
    damage(folder)
    (found,) = interrupted(folder.parent)
    assert message in found.problem
    assert found.path == folder


def test_a_damaged_one_is_refused_in_words(request_of, tmp_path):
    folder = kept(request_of, tmp_path / "checkpoints")
    (folder / "request.json").unlink()
    with pytest.raises(ValueError, match=r"nothing can be resumed from .*request.json is missing"):
        kept_request(folder)


def test_looking_needs_no_torch(tmp_path):
    code = f"import sys, seamless_unet as s; s.interrupted({str(tmp_path)!r})"
    assert python(code + "; print('torch' in sys.modules)") == "False"


def test_another_budget_is_kept(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    request = {"pairs": [], "output": "a.safetensors", "changes": {"steps": 9, "seed": 1}}
    (folder / "request.json").write_text(json.dumps(request))
    extend(folder, 60)
    assert kept_request(folder)["changes"] == {"minutes": 60, "seed": 1}
