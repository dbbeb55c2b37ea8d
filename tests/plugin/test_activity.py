import pytest
from napari._qt.widgets.qt_progress_bar import QtLabeledProgressBar
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel

from seamless_unet.plugin.activity import Activity


@pytest.fixture
def begin(viewer, monkeypatch):
    """Return a function that begins an activity, which is looked at every 10 ms."""
    monkeypatch.setattr("seamless_unet.plugin.activity._PAUSE", 10)

    def begin(on_cancel=lambda: None):
        window = viewer.window._qt_window
        return Activity(window, "Train", if_closed="It is lost.", on_cancel=on_cancel)

    return begin


def bars(viewer):
    return viewer.window._qt_window._activity_dialog.findChildren(QtLabeledProgressBar)


def test_a_bar_that_moves(viewer, begin, qtbot):
    activity = begin()
    assert bars(viewer) == []  # a short job needs none
    qtbot.waitUntil(lambda: len(bars(viewer)) == 1)
    (bar,) = bars(viewer)
    assert bar.description_label.text() == "Train: "
    assert bar.qt_progress_bar.maximum() == 0  # nobody knows how far
    activity.progress(0.25)
    qtbot.waitUntil(lambda: bar.qt_progress_bar.value() == 25)
    assert bar.qt_progress_bar.maximum() == 100
    assert bar.eta_label.text().endswith(" left")
    activity.progress(0.10)  # another part of the job
    qtbot.waitUntil(lambda: bar.qt_progress_bar.value() == 10)
    activity.end()
    activity.end()
    qtbot.waitUntil(lambda: bars(viewer) == [])


def test_a_window_that_closes_gets_no_bar(viewer, begin, qtbot):
    """napari lets events happen while it makes one, and its loop would never end."""
    window = viewer.window._qt_window
    window.show()
    activity = begin()
    window.hide()  # as it is from the moment it is closed until it is deleted
    qtbot.wait(100)
    assert bars(viewer) == []
    window.show()
    qtbot.waitUntil(lambda: len(bars(viewer)) == 1)
    activity.end()


def test_what_turns_meanwhile_turns_slowly(viewer, begin, qtbot):
    labels = viewer.window._qt_window.findChildren(QLabel)
    (movie,) = [label.movie() for label in labels if label.movie()]
    activity = begin()
    qtbot.waitUntil(lambda: len(bars(viewer)) == 1)
    assert movie.speed() < 20
    activity.end()
    assert movie.speed() == 100


def test_its_cancel_button(viewer, begin, qtbot, click):
    cancelled = []
    activity = begin(lambda: cancelled.append(1))
    viewer.window._qt_window._activity_dialog.show()
    qtbot.waitUntil(lambda: len(bars(viewer)) == 1)
    (bar,) = bars(viewer)
    qtbot.waitUntil(bar.cancel_button.isVisible)
    click(bar.cancel_button)
    assert cancelled == [1]
    activity.end()


def test_what_happens_while_napari_draws_the_bar(viewer, begin, qtbot):
    """The job ends in the very moment in which napari lets events happen."""
    activity = begin()
    QTimer.singleShot(0, lambda: activity.progress(0.5))
    closed = []
    change = activity._change

    def end_inside():
        QTimer.singleShot(0, activity.end)
        change()
        closed.append(activity._ended)

    activity._change = end_inside
    qtbot.waitUntil(lambda: closed == [True])
    qtbot.waitUntil(lambda: bars(viewer) == [])


def test_napari_asks_before_it_closes(viewer, begin):
    activity = begin()
    manager = viewer.window._task_status_manager
    assert manager.get_status() == ["Seamless U-Net: Train is running. It is lost."]
    activity.end()
    assert manager.get_status() == []


def test_without_a_window(qtbot):
    activity = Activity(None, "Train", if_closed="", on_cancel=lambda: None)
    activity.progress(0.5)
    activity.end()
