import numpy as np
import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QMessageBox

from seamless_unet import checkpoint
from seamless_unet.plugin.interrupted_list import InterruptedList


@pytest.fixture
def folder(tmp_path):
    """Return a folder with one training, which has not begun to learn."""
    request = {
        "pairs": [{"name": "cells", "axes": "YX", "annotation": "objects", "region": False}],
        "output": str(tmp_path / "my model.safetensors"),
    }
    for key in ("image 0", "labels 0"):
        np.save(tmp_path / f"{key}.npy", np.zeros((4, 4), np.uint8))
        request[key] = str(tmp_path / f"{key}.npy")
    checkpoint.keep(request, tmp_path / "checkpoints" / "my model")
    return tmp_path / "checkpoints"


@pytest.fixture
def shown(folder, qtbot):
    shown = InterruptedList()
    qtbot.addWidget(shown)
    shown.show_those_in(folder)
    shown.show()
    return shown


def test_nothing_was_interrupted(qtbot, tmp_path):
    shown = InterruptedList()
    qtbot.addWidget(shown)
    shown.show_those_in(tmp_path / "never made")
    assert shown.lines == []


def test_resume(shown, folder, click, qtbot):
    (line,) = shown.lines
    assert line.text.text().startswith("The training of 'my model' was interrupted at 0%")
    assert "began with: cells." in line.resume.toolTip()
    with qtbot.waitSignal(shown.resumed) as signal:
        click(line.resume)
    assert signal.args[0].path == folder / "my model"


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_discard_asks_first(shown, folder, click, monkeypatch, answer):
    answered = getattr(QMessageBox.StandardButton, answer)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answered)
    (line,) = shown.lines
    click(line.discard)
    assert (folder / "my model").exists() == (answer == "No")
    assert line.isVisible() == (answer == "No")


def test_the_list_may_change_while_the_question_is_open(shown, folder, click, monkeypatch):
    def question(parent, *_):
        shown.show_those_in(folder)  # as when another training begins or ends
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        assert parent.isVisible()  # or the dialog would be gone with it
        return QMessageBox.StandardButton.Yes

    monkeypatch.setattr(QMessageBox, "question", question)
    click(shown.lines[0].discard)
    assert shown.lines == []
    assert not (folder / "my model").exists()


def test_what_is_damaged_cannot_be_resumed(shown, folder, click, monkeypatch):
    (folder / "my model" / "image 0.npy").unlink()
    shown.show_those_in(folder)
    (line,) = shown.lines
    assert line.text.text().endswith("It cannot be resumed: image 0.npy is missing.")
    assert not line.resume.isEnabled()
    assert line.discard.isEnabled()
