"""What the docks have in common: a form, a job, its progress and its end."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from magicgui.widgets import CheckBox, ComboBox
from magicgui.widgets.bases import ValueWidget
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from seamless_unet.plugin import layers
from seamless_unet.plugin.worker import Event, Job, Worker, shared_worker

_MIN_WIDTH = 320  # pixels; no label is cut off


class Panel(QScrollArea):
    """A form in a dock. A subclass adds rows to it and says what its buttons do."""

    def __init__(self, napari_viewer: Any, *, start: str, stop: str) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.worker = shared_worker()
        self.job: Job | None = None
        self._jobs: list[Job] = []  # what `destroyed` has to end; never another list
        self.more = CheckBox(text="More options", tooltip="Show settings that rarely matter.")
        self.start_button, self.stop_button = QPushButton(start), QPushButton(stop)
        self.stop_button.setEnabled(False)
        self.bar = QProgressBar()
        self.bar.hide()
        self.status = words()
        self.start_button.clicked.connect(self._start_clicked)
        self.stop_button.clicked.connect(self._stop_clicked)
        self.destroyed.connect(partial(_abandon, self.worker, self._jobs))

    def lay_out(
        self,
        rows: list[ValueWidget | QWidget],
        *,
        options: list[ValueWidget],
        below: list[QWidget],
    ) -> None:
        """Put the form together; ``options`` are shown when the user asks for more."""
        self.values = [w for w in rows if isinstance(w, ValueWidget)]
        self.options = options
        self.not_applicable: list[ValueWidget] = []  # options that stay hidden
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button)
        buttons.addWidget(self.stop_button)
        self.content = QWidget()
        self.rows = QFormLayout()
        column = QVBoxLayout(self.content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(self.rows)
        column.addStretch(1)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for row in (*rows, *([self.more, *options] if options else [])):
            self._add_row(row)
        self.rows.addRow(buttons)
        for widget in (self.bar, self.status, *below):
            self.rows.addRow(widget)
        self.setWidget(self.content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.more.changed.connect(self.show_options)
        self.show_options()

    def _add_row(self, row: ValueWidget | QWidget) -> None:
        if not isinstance(row, ValueWidget):
            self.rows.addRow(row)
            return
        if isinstance(row.native, QComboBox):  # a long layer name must not widen the dock
            row.native.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            row.native.setMinimumContentsLength(12)
        label = QLabel("" if isinstance(row, CheckBox) else row.label)
        label.setToolTip(row.tooltip)
        self.rows.addRow(label, row.native)

    def show_row(self, row: ValueWidget, shown: bool) -> None:
        """Show or hide a row of the form."""
        label = self.rows.labelForField(row.native)
        assert label is not None
        for part in (label, row.native):
            part.setVisible(shown)
        self.updateGeometry()

    def show_options(self, *_: Any) -> None:
        """Show the options that apply, if the user asked for more."""
        for row in self.options:
            self.show_row(row, self.more.value and row not in self.not_applicable)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return Qt's preferred size: the whole form."""
        return self.content.sizeHint().expandedTo(self.minimumSizeHint())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return Qt's smallest size: all of the form's width, and enough height to scroll in."""
        bar = QScrollBar().sizeHint().width()
        return QSize(max(self.content.minimumSizeHint().width() + bar, _MIN_WIDTH), 180)

    def event(self, event: QEvent | None) -> bool:
        """End the job when the dock is closed: napari then only takes the widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange and not self.parent():
            self._stop_clicked()
        return super().event(event)

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        for row in self.values:
            if isinstance(row, ComboBox):
                row.reset_choices()

    def submit(self, request: Event, arrays: Mapping[str, Any], on_event: Callable) -> None:
        """Start a job whose events go to ``on_event`` until the last, and show that it runs."""
        self.job = self.worker.submit(request, arrays, on_event=on_event)
        self._jobs[:] = [self.job]
        self._set_running(True)
        self.show_progress(None, "Starting (the first time takes some seconds) ...")

    def show_progress(self, fraction: float | None, text: str) -> None:
        """Move the bar; ``None`` means that nobody knows how far."""
        self.bar.setRange(0, 0 if fraction is None else 100)
        if fraction is not None:
            self.bar.setValue(round(100 * fraction))
        self.status.setText(text)

    def show_end(self, text: str) -> None:
        """Show that no job is running any more, and why."""
        self.status.setText(text)
        self._set_running(False)
        self._jobs.clear()
        self.job = None

    def _set_running(self, running: bool) -> None:
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)
        self.bar.setVisible(running)

    def failed(self, event: Event) -> None:
        """Tell the user why a job ended without a result; the details go to the terminal."""
        self.show_end(event["message"])
        if details := event.get("traceback"):
            print(details)
        show_error(event["message"])

    def start(self) -> None:
        """Submit the job that the form describes; ValueError with words if it cannot be."""
        raise NotImplementedError

    def stop(self, job: Job) -> None:
        """End a job early."""
        self.worker.cancel(job)

    def _start_clicked(self) -> None:
        try:
            self.start()
        except (ValueError, OSError) as error:
            self.status.setText(str(error))
            show_info(str(error))

    def _stop_clicked(self) -> None:
        if self.job is not None:
            self.stop(self.job)


def layer_combo(viewer: Any, kind: type, *, label: str, tooltip: str) -> ComboBox:
    """Return a choice among the viewer's layers of a kind; the selected one if it is one."""
    combo = ComboBox(label=label, tooltip=tooltip, choices=lambda _: layers.in_viewer(viewer, kind))
    active = viewer.layers.selection.active
    if isinstance(active, kind):
        combo.value = active
    return combo


def words() -> QLabel:
    """Return a place for text, which wraps instead of being cut off."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def left(seconds: float) -> str:
    """Say how long something still takes, if that is known.

    >>> left(75), left(8), left(math.inf)
    (', 1 min 15 s left', ', 8 s left', '')
    """
    if not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", {minutes} min {rest} s left" if minutes else f", {rest} s left"


def _abandon(worker: Worker, jobs: list[Job], *_: Any) -> None:
    """Drop the jobs of a window that is gone."""
    for job in jobs:
        job.on_event = lambda event: None
        worker.cancel(job)
