"""A table of numbers in a dock: of any length, sorted by a click, copied and saved."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

_NOWHERE = QModelIndex()
_ROWS_MEASURED = 30  # to find out how wide columns must be


class Table(QTableView):
    """Columns of equal length. Its rows are counted as they were given, however it is sorted.

    Parameters
    ----------
    stretched
        A first column of words, which takes the width that is left; else all are as wide as
        their names.
    """

    chosen = Signal(int)  # the row that the user went to

    def __init__(self, *, stretched: bool = False) -> None:
        super().__init__()
        self.rows = _Rows()
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        header, numbers = self.horizontalHeader(), self.verticalHeader()
        assert header is not None
        assert numbers is not None
        numbers.hide()
        if stretched:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.sectionResized.connect(self.resizeRowsToContents)  # of words that wrap
        else:
            header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            header.setResizeContentsPrecision(_ROWS_MEASURED)
            self.setSortingEnabled(True)
        self._header, self._stretched = header, stretched
        self.clicked.connect(self._went_to)
        self.activated.connect(self._went_to)

    def fill(self, columns: Mapping[str, Sequence], tooltips: Sequence[str] = ()) -> None:
        """Show other columns, by their names; ``tooltips`` are those of the rows."""
        self.rows.replace(columns, tooltips)
        if not columns:
            return
        if self._stretched:
            self._header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        else:
            self._header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            self.resizeColumnsToContents()

    def text(self) -> str:
        """Return it as it is sorted, with tabs between the columns, as spreadsheets take it."""
        return self._written(delimiter="\t", lineterminator="\n")

    def save(self, path: Path) -> None:
        """Write it as it is sorted to a CSV file; OSError where that cannot be."""
        path.write_text(self._written(), encoding="utf-8", newline="")

    def _written(self, **style: Any) -> str:
        lines = io.StringIO()
        writer = csv.writer(lines, **style)
        writer.writerow(self.rows.columns)
        columns = [np.asarray(column, object) for column in self.rows.columns.values()]
        for row in self.rows.order:
            writer.writerow([column[row] for column in columns])
        return lines.getvalue()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Go to the row that a key leads to."""
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        if self.currentIndex().row() != before:
            self._went_to(self.currentIndex())

    def _went_to(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(int(self.rows.order[index.row()]))


class _Rows(QAbstractTableModel):
    """What Qt asks about the columns: only the rows in sight are ever turned into text."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: dict[str, Sequence] = {}
        self.order = np.arange(0)
        self.tooltips: Sequence[str] = ()

    def replace(self, columns: Mapping[str, Sequence], tooltips: Sequence[str]) -> None:
        self.beginResetModel()
        self.columns, self.tooltips = dict(columns), tooltips
        self.order = np.arange(len(next(iter(columns.values()), ())))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return list(self.columns)[section]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        row = self.order[index.row()]
        value = list(self.columns.values())[index.column()][row]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{value:.3f}" if isinstance(value, float | np.floating) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole and self.tooltips:
            return self.tooltips[row]
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if column < 0:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.order
        values = np.asarray(list(self.columns.values())[column])
        self.order = np.argsort(values, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            self.order = self.order[::-1]
        place = np.argsort(self.order)
        for index in self.persistentIndexList():  # such as the one that is chosen
            now = self.index(int(place[before[index.row()]]), index.column())
            self.changePersistentIndex(index, now)
        self.layoutChanged.emit()
