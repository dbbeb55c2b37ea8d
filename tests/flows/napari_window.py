"""A napari like the one a user starts, which can also be asked what it shows, and where.

A question is a line of JSON on standard input, ``["where", "Run"]``; so is its answer on
standard output. Nothing here does anything in the window: the mouse and the keyboard do.
"""

import json
import os
import sys
import threading

import napari
import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QPoint, Signal
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QMenu,
    QMenuBar,
)


def where(text: str) -> list[int] | None:
    """Return the place on the screen of what has this text; the uppermost, if it can be seen."""
    popup, dialog = QApplication.activePopupWidget(), QApplication.activeModalWidget()
    if popup is not None:
        return _entry(QMenu, text)
    if dialog is not None:
        return _button([dialog], text)
    return _entry(QMenuBar, text) or _button(QApplication.topLevelWidgets(), text)


def _entry(kind: type, text: str) -> list[int] | None:
    for menu in (w for w in QApplication.allWidgets() if isinstance(w, kind) and w.isVisible()):
        for entry in menu.actions():
            if entry.isEnabled() and _plain(entry.text()) == text:
                return _on_screen(menu, menu.actionGeometry(entry).center())
    return None


def _button(windows: list, text: str) -> list[int] | None:
    for button in (b for window in windows for b in window.findChildren(QAbstractButton)):
        called = text in (_plain(button.text()), button.property("mode"))
        if called and button.isEnabled() and (place := _middle(button)):
            return place
    return None


def _middle(widget) -> list[int] | None:
    seen = widget.visibleRegion().boundingRect()
    return None if seen.isEmpty() else _on_screen(widget, seen.center())


def _on_screen(widget, point: QPoint) -> list[int]:
    place = widget.mapToGlobal(point)
    return [place.x(), place.y()]


def _plain(text: str) -> str:
    return text.replace("&", "")


def field(label: str) -> list[int] | None:
    """Return the place of what is beside this label in a form."""
    for name in (w for w in QApplication.allWidgets() if isinstance(w, QLabel)):
        if name.text() == label and name.isVisible() and name.buddy() is not None:
            return _middle(name.buddy())
    return None


def says(text: str) -> bool:
    """Return whether this is to be read somewhere."""
    labels = (w for w in QApplication.allWidgets() if isinstance(w, QLabel))
    return any(text in label.text() for label in labels if label.isVisible())


def pixel(name: str, y: int, x: int) -> list[int]:
    """Return the place of a pixel of a layer."""
    viewer = napari.current_viewer()
    world = viewer.layers[name].data_to_world((y, x))
    canvas = viewer.window._qt_viewer.canvas.native
    camera = getattr(viewer, "scene", viewer).camera  # which moved in napari 0.9
    down, right = (np.array(world) - camera.center[-2:]) * camera.zoom
    middle = canvas.rect().center()
    return _on_screen(canvas, QPoint(middle.x() + round(right), middle.y() + round(down)))


def value(name: str, y: int, x: int) -> int:
    """Return the label at a pixel."""
    return int(napari.current_viewer().layers[name].data[y, x])


def objects() -> dict[str, int]:
    """Return the labels layers, and how many labels there are in each."""
    layers = (w for w in napari.current_viewer().layers if isinstance(w, Labels))
    return {layer.name: len(np.setdiff1d(layer.data, [0])) for layer in layers}


def active() -> str | None:
    """Return the name of the layer that is being edited."""
    layer = napari.current_viewer().layers.selection.active
    return layer and layer.name


class Answers(QObject):
    """Answers in the main thread, also while a dialog waits there."""

    asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.asked.connect(self.answer)
        self.out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what napari prints must not come between the answers

    def answer(self, line: str) -> None:
        name, *arguments = json.loads(line)
        questions = (where, field, says, pixel, value, objects, active)
        (question,) = (q for q in questions if q.__name__ == name)
        print(json.dumps(question(*arguments)), file=self.out, flush=True)

    def listen(self) -> None:
        for line in sys.stdin:
            self.asked.emit(line)


if __name__ == "__main__":
    napari.Viewer()
    answers = Answers()
    threading.Thread(target=answers.listen, daemon=True).start()
    napari.run()
