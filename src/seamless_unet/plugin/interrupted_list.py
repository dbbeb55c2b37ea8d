"""Trainings that did not come to their end, to go on with or to forget."""

from pathlib import Path

from napari.utils.notifications import show_info
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QVBoxLayout, QWidget

from seamless_unet.checkpoint import Interrupted, discard, interrupted, is_running
from seamless_unet.plugin import models
from seamless_unet.plugin.fields import put_in_tab_order
from seamless_unet.plugin.words import words


class InterruptedList(QWidget):
    """A line for each interrupted training in a folder, with buttons; empty if there is none."""

    resumed = Signal(object)  # the training that the user wants to go on

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[_Line] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def show_those_in(self, folder: Path) -> None:
        """Show what is in a folder by now."""
        self.folder = folder
        for line in self.lines:
            line.hide()
            line.deleteLater()
        self.lines = [
            _Line(self, training)
            for training in interrupted(folder)
            if not models.is_learning(models.library() / f"{training.name}.safetensors")
        ]
        for line in self.lines:
            self._column.addWidget(line)
            line.show()  # now, or the form would be laid out without it
        put_in_tab_order(self, [b for line in self.lines for b in (line.resume, line.discard)])


class _Line(QWidget):
    def __init__(self, parent: InterruptedList, training: Interrupted) -> None:
        super().__init__(parent)
        self.training, self._listed = training, parent
        self.text = words()
        self.text.setText(in_words(training))
        self.resume, self.discard = QPushButton("&Resume"), QPushButton("&Discard ...")
        images = ", ".join(dict.fromkeys(training.pairs))
        self.resume.setToolTip(
            f"Go on where it was, with the images and labels it began with: {images}.\n"
            "Previews are shown of those that are open."
        )
        self.resume.setEnabled(not training.problem)
        self.resume.clicked.connect(self._resume)
        self.discard.setToolTip("Remove what is kept of it. A model it has saved stays.")
        self.discard.clicked.connect(self._discard)
        column, buttons = QVBoxLayout(self), QHBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addLayout(buttons)
        buttons.addWidget(self.resume)
        buttons.addWidget(self.discard)

    def _resume(self) -> None:
        self._listed.resumed.emit(self.training)

    def _discard(self) -> None:
        training, listed = self.training, self._listed
        question = f"Forget the training of '{training.name}'? It cannot be resumed then."
        # not a child of this line, which may be gone before the user has answered
        answer = QMessageBox.question(self.window(), "Discard a training", question)
        if is_running(training.path):  # since it was listed
            show_info(f"The training of '{training.name}' goes on: stop it first.")
        elif answer == QMessageBox.StandardButton.Yes:
            discard(training.path)
            listed.show_those_in(listed.folder)


def in_words(training: Interrupted) -> str:
    """Say which training was interrupted, and whether it can go on."""
    text = f"The training of '{training.name}' was interrupted at {training.fraction:.0%}"
    text += f" ({training.when:%d %B, %H:%M})."
    return f"{text} It cannot be resumed: {training.problem}." if training.problem else text
