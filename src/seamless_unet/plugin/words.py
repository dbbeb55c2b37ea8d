"""Text in docks."""

import math

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel


def words() -> QLabel:
    """Return a place for text, which wraps instead of being cut off."""
    label = _Words()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class _Words(QLabel):
    """A label that insists on the height of its lines: a form layout would give it too few."""

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Follow a new width."""
        super().resizeEvent(event)
        self._insist()

    def setText(self, text: str | None) -> None:  # noqa: N802
        """Show a text."""
        super().setText(text)
        self._insist()

    def _insist(self) -> None:
        self.setMinimumHeight(0)  # or Qt would not find that fewer lines need less
        if self.text():
            self.setMinimumHeight(self.heightForWidth(self.width()))


def left(seconds: float) -> str:
    """Say how long something still takes, if that is known.

    >>> left(75), left(8), left(math.inf)
    (', 1 min 15 s left', ', 8 s left', '')
    """
    if not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", {minutes} min {rest} s left" if minutes else f", {rest} s left"
