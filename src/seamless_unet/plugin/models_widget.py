"""The Models dock: the library of models, and what can be done with each."""

import base64
import html
from collections.abc import Callable
from functools import partial
from pathlib import Path

import napari
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QSize, Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices, QHideEvent, QIcon, QPixmap, QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QWidget,
)

from seamless_unet.plugin import library, models
from seamless_unet.plugin.docks import raised_dock
from seamless_unet.plugin.form import Form
from seamless_unet.plugin.library import Entry
from seamless_unet.plugin.loss_plot import LossPlot
from seamless_unet.plugin.model_facts import facts, headline
from seamless_unet.plugin.save_name import with_suffix
from seamless_unet.plugin.segment_widget import SegmentWidget
from seamless_unet.plugin.words import words

_ICON = 48  # pixels
_FILES = "Models (*.safetensors)"
_RENAME, _DELETE = "Give it another name.", "Move it to the trash."
_LEARNING = "It is being trained: let the training end, or stop it in the Train dock."
_PAUSE = 1000  # milliseconds between two looks whether a training has begun or ended


class ModelsWidget(Form):
    """All models, and what is known about the chosen one."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.entries: list[Entry] = []
        self._learning: set[Path] = set()  # those that are being trained
        self.list = QListWidget()
        self.list.setAccessibleName("Models")
        self.list.setIconSize(QSize(_ICON, _ICON))
        self.list.setMinimumHeight(130)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.details, self.plot = words(), LossPlot()
        self.details.setTextFormat(Qt.TextFormat.RichText)
        self.lay_out([self.list, self._buttons(), self.details, self.plot], options=[], below=[])
        self.list.currentRowChanged.connect(self._show_details)
        models.signals.changed.connect(self.refresh)
        models.signals.listed.connect(self.refresh)
        self._timer = QTimer(self)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._follow_trainings)
        self.refresh()

    def _buttons(self) -> QWidget:
        self.use_button = _button("&Use in Segment", "Choose it in the Segment dock.")
        self.rename_button = _button("&Rename ...", _RENAME)
        self.import_button = _button("&Import ...", "Copy a model of somebody else to here.")
        self.export_button = _button("&Export a copy ...", "Save a copy, to give to somebody.")
        self.folder_button = _button("&Open folder", "Show your models in the file manager.")
        self.delete_button = _button("&Delete ...", _DELETE)
        actions: list[tuple[QPushButton, Callable[[], None]]] = [
            (self.use_button, self._use),
            (self.rename_button, self._rename),
            (self.import_button, self._import),
            (self.export_button, self._export),
            (self.folder_button, self._open_folder),
            (self.delete_button, self._delete),
        ]
        buttons = QWidget()
        grid = QGridLayout(buttons)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, (button, action) in enumerate(actions):
            button.clicked.connect(partial(self._try, action))
            grid.addWidget(button, *divmod(place, 2))
        return buttons

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802
        """See what became of the files meanwhile."""
        self.refresh()
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802
        """Look at no file while nobody sees it."""
        self._timer.stop()
        super().hideEvent(event)

    def _follow_trainings(self) -> None:
        if self._learning_now() != self._learning:
            self.refresh()

    def _learning_now(self) -> set[Path]:
        return {entry.path for entry in self.entries if models.is_learning(entry.path)}

    def refresh(self, chosen: str = "") -> None:
        """List the models again; ``chosen`` is the path of the one to show, or as before."""
        before = self.entry
        wanted = Path(chosen) if chosen else before and before.path
        self.list.blockSignals(True)
        self.list.clear()
        self.entries = library.entries()
        self._learning = self._learning_now()
        for entry in self.entries:
            about = headline(entry, learning=entry.path in self._learning)
            self.list.addItem(QListWidgetItem(_icon(entry), f"{entry.name}\n{about}"))
        paths = [entry.path for entry in self.entries]
        self.list.setCurrentRow(paths.index(wanted) if wanted in paths else 0)
        self.list.blockSignals(False)
        self._show_details()

    @property
    def entry(self) -> Entry | None:
        """The chosen model."""
        row = self.list.currentRow()
        return self.entries[row] if 0 <= row < len(self.entries) else None

    def _show_details(self, *_: int) -> None:
        entry = self.entry
        known = facts(entry) if entry else [("No model yet", "train one in the Train dock.")]
        lines = [f"<b>{label}:</b> {html.escape(text)}" for label, text in known]
        self.details.setText("<br>".join(lines))
        self.plot.clear()
        training = entry.info.training if entry and entry.info else {}
        history = training.get("history", [])
        self.plot.show_history(history, training.get("earlier", []))
        self.plot.setVisible(bool(history))
        self.use_button.setEnabled(entry is not None and entry.info is not None)
        learning = entry is not None and entry.path in self._learning
        for button, tooltip in ((self.rename_button, _RENAME), (self.delete_button, _DELETE)):
            button.setEnabled(entry is not None and entry.own and not learning)
            button.setToolTip(_LEARNING if learning else tooltip)
        self.export_button.setEnabled(entry is not None)

    def _try(self, action: Callable[[], None], *_: bool) -> None:
        try:
            action()
        except (ValueError, OSError) as error:
            show_error(str(error))

    def _use(self) -> None:
        entry = self.entry
        if entry is not None:
            dock = raised_dock(self.viewer, SegmentWidget, "Segment")
            dock.model.reset_choices()  # it may have come from elsewhere
            dock.model.value = str(entry.path)

    def _rename(self) -> None:
        entry = self.entry  # another one may be chosen while a dialog is open
        if entry is None:
            return
        name, agreed = QInputDialog.getText(
            self, "Rename", "New name", QLineEdit.EchoMode.Normal, entry.name
        )
        if agreed:
            path = library.rename(entry.path, name)
            self.refresh(str(path))

    def _delete(self) -> None:
        entry = self.entry
        if entry is None:
            return
        question = f"Move the model '{entry.name}' to the trash?"
        yes = QMessageBox.StandardButton.Yes
        if QMessageBox.question(self, "Delete", question) == yes:
            library.delete(entry.path)

    def _import(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Import models", "", _FILES)
        for path in paths:
            self._try(partial(self._import_one, Path(path)))

    def _import_one(self, path: Path) -> None:
        self.refresh(str(library.import_model(path)))

    def _export(self) -> None:
        entry = self.entry
        if entry is None:
            return
        proposed = str(Path.home() / entry.path.name)
        path, _ = QFileDialog.getSaveFileName(self, "Export a copy", proposed, _FILES)
        if not path:
            return
        target = with_suffix(path, ".safetensors")
        library.copy_whole(entry.path, target)
        show_info(f"A copy of '{entry.name}' is in {target.parent}.")

    def _open_folder(self) -> None:
        folder = models.library()
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def _button(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    return button


def _icon(entry: Entry) -> QIcon:
    pixmap = QPixmap(_ICON, _ICON)
    pixmap.fill(Qt.GlobalColor.transparent)
    if entry.info is not None:
        pixmap.loadFromData(base64.b64decode(entry.info.training.get("thumbnail", "")))
    return QIcon(pixmap)
