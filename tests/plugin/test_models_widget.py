import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from seamless_unet import checkpoint
from seamless_unet.model_file import read_info, save_model
from seamless_unet.plugin import models
from seamless_unet.plugin.models_widget import ModelsWidget


@pytest.fixture
def answer(monkeypatch):
    """Return a function that lets a dialog's question be answered."""

    def answer(dialog, method, value):
        monkeypatch.setattr(dialog, method, lambda *_: value)

    return answer


def names(panel):
    return [panel.list.item(row).text().split("\n")[0] for row in range(panel.list.count())]


def test_what_is_known_about_the_chosen_model(dock, qtbot, library):
    (library / "broken.safetensors").write_text("hello")
    panel = dock("Models")
    assert names(panel) == ["nuclei (built in)", "stained_nuclei (built in)", "broken"]
    assert "14,662 cells in 358 images" in panel.details.text()
    assert len(panel.plot.losses) > 100
    assert not panel.list.item(0).icon().pixmap(48).toImage().allGray()  # orange outlines
    assert panel.use_button.isEnabled()
    assert not panel.rename_button.isEnabled()
    assert not panel.delete_button.isEnabled()
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert "466 cells in 12 images" in panel.details.text()
    qtbot.keyClick(panel.list, Qt.Key.Key_Down)
    assert "broken.safetensors" in panel.details.text()
    assert not panel.plot.isVisible()
    assert not panel.use_button.isEnabled()
    assert panel.delete_button.isEnabled()


def test_rename(dock, click, answer, library, threshold_model):
    panel, segment = dock("Models"), dock("Segment")
    panel.parent().raise_()
    answer(QInputDialog, "getText", ("my cells", True))
    click(panel.rename_button)
    assert names(panel) == ["my cells"]
    assert panel.entry.path == library / "my cells.safetensors"
    assert segment.model.choices == (str(library / "my cells.safetensors"),)
    segment.model.check_not_lost("The model")  # it is the same one
    answer(QInputDialog, "getText", ("never mind", False))
    click(panel.rename_button)
    assert names(panel) == ["my cells"]


def test_a_name_that_is_taken(dock, click, answer, library, threshold_model, notified):
    (library / "other.safetensors").write_bytes((library / "threshold.safetensors").read_bytes())
    panel = dock("Models")
    answer(
        QInputDialog, "getText", ("other" if panel.entry.name == "threshold" else "threshold", True)
    )
    click(panel.rename_button)
    assert notified()[0].startswith("There is already a model")
    assert sorted(names(panel)) == ["other", "threshold"]


def test_delete_asks_first(dock, click, answer, monkeypatch, library, threshold_model, tmp_path):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    panel = dock("Models")
    answer(QMessageBox, "question", QMessageBox.StandardButton.No)
    click(panel.delete_button)
    assert names(panel) == ["threshold"]
    answer(QMessageBox, "question", QMessageBox.StandardButton.Yes)
    click(panel.delete_button)
    assert names(panel) == []
    assert not list(library.iterdir())
    assert "train one in the Train dock" in panel.details.text()
    buttons = (panel.use_button, panel.export_button, panel.delete_button)
    assert not any(button.isEnabled() for button in buttons)
    assert panel.import_button.isEnabled()
    assert panel.folder_button.isEnabled()


def test_export_then_import(dock, click, answer, library, threshold_model, tmp_path, notified):
    panel = dock("Models")
    answer(QFileDialog, "getSaveFileName", (str(tmp_path / "for you"), ""))
    click(panel.export_button)
    copy = tmp_path / "for you.safetensors"
    assert read_info(copy) == read_info(library / "threshold.safetensors")
    (library / "threshold.safetensors").unlink()
    answer(QFileDialog, "getOpenFileNames", ([str(copy)], ""))
    click(panel.import_button)
    assert names(panel) == ["for you"]
    copy.write_text("hello")
    click(panel.import_button)
    assert notified()[-1].startswith("'for you.safetensors' is not a model of this plugin")
    assert names(panel) == ["for you"]


def test_one_bad_file_does_not_cost_the_other_imports(
    dock, click, answer, library, threshold_model, tmp_path, notified, pixel_model
):
    panel = dock("Models")
    files = [tmp_path / f"{name}.safetensors" for name in ("one", "bad", "two")]
    for number, file in enumerate(files):
        save_model(pixel_model(min_size=number), file)
    files[1].write_text("hello")
    answer(QFileDialog, "getOpenFileNames", ([str(file) for file in files], ""))
    click(panel.import_button)
    assert set(names(panel)) == {"threshold", "one", "two"}
    assert notified()[-1].startswith("'bad.safetensors' is not a model of this plugin")


def test_a_model_is_left_alone_while_another_napari_trains_it(
    dock, qtbot, library, threshold_model
):
    folder = models.checkpoint_path(library / "threshold.safetensors")
    folder.mkdir(parents=True)
    panel = dock("Models")
    assert panel.delete_button.isEnabled()
    with checkpoint.running(folder):
        qtbot.waitUntil(lambda: not panel.delete_button.isEnabled())
        assert not panel.rename_button.isEnabled()
        assert panel.rename_button.toolTip().startswith("It is being trained")
        assert panel.list.item(0).text() == "threshold\nbeing trained"
        assert panel.use_button.isEnabled()
    qtbot.waitUntil(panel.delete_button.isEnabled)
    assert panel.rename_button.toolTip() == "Give it another name."


@pytest.mark.parametrize(
    ("button", "dialog", "method", "value"),
    [
        ("delete_button", QMessageBox, "question", QMessageBox.StandardButton.Yes),
        ("rename_button", QInputDialog, "getText", ("mine", True)),
        ("export_button", QFileDialog, "getSaveFileName", ("copy.safetensors", "")),
    ],
)
def test_a_dialog_is_about_the_model_that_it_named(
    dock, click, library, threshold_model, monkeypatch, tmp_path, button, dialog, method, value
):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    panel, new = dock("Models"), library / "new.safetensors"
    before = panel.entry.path.read_bytes()

    def answer(*_):
        new.write_bytes(b"a training has just ended")
        models.signals.changed.emit(str(new))
        return value

    monkeypatch.setattr(dialog, method, answer)
    click(getattr(panel, button))
    assert new.read_bytes() == b"a training has just ended"
    threshold = library / "threshold.safetensors"
    assert threshold.exists() == (dialog is QFileDialog)
    if dialog is not QMessageBox:
        copy = tmp_path / "copy.safetensors" if threshold.exists() else library / "mine.safetensors"
        assert copy.read_bytes() == before


def test_use_in_segment(viewer, dock, click, threshold_model, library, monkeypatch):
    viewer.add_image(np.zeros((8, 8)))
    panel = dock("Models")
    click(panel.use_button)
    (segment,) = [w for name, w in viewer.window.dock_widgets.items() if name.startswith("Segment")]
    assert segment.model.value == str(library / "threshold.safetensors")
    assert segment.isVisible()


def test_use_a_model_that_came_from_elsewhere(viewer, dock, click, threshold_model, library):
    segment, panel = dock("Segment"), dock("Models")
    save_model(threshold_model, library / "pasted.safetensors")
    panel.refresh(str(library / "pasted.safetensors"))
    click(panel.use_button)
    assert segment.model.value == str(library / "pasted.safetensors")


def test_open_folder(dock, click, threshold_model, library, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    click(dock("Models").folder_button)
    assert opened == [str(library)]


def test_a_new_model_is_shown(dock, library, threshold_model):
    panel = dock("Models")
    path = library / "new.safetensors"
    path.write_bytes((library / "threshold.safetensors").read_bytes())
    models.signals.changed.emit(str(path))
    assert panel.entry.path == path


def test_nothing_is_cut_off_in_a_small_window(viewer, dock, qtbot):
    panel = dock("Models")
    qtbot.wait(100)
    assert panel.widget().width() <= panel.viewport().width()
    for button in panel.findChildren(type(panel.use_button)):
        assert button.width() >= button.sizeHint().width()
    assert panel.details.height() >= panel.details.heightForWidth(panel.details.width())
    assert isinstance(panel, ModelsWidget)


@pytest.mark.parametrize("name", ["Segment", "Train", "Evaluate", "Look inside", "Models"])
def test_a_dock_that_is_gone_hears_nothing_of_models(viewer, dock, qtbot, name):
    widget, gone = dock(name), []
    widget.destroyed.connect(lambda: gone.append(name))
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    del widget
    qtbot.waitUntil(lambda: bool(gone))
    models.signals.changed.emit("new.safetensors")
    models.signals.renamed.emit("new.safetensors", "newer.safetensors")
    models.signals.listed.emit()
