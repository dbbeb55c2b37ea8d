"""Text in docks."""

import math
import re

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QAction, QKeySequence, QResizeEvent  # type: ignore[attr-defined]
from qtpy.QtWidgets import QApplication, QLabel

_LONG = re.compile(r"<[^>]*>|[^\s<>]{20,}")  # tags of rich text, and what has to be broken
_BREAK = "\u200b"  # a space without width


def words() -> QLabel:
    """Return a place for text, which wraps instead of being cut off."""
    label = _Words()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class _Words(QLabel):
    """A label that insists on the height of its lines: a form layout would give it too few.

    Long names, which have no spaces, are broken too, or they would widen the dock.
    """

    def __init__(self) -> None:
        super().__init__()
        copy = QAction("&Copy", self)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def _copy(self) -> None:
        """Copy what is selected as it was given."""
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(_whole(self.selectedText() or super().text()))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return Qt's smallest size, which is as wide as the longest word: it may be cut off."""
        return QSize(0, super().minimumSizeHint().height())

    def text(self) -> str:
        """Return the text as it was given."""
        return _whole(super().text())

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Follow a new width."""
        super().resizeEvent(event)
        self._insist()

    def setText(self, text: str | None) -> None:  # noqa: N802
        """Show a text."""
        super().setText(_LONG.sub(_breakable, text or ""))
        self._insist()

    def _insist(self) -> None:
        self.setMinimumHeight(0)  # or Qt would not find that fewer lines need less
        if self.text():
            self.setMinimumHeight(self.heightForWidth(self.width()))


def _breakable(found: re.Match[str]) -> str:
    word = found[0]
    if word.startswith("<"):
        return word
    return re.sub(r"((?<=\w)[_.-]|[\\/])(?=[\w.])", rf"\1{_BREAK}", word)


def _whole(text: str) -> str:
    return text.replace(_BREAK, "")


def left(seconds: float) -> str:
    """Say how long something still takes, if that is known.

    >>> left(75), left(8), left(math.inf)
    (', 1 min 15 s left', ', 8 s left', '')
    """
    if not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", {minutes} min {rest} s left" if minutes else f", {rest} s left"
