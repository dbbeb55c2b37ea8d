"""A form in a dock: labelled rows that scroll, and options that are shown on demand."""

from typing import Any

from magicgui.widgets import CheckBox, ComboBox
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from seamless_unet.plugin.fields import labelled

_MIN_WIDTH = 320  # pixels; no label is cut off


class Form(QScrollArea):
    """Rows of a label and a field each, above one another."""

    def __init__(self) -> None:
        super().__init__()
        self.more = CheckBox(text="More options", tooltip="Show settings that rarely matter.")

    def lay_out(
        self,
        rows: list[ValueWidget | QWidget],
        *,
        options: list[ValueWidget],
        below: list[QWidget],
    ) -> None:
        """Put the form together.

        Parameters
        ----------
        rows
            What is always there, from the top.
        options
            What is shown when the user asks for more.
        below
            What comes after these.
        """
        self.values = [w for w in rows if isinstance(w, ValueWidget)]
        self.options = options
        self.not_applicable: list[ValueWidget] = []  # options that stay hidden
        self.content = QWidget()
        self.rows = QFormLayout()
        column = QVBoxLayout(self.content)
        column.setContentsMargins(6, 6, 6, 6)
        column.addLayout(self.rows)
        column.addStretch(1)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for row in (*rows, self.more, *options):
            self._add_row(row)
        for widget in below:
            self.rows.addRow(widget)
        self.setWidget(self.content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.show_row(self.more, bool(options))
        self.more.changed.connect(self.show_options)
        self.show_options()

    def _add_row(self, row: ValueWidget | QWidget) -> None:
        if not isinstance(row, ValueWidget):
            self.rows.addRow(row)
            return
        self.rows.addRow(labelled(row), row.native)

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
        beside = QScrollBar().sizeHint().width() + 2 * self.frameWidth()
        return QSize(max(self.content.minimumSizeHint().width() + beside, _MIN_WIDTH), 180)

    def reset_choices(self, *_: Any) -> None:
        """Follow the viewer's layer list; napari calls it."""
        for row in self.values:
            if isinstance(row, ComboBox):
                row.reset_choices()
