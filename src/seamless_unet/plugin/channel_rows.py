"""Rows of a form: which channel, or which layer, a model gets as each of its channels."""

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtWidgets import QFormLayout, QWidget

from seamless_unet.model_header import are_numbered
from seamless_unet.plugin.fields import labelled, put_in_tab_order

_WIDEST = 100  # pixels of a channel's name: microscopes make long ones
_TOOLTIP = "Which channel of the image, or which layer, the model gets here."


class ChannelRows(QWidget):
    """A choice for each channel that a model takes; hidden while there is nothing to choose."""

    def __init__(self) -> None:
        super().__init__()
        self.combos: list[ComboBox] = []
        self._asked: tuple = ()
        self._suggested: list[Any] = []
        self._lost = ""  # in words, a layer that was chosen and is gone
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.hide()

    def ask(
        self, names: Sequence[str], choices: Sequence[tuple[str, Any]], likely: int | None = None
    ) -> None:
        """Ask for each of these channels; none are asked for without names.

        What the user chose stays while it can be chosen; else see `suggested`. A single channel is
        not called by its name.
        """
        asked = (tuple(names), tuple(choices), likely)
        if asked == self._asked:
            return
        chosen = self._chosen() if self._asked and self._asked[0] == tuple(names) else {}
        self._asked = asked
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self._suggested = suggested(names, choices, likely)
        possible = {_identity(*choice) for choice in choices}
        kept = {number: c[1] for number, c in chosen.items() if _identity(*c) in possible}
        values = [kept.get(number, value) for number, value in enumerate(self._suggested)]
        gone = (choice for number, choice in chosen.items() if number not in kept)
        self._lost = next((words for words, value in gone if _is_layer(value)), "")
        labels = names if len(names) > 1 else ["Channel"] * len(names)
        self.combos = [_combo(*row, choices) for row in zip(labels, values, strict=True)]
        for combo in self.combos:
            combo.changed.connect(self._found)
            self._rows.addRow(labelled(combo, widest=_WIDEST), combo.native)
        put_in_tab_order(self, [combo.native for combo in self.combos])
        self.setVisible(bool(names))

    @property
    def value(self) -> list[Any]:
        """What was chosen for each channel; empty if nothing was asked."""
        return [combo.value for combo in self.combos]

    def check_not_lost(self) -> None:
        """Refuse, once, what took the place of a layer that was chosen and is gone.

        Raises
        ------
        ValueError
            With words that name it.
        """
        lost, self._lost = self._lost, ""
        if lost:
            raise ValueError(
                f"The layer '{lost}', which was chosen as a channel, is gone, and another one has "
                "taken its place. Choose one, or click once more if that is right."
            )

    def _found(self, _: Any) -> None:
        """Take what somebody has chosen."""
        self._lost = ""

    def _chosen(self) -> dict[int, tuple[str, Any]]:
        """Return what the user chose instead of what was suggested, by the number of its row."""
        rows = enumerate(zip(self.combos, self._suggested, strict=True))
        return {
            number: (combo.current_choice, combo.value)
            for number, (combo, value) in rows
            if combo.value != value
        }


def _identity(words: str, value: Any) -> Any:
    """Return what a choice is: a layer under any name, but a channel only with its name."""
    return value if _is_layer(value) else (words, value)


def _is_layer(value: Any) -> bool:
    return not isinstance(value, int)


def suggested(
    names: Sequence[str], choices: Sequence[tuple[str, Any]], likely: int | None = None
) -> list[Any]:
    """Return what is likely to be each of a model's channels, none of them twice if possible.

    The choice of the same name, else one with the name in it, else, for a single channel, the
    likely one, else the one in the same place; names that are only numbers mean the place.

    >>> suggested(["nuclei", "GFP", "other"], [("gfp", 0), ("Cy5", 1), ("all nuclei", 2)])
    [2, 0, 1]
    """
    words, free = [words.lower() for words, _ in choices], dict.fromkeys(range(len(choices)))
    found: dict[int, int] = {}
    for alike in () if are_numbered(names) else (str.__eq__, str.__contains__):
        for number, name in enumerate(names):
            fitting = [place for place in free if alike(words[place], name.lower())]
            if number not in found and fitting:
                found[number] = fitting[0]
                del free[fitting[0]]
    if likely is not None and len(names) == 1:
        found.setdefault(0, likely)
    for number in range(len(names)):
        if number not in found:
            found[number] = number if number in free else next(iter(free), len(choices) - 1)
            free.pop(found[number], None)
    return [choices[found[number]][1] for number in range(len(names))]


def _combo(name: str, value: Any, choices: Sequence[tuple[str, Any]]) -> ComboBox:
    combo = ComboBox(label=name[:1].upper() + name[1:], choices=choices, tooltip=_TOOLTIP)
    combo.value = value
    return combo
