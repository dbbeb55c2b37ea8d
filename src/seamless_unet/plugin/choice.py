"""A choice out of a list that changes, such as that of the viewer's layers."""

from typing import Any

from magicgui.widgets import ComboBox


class Choice(ComboBox):
    """A combo box whose value stays chosen when its words change, as when a layer is renamed.

    The list is in the order in which it is given, and opens as wide as its words.
    """

    def reset_choices(self, *_: Any) -> None:
        """Ask for the choices again; ``changed`` is emitted only if the value is another."""
        before = self.value
        with self.changed.blocked():
            self.choices = ()
            super().reset_choices()
            if before in self.choices:
                self.value = before
        view = self.native.view()
        view.setMinimumWidth(
            view.sizeHintForColumn(0) + view.verticalScrollBar().sizeHint().width()
        )
        if self.value != before:
            self.changed.emit(self.value)
