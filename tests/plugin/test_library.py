import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from seamless_unet.model_file import bundled_models, read_info
from seamless_unet.plugin import library as files
from seamless_unet.plugin import models
from seamless_unet.plugin.job import Job


@pytest.fixture
def path(library, threshold_model):
    """A model of the user's; there is no other."""
    return library / "threshold.safetensors"


def test_entries(path):
    (entry,) = files.entries()
    assert (entry.name, entry.path, entry.own, entry.problem) == ("threshold", path, True, "")
    assert entry.info == read_info(path)
    assert entry.saved.timestamp() == pytest.approx(path.stat().st_mtime, abs=1e-3)
    path.write_text("damaged")
    os.utime(path, (1e9, 1e9))
    (entry,) = files.entries()
    assert entry.info is None
    assert "threshold.safetensors" in entry.problem


def test_bundled_models_are_not_the_users():
    assert [entry.own for entry in files.entries()] == [False] * len(bundled_models())


def test_a_file_is_read_once(path, monkeypatch):
    files.entries()
    monkeypatch.setattr(files, "read_info", None)
    monkeypatch.setattr(models, "is_learning", None)  # which reads a file of its own
    assert len(files.entries()) == 1


def test_rename_takes_the_checkpoint_along(path, qtbot):
    checkpoint = models.checkpoint_path(path)
    checkpoint.mkdir(parents=True)
    (checkpoint / "request.json").write_text("{}")
    with qtbot.waitSignal(models.signals.listed):
        new = files.rename(path, " my: cells ")
    assert new == path.with_name("my cells.safetensors")
    assert [name for name, _ in models.choices()] == ["my cells"]
    kept = json.loads((models.checkpoint_path(new) / "request.json").read_text())
    assert kept == {"output": str(new)}  # where it goes on
    assert not checkpoint.exists()


def test_rename_never_overwrites(path, library):
    other = library / "other.safetensors"
    other.write_text("precious")
    with pytest.raises(ValueError, match="already a model 'other'"):
        files.rename(path, "other")
    models.checkpoint_path(library / "third.safetensors").mkdir(parents=True)
    with pytest.raises(ValueError, match="already a model 'third'"):
        files.rename(path, "third")
    with pytest.raises(ValueError, match="Give the model a name"):
        files.rename(path, " . ")
    assert files.rename(path, "threshold") == path
    assert path.exists()
    assert other.read_text() == "precious"


def test_delete_moves_to_the_trash(path, monkeypatch, tmp_path, qtbot):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # where Linux has its trash
    with qtbot.waitSignal(models.signals.listed):
        files.delete(path)
    assert not path.exists()
    assert models.choices() == []


def test_what_is_being_trained_stays_where_it_is(path, tmp_path):
    job = Job(1, "train", tmp_path, print)  # which may still wait for another one
    models.begin_learning(path, job)
    assert models.is_learning(path)
    with pytest.raises(ValueError, match="'threshold' is being trained: let the training end"):
        files.delete(path)
    with pytest.raises(ValueError, match="'threshold' is being trained"):
        files.rename(path, "mine")
    assert path.exists()
    job.done = True
    assert not models.is_learning(path)
    assert files.rename(path, "mine").exists()


def test_no_trash(path, monkeypatch):
    no_trash = SimpleNamespace(moveToTrash=lambda: False)
    monkeypatch.setattr(files, "QFile", lambda name: no_trash)
    with pytest.raises(OSError, match="Delete it by hand in"):
        files.delete(path)
    assert path.exists()


def test_import_copies_under_a_new_name(path, tmp_path, qtbot):
    given = tmp_path / "threshold.safetensors"
    given.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")  # another model of the same name
    with qtbot.waitSignal(models.signals.changed) as signal:
        new = files.import_model(given)
    assert new.name == "threshold 2.safetensors"
    assert signal.args == [str(new)]
    assert new.read_bytes() == given.read_bytes()
    assert files.import_model(given) == new  # it is there already
    assert len(models.choices()) == 2


@pytest.mark.parametrize("content", [b"hello", b"", b"\x02\0\0\0\0\0\0\0{}"])
def test_import_of_what_is_not_ours(library, tmp_path, content):
    given = tmp_path / "language model.safetensors"
    given.write_bytes(content)
    with pytest.raises(ValueError, match=r"'language model\.safetensors' is not a model of this"):
        files.import_model(given)
    assert not list(library.iterdir())


def test_import_without_room(path, tmp_path, monkeypatch):
    given = tmp_path / "given.safetensors"
    given.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    monkeypatch.setattr("os.replace", _disk_full)
    with pytest.raises(OSError, match="no space left"):
        files.import_model(given)
    assert [file.name for file in Path(path.parent).iterdir()] == ["threshold.safetensors"]


def _disk_full(*_):
    raise OSError("no space left")
