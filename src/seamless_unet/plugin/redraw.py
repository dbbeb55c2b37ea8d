"""Drawing no more often than a user can follow."""

import time

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

_PAUSE = 500  # milliseconds between two drawings


class Redraw(QObject):
    """Says when to draw what has changed: at once, and then twice a second at most.

    Whatever changes in napari's window, Qt composes all of the window anew. Without a graphics
    card each time takes some 20 ms of both the window and what is computed beside it.
    """

    due = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._changed = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self._look)

    def soon(self) -> None:
        """Draw what has changed, as soon as the pause after the last time is over."""
        self._changed = True
        if not self._pause.isActive():
            self._look()

    def now(self) -> None:
        """Draw at once; nothing is left to be drawn later."""
        self._changed = False
        # all end their pauses together, so that Qt composes the window once for all of them
        self._pause.start(_PAUSE - time.monotonic_ns() // 1_000_000 % _PAUSE)
        self.due.emit()

    def forget(self) -> None:
        """Draw nothing of what has changed."""
        self._changed = False

    def _look(self) -> None:
        if self._changed:
            self.now()
