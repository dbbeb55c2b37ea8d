"""Fields of a form, as all of them behave: made of combo boxes, numbers and sliders."""

from collections.abc import Sequence

from magicgui.widgets import CheckBox
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLabel, QSlider, QWidget

_LETTERS = 12  # that a combo box has place for; a long layer name must not widen the dock


class _StillWheel(QObject):
    """Keeps the mouse wheel from changing fields that somebody scrolls over."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Hand the wheel on, unless the field was clicked before."""
        assert isinstance(watched, QWidget)
        assert event is not None
        if event.type() != QEvent.Type.Wheel or watched.hasFocus():
            return False
        event.ignore()
        return True


def labelled(field: ValueWidget, *, widest: int | None = None) -> QLabel:
    """Make a field ready for a form, and return the label that belongs beside it.

    Of words that may be long, as many are shown as ``widest`` pixels have place for, and all when
    the pointer is there.
    """
    native: QWidget = field.native
    if isinstance(native, QComboBox):
        native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        native.setMinimumContentsLength(_LETTERS)
    numbers = [part for kind in (QSlider, QAbstractSpinBox) for part in native.findChildren(kind)]
    for part in numbers:  # a slider and the number beside it
        part.setAccessibleName(field.label)
    wheel = _StillWheel(native)
    for part in (native, *numbers):
        if isinstance(part, QComboBox | QSlider | QAbstractSpinBox):
            part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            part.installEventFilter(wheel)
    words = "" if isinstance(field, CheckBox) else field.label
    label = QLabel()
    side = Qt.TextElideMode.ElideRight
    short = label.fontMetrics().elidedText(words, side, widest) if widest else words
    label.setText(short.replace("&", "&&"))  # one would underline a letter
    label.setToolTip(field.tooltip if short == words else f"{words}\n{field.tooltip}")
    label.setBuddy(native)  # which tells a screen reader what the field is
    return label


def put_in_tab_order(container: QWidget, parts: Sequence[QWidget]) -> None:
    """Let Tab go through parts of a container, which may be new, in their order where it is."""
    before = _previous(container)
    while before is not container and (container.isAncestorOf(before) or not _takes_tab(before)):
        before = _previous(before)
    for part in parts:
        QWidget.setTabOrder(before, part)
        before = part


def _previous(widget: QWidget) -> QWidget:
    """Return what comes before a widget in the order of all of the window, which is a ring."""
    previous = widget.previousInFocusChain()
    assert previous is not None
    return previous


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
