import numpy as np
import pytest
from magicgui.widgets import LineEdit
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QLabel, QMenu, QPushButton

from seamless_unet.plugin.panel import Panel
from seamless_unet.plugin.words import left, words
from seamless_unet.plugin.worker import Worker

DOCKS = ["Segment", "Train"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(75, ", 1 min 15 s left"), (8.4, ", 8 s left"), (float("inf"), "")]
)
def test_left(seconds, words):
    assert left(seconds) == words


def test_words_take_the_place_that_they_need(qtbot):
    label = words()
    qtbot.addWidget(label)
    label.resize(200, 10)
    label.setText("one line")
    line = label.minimumHeight()
    assert 0 < line < 50
    label.setText("many words " * 40)
    assert label.minimumHeight() > 5 * line
    label.setText("one line")
    assert label.minimumHeight() == line
    label.setText("")
    assert label.minimumHeight() == 0


NAME = "Experiment_042_HeLa_position_07_denoised_registered_channel_01"


def test_a_long_name_is_broken_and_copied_whole(viewer, dock, qtbot):
    panel = dock("Segment")
    panel.say(f"The labels of {NAME} are gone.")
    qtbot.wait(100)
    assert panel.widget().width() <= panel.viewport().width()
    assert panel.status.height() > 2 * panel.status.fontMetrics().height()
    assert panel.status.text() == f"The labels of {NAME} are gone."
    panel.status.setSelection(14, len(NAME))
    (copy,) = panel.status.actions()
    copy.trigger()
    assert NAME.startswith(QApplication.clipboard().text())
    assert len(QApplication.clipboard().text()) > 40


def test_tags_are_not_broken(qtbot):
    label = words()
    qtbot.addWidget(label)
    legend = '<span style="background-color: #56b4e9;">&nbsp;</span> found'
    label.setText(legend)
    assert QLabel.text(label) == legend


@pytest.mark.parametrize("name", [*DOCKS, "Evaluate", "Look inside"])
def test_nothing_is_cut_off_in_a_small_window(viewer, dock, qtbot, name):
    viewer.open_sample("napari-seamless-unet", "nuclei_time")
    panel = dock(name)
    panel.more.value = True
    qtbot.wait(100)
    assert panel.widget().width() <= panel.viewport().width()
    texts = panel.findChildren(QLabel) + panel.findChildren(QPushButton)
    shown = [text for text in texts if text.isVisible() and text.text()]
    assert len(shown) > 5
    for text in shown:
        needed = text.heightForWidth(text.width()) if text.hasHeightForWidth() else 0
        assert text.height() >= needed, text.text()
        if not text.hasHeightForWidth():
            assert text.width() >= text.sizeHint().width(), text.text()
    assert viewer.window._qt_window.width() == 1024


@pytest.mark.parametrize("name", DOCKS)
def test_no_image(dock, click, name):
    panel = dock(name)
    click(panel.start_button)
    assert panel.status.text().startswith("Open an image first")
    assert panel.job is None


def test_dimensions_are_asked_for_where_they_are_not_clear(viewer, dock):
    viewer.add_image(np.zeros((8, 8)), name="flat")
    panel = dock("Segment")
    assert not panel.axes.native.isVisible()
    viewer.add_image(np.zeros((3, 8, 8)), name="stack")
    panel.image.value = viewer.layers["stack"]
    assert panel.axes.native.isVisible()
    assert panel.axes.value == "ZYX"
    viewer.layers.remove("stack")
    assert panel.image.value is viewer.layers["flat"]
    assert panel.axes.value == "YX"


def test_the_selected_layer_is_chosen(viewer, dock):
    first = viewer.add_image(np.zeros((8, 8)))
    viewer.add_image(np.zeros((8, 8)))
    viewer.layers.selection.active = first
    assert dock("Segment").image.value is first


def test_too_many_dimensions(viewer, dock, click):
    viewer.add_image(np.zeros((2,) * 6))
    panel = dock("Segment")
    click(panel.start_button)
    assert "too many dimensions" in panel.status.text()


def test_more_options(dock):
    panel = dock("Segment")
    assert not panel.device.native.isVisible()
    panel.more.value = True
    assert panel.device.native.isVisible()


@pytest.fixture
def open_stubborn(viewer, monkeypatch, qtbot):
    """Return a function that opens a panel whose jobs never end, without a child process."""
    monkeypatch.setattr(Worker, "_started", lambda self: None)
    monkeypatch.setattr(Worker, "_write", lambda self, message: None)

    def open_stubborn():
        panel = Stubborn(viewer)
        viewer.window.add_dock_widget(panel, name="Stubborn")
        qtbot.waitUntil(panel.isVisible)
        return panel

    return open_stubborn


class Stubborn(Panel):
    if_closed = "It is lost."

    def __init__(self, napari_viewer):
        super().__init__(napari_viewer, start="Begin", stop="Stop")
        self.name = LineEdit(label="Name", value="a")
        self.lay_out([self.name], options=[], below=[])
        self.events = []

    def start(self):
        if self.name.value == "bug":
            raise KeyError("forgotten")
        self.submit({"request": "nothing"}, {}, self._show)

    def _show(self, event):
        self.events.append(event["event"])
        if event["event"] == "cancelled":
            self.show_end("Cancelled.")
        elif event["event"] == "error":
            self.failed(event)
        else:
            raise TypeError("cannot be shown")


def test_an_error_offers_a_report(open_stubborn, click, notified, capsys):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    failure = {"message": "No memory. Close other programs.", "traceback": "line 7 of x.py"}
    job = stubborn.job
    job.on_event({"event": "error", **failure})
    assert stubborn.job is None
    assert notified() == ["No memory. Close other programs."]
    assert "line 7" in capsys.readouterr().err
    click(stubborn.report_button)
    text = QApplication.clipboard().text()
    assert text.startswith("No memory.")
    assert "Name: a" in text
    assert "line 7 of x.py" in text
    assert "copied" in stubborn.status.text()
    stubborn.worker.cancel(job)  # nobody has told the worker that it ended
    click(stubborn.start_button)
    assert not stubborn.report_button.isVisible()
    click(stubborn.stop_button)


def test_an_error_of_our_own(open_stubborn, click, notified, capsys):
    stubborn = open_stubborn()
    stubborn.name.value = "bug"
    click(stubborn.start_button)
    assert "KeyError: 'forgotten'" in stubborn.status.text()
    assert "copy the report" in notified()[0]
    assert "in start" in capsys.readouterr().err
    assert stubborn.report_button.isVisible()


def test_progress_is_shown_now_and_then(open_stubborn, click, qtbot):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    assert stubborn.status.text().startswith("Starting")
    assert not stubborn.bar.isTextVisible()  # nobody knows how far
    for percent in (10, 20, 30):
        stubborn.show_progress(percent / 100, f"at {percent}")
    assert (stubborn.bar.value(), stubborn.status.text()) == (10, "at 10")
    assert stubborn.bar.isTextVisible()
    qtbot.waitUntil(lambda: stubborn.status.text() == "at 30")
    assert stubborn.bar.value() == 30
    stubborn.show_progress(0.4, "at 40")
    stubborn.say("Wait.")
    qtbot.wait(600)
    assert stubborn.status.text() == "Wait."
    click(stubborn.stop_button)
    assert stubborn.status.text() == "Cancelled."
    click(stubborn.start_button)
    assert stubborn.status.text().startswith("Starting")
    assert stubborn.bar.value() == 0
    click(stubborn.stop_button)


def test_a_small_window_scrolls_to_the_progress(viewer, dock, click, monkeypatch, qtbot):
    monkeypatch.setattr(Worker, "_started", lambda self: None)
    monkeypatch.setattr(Worker, "_write", lambda self, message: None)
    viewer.window._qt_window.resize(900, 420)
    viewer.add_image(np.eye(32))
    panel = dock("Segment")
    panel.more.value = True
    qtbot.waitUntil(lambda: panel.verticalScrollBar().maximum() > 0)
    button = panel.start_button
    bottom = button.mapTo(panel.content, button.rect().bottomLeft()).y()
    panel.verticalScrollBar().setValue(bottom - panel.viewport().height() + 1)
    qtbot.waitUntil(lambda: button.visibleRegion().boundingRect() == button.rect())
    assert panel.status.visibleRegion().isEmpty()
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.status.visibleRegion().boundingRect() == panel.status.rect())
    assert not panel.bar.visibleRegion().isEmpty()
    click(panel.stop_button)


def test_bar_and_words_are_drawn_together(open_stubborn, click, qtbot):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    qtbot.wait(50)
    watch = _Watch()
    stubborn.bar.installEventFilter(watch)
    stubborn.status.installEventFilter(watch)
    stubborn.show_progress(0.4, "at 40")
    assert watch.painted == []  # each drawing by itself would be one of the whole window
    qtbot.waitUntil(lambda: {stubborn.bar, stubborn.status} <= set(watch.painted))
    click(stubborn.stop_button)


class _Watch(QObject):
    """Keeps what is painted of that whose events it filters."""

    def __init__(self):
        super().__init__()
        self.painted = []

    def eventFilter(self, watched, event):  # noqa: N802
        if event.type() == QEvent.Type.Paint:
            self.painted.append(watched)
        return False


def test_an_event_that_cannot_be_shown_ends_the_job(open_stubborn, click, capsys):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    stubborn.job.on_event({"event": "surprise"})
    assert stubborn.job is None
    assert stubborn.events == ["surprise", "cancelled"]
    assert "TypeError: cannot be shown" in stubborn.status.text()
    assert stubborn.start_button.isEnabled()
    assert "TypeError" in capsys.readouterr().err


def test_a_job_outlives_its_dock(viewer, open_stubborn, click, qtbot, notified):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    job = stubborn.job
    viewer.window.remove_dock_widget(stubborn)
    qtbot.waitUntil(lambda: stubborn.parent() is not None)
    assert not job.done
    assert not stubborn.isVisible()
    assert notified()[0].startswith("It goes on without its dock.")
    stubborn.worker.cancel(job)
    assert stubborn.job is None
    assert viewer.window._task_status_manager.get_status() == []
    again = open_stubborn()
    assert again is stubborn
    assert again.status.text() == "Cancelled."
    assert again.start_button.isEnabled()


def test_a_closed_dock_ends_with_its_window(viewer, open_stubborn, click, qtbot):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    viewer.window.remove_dock_widget(stubborn)
    qtbot.waitUntil(lambda: stubborn.parent() is not None)
    stubborn.worker.cancel(stubborn.job)
    gone = []
    stubborn.destroyed.connect(lambda: gone.append(True))
    viewer.close()
    qtbot.waitUntil(lambda: bool(gone))


def test_a_dock_that_is_opened_again_shows_its_job(viewer, dock, click, monkeypatch, qtbot):
    monkeypatch.setattr(Worker, "_started", lambda self: None)
    monkeypatch.setattr(Worker, "_write", lambda self, message: None)
    viewer.add_image(np.eye(32), name="first")
    panel = dock("Segment")
    click(panel.start_button)
    job = panel.job
    job.on_event({"event": "progress", "fraction": 0.25})
    viewer.window.remove_dock_widget(panel)
    qtbot.waitUntil(lambda: panel.parent() is not None)
    other = viewer.add_image(np.eye(16), name="second")
    again = dock("Segment")
    assert again is panel
    assert (again.job, again.bar.value()) == (job, 25)
    assert other in again.image.choices
    assert again.bar.isVisible()
    click(again.stop_button)
    assert again.status.text() == "Cancelled."
    viewer.window.remove_dock_widget(again)
    new = dock("Segment")
    assert new is not again  # nothing is running: it begins anew
    assert new.status.text() == ""


def test_a_closed_dock_comes_back_in_its_own_viewer_only(
    viewer, make_napari_viewer, open_stubborn, click, qtbot
):
    first = open_stubborn()
    click(first.start_button)
    viewer.window.remove_dock_widget(first)
    qtbot.waitUntil(lambda: first.parent() is not None)
    other = make_napari_viewer(show=True)
    second = Stubborn(other)
    other.window.add_dock_widget(second, name="Stubborn")
    assert second is not first
    assert second.job is None
    assert open_stubborn() is first
    click(first.stop_button)
    assert first.events == ["cancelled"]


def test_a_job_ends_with_its_window(viewer, open_stubborn, click, qtbot):
    stubborn = open_stubborn()
    click(stubborn.start_button)
    job = stubborn.job
    viewer.close()
    qtbot.waitUntil(lambda: job.done)


def test_closing_the_window_asks_while_a_job_runs(viewer, open_stubborn, click):
    stubborn = open_stubborn()
    status = viewer.window._task_status_manager.get_status
    click(stubborn.start_button)
    assert status() == ["Seamless U-Net: Stubborn is running. It is lost."]
    click(stubborn.stop_button)
    assert status() == []


def test_return_in_a_field_starts_nothing(open_stubborn, qtbot):
    stubborn = open_stubborn()
    stubborn.name.native.setFocus()
    qtbot.keyClick(stubborn.name.native, Qt.Key.Key_Return)
    assert stubborn.job is None


def test_buttons_have_keys(open_stubborn):
    stubborn = open_stubborn()
    buttons = (stubborn.start_button, stubborn.stop_button, stubborn.report_button)
    assert [button.shortcut().toString() for button in buttons] == ["Alt+B", "Alt+S", "Alt+Y"]


def test_a_dock_is_named_without_its_plugin(viewer, dock, monkeypatch, click):
    monkeypatch.setattr(Worker, "_started", lambda self: None)
    monkeypatch.setattr(Worker, "_write", lambda self, message: None)
    viewer.add_image(np.eye(32))
    panel = dock("Segment")
    click(panel.start_button)
    (status,) = viewer.window._task_status_manager.get_status()
    assert status.startswith("Seamless U-Net: Segment is running.")
    click(panel.stop_button)


def test_docks_of_two_viewers_do_not_trouble_each_other(make_napari_viewer, open_stubborn, click):
    first = open_stubborn()
    other = make_napari_viewer(show=True)
    second = Stubborn(other)
    other.window.add_dock_widget(second, name="Stubborn")
    click(first.start_button)
    second.start()
    jobs = first.job, second.job
    assert second.viewer.window._task_status_manager.get_status() == [
        "Seamless U-Net: Stubborn is running. It is lost."
    ]
    other.close()
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert [job.done for job in jobs] == [False, True]
    assert first.events == []
    click(first.stop_button)
    assert first.events == ["cancelled"]


def test_two_viewers_segment_at_once(
    viewer, make_napari_viewer, threshold_model, dock, click, ended, qtbot
):
    other = make_napari_viewer(show=True)
    image = np.zeros((40, 50), np.uint8)
    image[5:15, 5:15] = 200
    viewer.add_image(image, name="one")
    other.add_image(np.hstack([image, image]), name="two")
    first = dock("Segment")
    (menu,) = [m for m in other.window.plugins_menu.findChildren(QMenu) if "Seamless" in m.title()]
    (action,) = [a for a in menu.actions() if a.text().startswith("Segment")]
    action.trigger()
    (second,) = other.window.dock_widgets.values()
    assert second is not first
    qtbot.waitUntil(second.start_button.isVisible)
    click(first.start_button)
    click(second.start_button)
    assert first.job is not None
    assert second.job is not None
    assert (ended(first), ended(second)) == ("Done. 1 cell found.", "Done. 2 cells found.")
    assert [layer.name for layer in viewer.layers] == ["one", "one threshold"]
    assert [layer.name for layer in other.layers] == ["two", "two threshold"]
    click(second.start_button)
    other.window.remove_dock_widget(second)
    qtbot.waitUntil(lambda: second.job is None)
    assert len(other.layers) == 3
    assert len(viewer.layers) == 2


def test_the_same_dock_twice(viewer, click, open_stubborn):
    first, second = open_stubborn(), Stubborn(viewer)
    viewer.window.add_dock_widget(second, name="Stubborn again")
    click(first.start_button)
    second.start()
    first.worker.cancel(first.job)
    assert first.job is None
    assert second.job is not None
    second.worker.cancel(second.job)
    assert (first.events, second.events) == (["cancelled"], ["cancelled"])
