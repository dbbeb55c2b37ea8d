"""Docks without a mouse: where Tab leads, and what a screen reader says is there."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QSlider,
    QWidget,
)

from seamless_unet import checkpoint
from seamless_unet.model_file import save_model

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QLineEdit, QSlider
)  # fmt: skip
PARTS = (QAbstractSpinBox, QComboBox)  # whose inner line is not another control


def controls(panel):
    """Return what can be used now."""
    used = [w for w in panel.content.findChildren(QWidget) if isinstance(w, CONTROLS)]
    used = [w for w in used if w.isVisible() and w.isEnabled()]
    return [w for w in used if not isinstance(w.parentWidget(), PARTS)]


def followed(panel, first):
    """Return the controls of a dock that Tab leads to, beginning with ``first``."""
    window = panel.window()
    first.setFocus()
    reached = []
    while (now := window.focusWidget()) is not None and now not in reached:
        reached.append(now)
        QTest.keyClick(now, Qt.Key.Key_Tab)
    return [w for w in reached if panel.content.isAncestorOf(w) and isinstance(w, CONTROLS)]


def place(panel, widget) -> QRect:
    return QRect(widget.mapTo(panel.content, QPoint(0, 0)), widget.size())


def comes_after(one: QRect, other: QRect) -> bool:
    """Whether the other is below the one, or to the right of it in the same row."""
    beside = other.left() >= one.right() and other.bottom() > one.top()
    return beside or other.top() >= one.bottom()


def name(panel, widget) -> str:
    """Return what a screen reader calls it, as Qt finds it out."""
    labels = panel.content.findChildren(QLabel)
    beside = (label.text() for label in labels if label.buddy() is widget)
    own = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or own or next(beside, "")


@pytest.mark.parametrize("title", ["Segment", "Train", "Evaluate", "Look inside", "Models"])
def test_tab_leads_through_a_dock_from_top_to_bottom(viewer, dock, title):
    viewer.open_sample("napari-seamless-unet", "nuclei")
    check_keys(dock(title))


def test_tab_leads_through_rows_that_were_added(
    viewer, dock, library, pixel_model, monkeypatch, qtbot
):
    viewer.add_image(np.zeros((3, 40, 50)), axis_labels=("c", "y", "x"))
    save_model(pixel_model(in_channels=2, channels=("b", "a")), library / "two.safetensors")
    segment = dock("Segment")
    segment.model.value = str(library / "two.safetensors")
    assert len(segment.channels.combos) == 2
    check_keys(segment)
    train = dock("Train")
    train.pair_list.add()
    train.pair_list.add()
    left = [checkpoint.Interrupted(library, name, 0.5, datetime.now(UTC), ()) for name in "ab"]
    monkeypatch.setattr("seamless_unet.plugin.interrupted_list.interrupted", lambda _: left)
    train.interrupted.show_those_in(library)
    check_keys(train)


def check_keys(panel):
    panel.more.value = True
    QApplication.processEvents()  # what was added has its place
    expected = controls(panel)
    first = min(expected, key=lambda w: (place(panel, w).top(), place(panel, w).left()))
    reached = followed(panel, first)
    assert {name(panel, w) for w in reached} == {name(panel, w) for w in expected}
    assert len(reached) == len(expected) > 3
    for one, other in pairwise(reached):
        assert comes_after(place(panel, one), place(panel, other)), (
            f"'{name(panel, other)}' comes after '{name(panel, one)}'"
        )
    assert [type(w) for w in reached if not name(panel, w)] == []
