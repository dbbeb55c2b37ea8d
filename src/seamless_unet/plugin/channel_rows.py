"""Rows of a form: which channel, or which layer, a model gets as each of its channels."""

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtWidgets import QComboBox, QFormLayout, QWidget

_TOOLTIP = "Which channel of the image, or which layer, the model gets here."


class ChannelRows(QWidget):
    """A choice for each channel that a model takes; hidden while there is nothing to choose."""

    def __init__(self) -> None:
        super().__init__()
        self.combos: list[ComboBox] = []
        self._asked: tuple = ()
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.hide()

    def ask(self, names: Sequence[str], choices: Sequence[tuple[str, Any]]) -> None:
        """Ask for each of these channels; none are asked for without names.

        What was chosen before stays while the choices do. Otherwise the choice of the same name
        is suggested, or else the one in the same place.
        """
        asked = (tuple(names), tuple(choices))
        if asked == self._asked:
            return
        kept = self.value if self._asked and self._asked[0] == tuple(names) else []
        self._asked = asked
        while self._rows.rowCount():
            self._rows.removeRow(0)
        self.combos = [_combo(name, choices, number, kept) for number, name in enumerate(names)]
        for combo in self.combos:
            self._rows.addRow(combo.label, combo.native)
        self.setVisible(bool(names))

    @property
    def value(self) -> list[Any]:
        """What was chosen for each channel; empty if nothing was asked."""
        return [combo.value for combo in self.combos]


def _combo(
    name: str, choices: Sequence[tuple[str, Any]], number: int, kept: Sequence[Any]
) -> ComboBox:
    combo = ComboBox(label=name[:1].upper() + name[1:], choices=choices, tooltip=_TOOLTIP)
    native = combo.native  # a long layer name must not widen the dock
    native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    native.setMinimumContentsLength(12)
    values = [value for _, value in choices]
    alike = [value for words, value in choices if name.lower() in words.lower()]
    suggested = alike[0] if alike else values[min(number, len(values) - 1)]
    known = kept[number] if number < len(kept) and kept[number] in values else suggested
    combo.value = known
    return combo
