"""What the docks have in common: a form, a job, its progress and its end."""

import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from weakref import ref

from magicgui.widgets.bases import ValueWidget
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QWidget,
)

from seamless_unet.plugin import closed_dock, layers, models
from seamless_unet.plugin.activity import Activity
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.form import Form
from seamless_unet.plugin.job import Event, Job
from seamless_unet.plugin.redraw import Redraw
from seamless_unet.plugin.report import report, settings_of
from seamless_unet.plugin.words import words
from seamless_unet.plugin.worker import Worker, shared_worker


class Panel(Form, metaclass=closed_dock.Reopening):
    """A form in a dock. A subclass adds rows to it and says what its buttons do.

    A job outlives its dock: where the dock is closed, it goes on, and its bar in napari's
    activity dock can end it. Opened again, the dock shows it, or how it has ended meanwhile. It
    ends with the window, about which napari asks the user first. What would be lost with a form
    (`is_worth_keeping`) is there, too, when its dock is opened again.
    """

    if_closed = "If you close, it stops and nothing of it is kept."

    def __init__(self, napari_viewer: Any, *, start: str, stop: str) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.worker = shared_worker()
        self.job: Job | None = None
        self._abandoned: list[Callable[[], None]] = []  # what `destroyed` does; never another list
        self._activity: Activity | None = None
        self._failure: Event = {}
        self._form: list[str] = []  # as it was when the latest job began, for a report
        self._window: ref[QMainWindow] | None = None  # napari's, around the dock
        self.start_button, self.stop_button = QPushButton(f"&{start}"), QPushButton(f"&{stop}")
        self.report_button = QPushButton("Cop&y report")
        self.report_button.setToolTip("Copy what is needed to find the error, to send to somebody.")
        self.report_button.clicked.connect(self._report_clicked)
        self.report_button.hide()
        self.stop_button.setEnabled(False)
        self.bar = QProgressBar()
        self.bar.setRange(0, 100)
        self.bar.hide()
        self.status = words()
        self._progress: tuple[float | None, str] = (None, "")  # the latest, and what to say of it
        self._redraw = Redraw(self)
        self._redraw.due.connect(self._draw_progress)
        models.signals.listed.connect(self.reset_choices)
        self.start_button.clicked.connect(self._start_clicked)
        self.stop_button.clicked.connect(self._stop_clicked)
        self.destroyed.connect(partial(_abandon, self._abandoned))

    def lay_out(
        self,
        rows: list[ValueWidget | QWidget],
        *,
        options: list[ValueWidget],
        below: list[QWidget],
    ) -> None:
        """Put the form together: see `Form`; the buttons come before what is ``below``."""
        buttons = QWidget()
        row = QHBoxLayout(buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.start_button)
        row.addWidget(self.stop_button)
        own = [buttons, self.bar, self.status, self.report_button]
        super().lay_out(rows, options=options, below=[*own, *below])

    def event(self, event: QEvent | None) -> bool:
        """Stay when the dock is closed, if need be: napari takes the widget out of it."""
        kind = None if event is None else event.type()
        window = _main_window(self) if kind == QEvent.Type.Show else None
        if window is not None:
            self._window = ref(window)
        removed = kind == QEvent.Type.ParentChange and self.parent() is None
        if removed and self.is_worth_keeping:
            QTimer.singleShot(0, self._stay)  # not while napari is still at it
        return super().event(event)

    @property
    def is_worth_keeping(self) -> bool:
        """Whether something would be lost with the form."""
        return self.job is not None

    @property
    def is_closed(self) -> bool:
        """Whether the form is in no dock."""
        return isinstance(self.parentWidget(), QMainWindow | None)

    def _stay(self) -> None:
        """Live on, unseen, in the window, and so no longer than it."""
        window = self._window() if self._window is not None else None
        if self.parent() is not None or window is None:
            return
        self.setParent(window)
        self.hide()
        closed_dock.keep(self)
        if self.job is not None:
            show_info("It goes on without its dock. Open the dock again to see it or to stop it.")

    def submit(self, request: Event, arrays: Mapping[str, Any], on_event: Callable) -> None:
        """Start a job whose events go to ``on_event`` until the last, and show that it runs."""
        self._failure = {}
        self._remember_form()
        self.report_button.hide()
        waits = self.worker.is_busy
        job = self.worker.submit(request, arrays, on_event=partial(self._received, on_event))
        activity = Activity(
            _main_window(self),
            self._title(),
            if_closed=self.if_closed,
            on_cancel=self._stop_clicked,
        )
        self.job, self._activity = job, activity
        self._abandoned[:] = [activity.end, partial(_drop, self.worker, job)]
        self._set_running(True)
        self.show_progress(
            None,
            "Waiting until the job before it has ended (stop that one to go on at once) ..."
            if waits
            else "Starting (the first time takes some seconds) ...",
        )
        self.reveal_status()

    def _received(self, on_event: Callable[[Event], None], event: Event) -> None:
        try:
            on_event(event)
        except Exception as error:  # whatever a layer or napari itself may raise
            if self.job is not None:
                self.worker.cancel(self.job)
            self.failed(_unexpected(error))

    def _title(self) -> str:
        dock = self.parentWidget()
        return dock.windowTitle().split(" (")[0] if dock is not None else "A job"

    def show_progress(self, fraction: float | None, text: str) -> None:
        """Move the bar; ``None`` means that nobody knows how far."""
        known = fraction is not None and self._progress[0] is not None
        self._progress = (fraction, text)
        if self._activity is not None:
            self._activity.progress(fraction)
        if known:
            self._redraw.soon()
        else:  # another part of the job begins
            self._redraw.now()

    def _draw_progress(self) -> None:
        fraction, text = self._progress
        self.bar.setUpdatesEnabled(False)  # or it draws itself at once, not together with the words
        # without a number it stands still: what turns in napari's status bar moves enough
        self.bar.setValue(round(100 * (fraction or 0)))
        self.bar.setTextVisible(fraction is not None)
        self.bar.setUpdatesEnabled(True)
        self.status.setText(text)

    def say(self, text: str) -> None:
        """Say something else than how far the job is."""
        self._redraw.forget()
        self.status.setText(text)

    def reveal_status(self) -> None:
        """Scroll to what is said of the job, once there is place for what was added to the form."""
        QTimer.singleShot(0, self._reveal)

    def _reveal(self) -> None:
        self.ensureWidgetVisible(self.status)

    def show_end(self, text: str) -> None:
        """Show that no job is running any more, and why."""
        self.say(text)
        self._set_running(False)
        if self._activity is not None:
            self._activity.end()
        self._abandoned.clear()
        if self.job is not None:
            self.job.on_event = _ignore  # the worker may keep the job a little longer
        self.job = self._activity = None

    def _set_running(self, running: bool) -> None:
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)
        self.bar.setVisible(running)

    def failed(self, event: Event) -> None:
        """Tell the user why a job ended without a result, and offer a report of it."""
        self.show_end(event["message"])
        self._failure = event
        self.report_button.show()
        if details := event.get("traceback"):
            print(details, file=sys.stderr)
        show_error(event["message"])

    def _report_clicked(self) -> None:
        details = self._failure.get("traceback", "")
        text = report(self._failure["message"], details=details, settings=self._form)
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        self.status.setText(f"{self._failure['message']}\nThe report is copied: paste it anywhere.")

    def is_free(self) -> bool:
        """Whether no job is running; if one is, the user is told."""
        if self.job is not None:
            show_info(f"{self._title()} is at work: stop that, or let it end.")
        return self.job is None

    def start(self) -> None:
        """Submit the job that the form describes; ValueError with words if it cannot be."""
        raise NotImplementedError

    def stop(self, job: Job) -> None:
        """End a job early."""
        self.worker.cancel(job)

    def _remember_form(self) -> None:
        """Keep what a report would say of the form, which somebody may change meanwhile."""
        form = {row.label or row.name: row.value for row in (*self.values, *self.options)}
        self._form = settings_of(form)

    def _start_clicked(self) -> None:
        self._remember_form()
        try:
            self.start()
        except (ValueError, OSError) as error:
            self.status.setText(str(error))
            show_info(str(error))
        except Exception as error:  # a dock must not die of what nobody thought of
            self.failed(_unexpected(error))

    def _stop_clicked(self) -> None:
        if self.job is not None:
            self.stop(self.job)


def layer_combo(viewer: Any, kind: type, *, label: str, tooltip: str) -> Choice:
    """Return a choice among the viewer's layers of a kind; the selected one if it is one."""
    combo = Choice(label=label, tooltip=tooltip, choices=lambda _: layers.in_viewer(viewer, kind))
    active = viewer.layers.selection.active
    if active in combo.choices:
        combo.value = active
    return combo


def _unexpected(error: Exception) -> Event:
    what = f"{type(error).__name__}: {error}"
    return {
        "message": f"This should not have happened ({what}). Your layers are as they were. "
        "Please copy the report and send it to the plugin's developers.",
        "traceback": "".join(traceback.format_exception(error)),
    }


def _main_window(widget: QWidget) -> QMainWindow | None:
    above = widget.parentWidget()
    while above is not None and not isinstance(above, QMainWindow):
        above = above.parentWidget()
    return above


def _abandon(steps: list[Callable[[], None]], *_: Any) -> None:
    for step in steps:
        step()


def _drop(worker: Worker, job: Job) -> None:
    """End a job whose window is gone."""
    job.on_event = _ignore
    worker.cancel(job)


def _ignore(event: Event) -> None:
    """Do nothing about the event of a job that is of no interest any more."""
