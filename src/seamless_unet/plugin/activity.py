"""A job as napari shows it: a bar in the activity dock, and a question before it closes."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

from napari.utils.progress import cancelable_progress
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QMainWindow

_PAUSE = 500  # milliseconds between two looks at the bar; a shorter job never gets one
_CALM = 7  # per cent of the speed of napari's waiting animation: see `_animate`
_FORMAT = "|{remaining} left"  # napari shows what follows the last "|"


class _Bar(cancelable_progress):
    def __init__(self, title: str, on_cancel: Callable[[], None]) -> None:
        self._on_cancel = on_cancel
        quiet = io.StringIO()  # without it, tqdm writes to the terminal as well
        super().__init__(desc=title, file=quiet, bar_format=_FORMAT, smoothing=0, mininterval=0)

    def cancel(self) -> None:
        super().cancel()
        self._on_cancel()


class Activity:
    """One job in napari's activity dock.

    napari lets all waiting events happen whenever its bar changes. So the bar is only ever
    touched from a timer, where nothing of ours can be interrupted half way, and what happens
    meanwhile is only noted.

    Parameters
    ----------
    window
        napari's, or ``None``.
    title
        What the user calls the job.
    if_closed
        What becomes of the job if the window is closed; napari asks the user then.
    on_cancel
        Called when the user clicks the bar's Cancel.
    """

    def __init__(
        self,
        window: QMainWindow | None,
        title: str,
        *,
        if_closed: str,
        on_cancel: Callable[[], None],
    ) -> None:
        self._window, self._title, self._on_cancel = window, title, on_cancel
        self._bar: _Bar | None = None
        self._fraction: float | None = None
        self._shown = _is_visible(window)
        self._changing = self._ended = False
        self._question = _Question(window, f"{title} is running. {if_closed}")
        self._timer = QTimer()
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def progress(self, fraction: float | None) -> None:
        """Say how far the job is; ``None`` where nobody knows."""
        self._fraction = fraction

    def end(self) -> None:
        """Take the bar and the question away; more than once does no harm."""
        self._ended = True
        self._timer.stop()
        self._question.withdraw()
        if not self._changing and self._bar is not None:
            self._bar.close()
            _animate(self._window, 100)

    def _look(self) -> None:
        # of a window that closes, napari's handling of events would swallow that its loop is to end
        visible = _is_visible(self._window)
        if self._changing or (self._shown and not visible):
            return
        self._shown = visible
        self._changing = True
        try:
            self._change()
        finally:
            self._changing = False
        if self._ended:
            self.end()

    def _change(self) -> None:
        if self._bar is None:
            self._bar = _Bar(self._title, self._on_cancel)
            _animate(self._window, _CALM)
        if self._fraction is None or self._ended:
            return
        percent = round(100 * self._fraction)
        if self._bar.total != 100 or percent < self._bar.n:  # the time left counts from here
            self._bar.reset(total=100)
        if percent > self._bar.n:
            self._bar.update(percent - self._bar.n)


def _is_visible(window: QMainWindow | None) -> bool:
    with contextlib.suppress(RuntimeError):  # it may be gone
        return window is not None and window.isVisible()
    return False


def _animate(window: QMainWindow | None, speed: int) -> None:
    """Set the speed of what turns in the status bar while there is a bar, in per cent.

    Each of its pictures makes Qt compose the window anew. Without a graphics card that takes a
    quarter of the time that a training needs for itself.
    """
    with contextlib.suppress(RuntimeError):  # the window may be gone before the job
        for label in window.findChildren(QLabel) if window else ():
            if movie := label.movie():
                movie.setSpeed(speed)


class _Question:
    """What napari says when the user closes a window in which something still runs."""

    def __init__(self, window: QMainWindow | None, text: str) -> None:
        # what napari has for its own workers; versions without it close unasked
        napari_window = getattr(window, "_window", None)
        self._napari: Any = None
        if napari_window is not None and hasattr(napari_window, "_register_task_status"):
            from napari.utils.task_status import Status

            self._napari, self._over = napari_window, Status.COMPLETED
            self._id = napari_window._register_task_status("Seamless U-Net", Status.BUSY, text)

    def withdraw(self) -> None:
        if self._napari is not None:
            self._napari._update_task_status(self._id, self._over)
            self._napari = None
