"""A choice out of a list that changes, such as that of the viewer's layers."""

from typing import Any

from magicgui.widgets import ComboBox


class Choice(ComboBox):
    """A combo box whose value stays chosen when its words change, as when a layer is renamed.

    The list is in the order in which it is given, and opens as wide as its words.
    """

    _lost: tuple[str, Any] | None = None  # the words of what was chosen, and what is since

    def reset_choices(self, *_: Any) -> None:
        """Ask for the choices again; ``changed`` is emitted only if the value is another."""
        before, words = self.value, self.current_choice
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
            if before is not None and self.choices:
                self._lost = (words or "", self.value)
            self.changed.emit(self.value)

    def follow(self, before: Any, now: Any) -> None:
        """Keep something chosen that is called otherwise now."""
        if self.value == before:
            with self.changed.blocked():
                self.reset_choices()
                self.value = now
            self._lost = None

    def give_way(self, value: Any) -> None:
        """Take a value that nobody has chosen either, where what was chosen is lost."""
        lost, self.value = self._lost, value
        if lost is not None:
            self._lost = (lost[0], value)

    def check_not_lost(self, what: str) -> None:
        """Refuse, once, what nobody has chosen: it took the place of something that is gone.

        Parameters
        ----------
        what
            It is, in words: "The region".

        Raises
        ------
        ValueError
            With words that say both.
        """
        lost, self._lost = self._lost, None
        if lost is not None and lost[1] == self.value:
            raise ValueError(
                f"{what} that was chosen, '{lost[0]}', is gone, and '{self.current_choice}' has "
                "taken its place. Choose another one, or click once more if that is right."
            )
