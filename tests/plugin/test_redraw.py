import pytest
from qtpy.QtCore import QObject

from seamless_unet.plugin.redraw import Redraw


@pytest.fixture
def drawn(qtbot):
    """Return something to be drawn, and the list of what was drawn of it."""
    parent = QObject()
    redraw, values = Redraw(parent), []
    redraw.value = 0
    redraw.due.connect(lambda: values.append(redraw.value))
    yield redraw, values
    parent.deleteLater()


def change(redraw, value):
    redraw.value = value
    redraw.soon()


def test_the_first_change_is_drawn_at_once_and_then_the_last(drawn, qtbot):
    redraw, values = drawn
    for value in range(1, 10):
        change(redraw, value)
    assert values == [1]
    qtbot.waitUntil(lambda: len(values) == 2)
    assert values == [1, 9]


def test_what_does_not_change_is_not_drawn(drawn, qtbot):
    redraw, values = drawn
    change(redraw, 1)
    qtbot.waitUntil(lambda: not redraw._pause.isActive())
    assert values == [1]


def test_now_leaves_nothing_for_later(drawn, qtbot):
    redraw, values = drawn
    change(redraw, 1)
    change(redraw, 2)
    redraw.now()
    qtbot.waitUntil(lambda: not redraw._pause.isActive())
    assert values == [1, 2]


def test_what_is_forgotten_is_not_drawn(drawn, qtbot):
    redraw, values = drawn
    change(redraw, 1)
    change(redraw, 2)
    redraw.forget()
    qtbot.waitUntil(lambda: not redraw._pause.isActive())
    assert values == [1]
