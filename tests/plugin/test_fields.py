from magicgui.widgets import ComboBox, FloatSlider, SpinBox
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QSlider

from seamless_unet.plugin.form import Form


def turn_wheel(widget):
    """Turn the wheel by one notch over a widget; return whether it took it."""
    at, below = QPointF(widget.rect().center()), widget.mapToGlobal(QPoint(0, 0))
    no = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    event = QWheelEvent(
        at, QPointF(below), QPoint(0, 0), QPoint(0, -120), *no, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_scrolling_over_a_field_changes_it_only_if_it_was_clicked(qtbot):
    combo = ComboBox(label="Image", choices=["one", "two", "three"], value="two")
    number = SpinBox(label="Size", value=50)
    slider = FloatSlider(label="Threshold", value=0.5, max=1)
    fields, form = [combo, number, slider], Form()
    qtbot.addWidget(form)
    form.lay_out(fields, options=[], below=[])
    form.show()
    form.activateWindow()
    qtbot.waitUntil(form.isActiveWindow)
    (bar,) = slider.native.findChildren(QSlider) or [slider.native]
    parts = [combo.native, number.native, bar]
    form.setFocus()
    for part in parts:
        assert part.focusPolicy() == Qt.FocusPolicy.StrongFocus
        part.clearFocus()
        turn_wheel(part)
    assert [field.value for field in fields] == ["two", 50, 0.5]
    for part in parts:
        part.setFocus()
        assert turn_wheel(part)
    assert combo.value == "three"
    assert number.value == 49
    assert slider.value < 0.5
