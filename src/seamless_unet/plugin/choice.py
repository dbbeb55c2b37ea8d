"""A choice out of a list that changes, such as that of the viewer's layers."""

from typing import Any

from magicgui.widgets import ComboBox


class Choice(ComboBox):
    """A combo box whose value stays chosen when its words change, as when a layer is renamed.

    The list is in the order in which it is given, and opens as wide as its words.
    """

    was_chosen = False  # by somebody, or in another session
    _lost: str | None = None  # the words of what was chosen, where something else took its place
    _replacing = False

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.changed.connect(self._changed)

    def _changed(self, _: Any) -> None:
        if not self._replacing:  # somebody has chosen
            self._lost, self.was_chosen = None, True

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
            if not self.choices:
                self._lost = None  # what is chosen next, somebody opens
            elif before is not None:
                self._lost = self._lost or words or ""
            self._replaced()

    def follow(self, before: Any, now: Any) -> None:
        """Keep something chosen that is called otherwise now."""
        if self.value == before:
            with self.changed.blocked():
                self.reset_choices()
                self.value = now
            self._lost = None

    def give_way(self, value: Any) -> None:
        """Take another value, without anybody having chosen it."""
        with self.changed.blocked():
            self.value = value
        self._replaced()

    def _replaced(self) -> None:
        self._replacing = True
        try:
            self.changed.emit(self.value)
        finally:
            self._replacing = False

    @property
    def is_lost(self) -> bool:
        """Whether what was chosen is gone and something else has taken its place."""
        return self._lost is not None

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
        if lost is not None:
            raise ValueError(
                f"{what} that was chosen, '{lost}', is gone, and '{self.current_choice}' has "
                "taken its place. Choose another one, or click once more if that is right."
            )
