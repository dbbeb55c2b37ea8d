"""What a comparison found, in a dock: a legend, tables, and ways to take them elsewhere."""

from typing import Any

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from seamless_unet.plugin import comparison, evaluation
from seamless_unet.plugin.save_name import with_suffix
from seamless_unet.plugin.table import Table
from seamless_unet.plugin.words import words

_HEIGHT = 320  # pixels; a dock scrolls where there is less


class EvaluationTables(QWidget):
    """Measures, planes and cells, each in a tab."""

    went_to = Signal(object, int)  # the place of a cell or plane, and how many pixels the cell has

    def __init__(self) -> None:
        super().__init__()
        self.legend = words()
        self.measures, self.images, self.cells = Table(stretched=True), Table(), Table()
        self.measures.setAccessibleName("Measures")
        self.images.setAccessibleName("Planes or stacks")
        self.cells.setAccessibleName("Cells")
        self.tabs = QTabWidget()
        self.tabs.setMinimumHeight(_HEIGHT)
        self.tabs.addTab(self.measures, "Measures")
        self.tabs.addTab(self.images, "")
        self.tabs.addTab(self.cells, "Cells")
        self.copy_button = QPushButton("Cop&y table")
        self.copy_button.setToolTip("Copy the table shown, to paste it into a spreadsheet.")
        self.save_button = QPushButton("&Save as CSV...")
        self.save_button.setToolTip("Write the table shown to a file for a spreadsheet.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.legend, self.tabs):
            column.addWidget(part)
        column.addLayout(buttons)
        self.copy_button.clicked.connect(self._copy)
        self.save_button.clicked.connect(self._save)
        self.cells.chosen.connect(self._cell_chosen)
        self.images.chosen.connect(self._image_chosen)

    def fill(
        self, event: dict[str, Any], *, iou: float, shape: tuple[int, ...], names: list[str]
    ) -> None:
        """Show what the child's job ``evaluate`` found.

        Parameters
        ----------
        event
            Its last one.
        iou
            From which on two cells match.
        shape, names
            Of the layers, and the names of their axes.
        """
        objects = event["objects"]
        self._places = np.stack(np.unravel_index(objects["pixel"], shape), axis=1)
        self._sizes, self._images = objects["size"], event["images"]
        self.measures.fill(*evaluation.measures_table(event["overall"], iou))
        self.images.fill(evaluation.images_table(event["images"], iou, names))
        self.cells.fill(evaluation.objects_table(objects, self._places, names))
        looped = len(event["images"][0]["index"])
        self.tabs.setTabVisible(1, looped > 0)
        self.tabs.setTabText(1, "Planes" if len(shape) - looped == 2 else "Stacks")
        self.legend.setText(_legend(evaluation.matches(event["overall"], iou)))

    def _cell_chosen(self, row: int) -> None:
        self.went_to.emit(self._places[row], int(self._sizes[row]))

    def _image_chosen(self, row: int) -> None:
        self.went_to.emit(np.array(self._images[row]["index"]), 0)

    @property
    def _shown(self) -> Table:
        return (self.measures, self.images, self.cells)[self.tabs.currentIndex()]

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(self._shown.text())
        show_info("The table is copied: paste it into a spreadsheet.")

    def _save(self) -> None:
        name = self.tabs.tabText(self.tabs.currentIndex()).lower()
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", f"{name}.csv", "CSV (*.csv)")
        if not path:
            return
        try:
            self._shown.save(with_suffix(path, ".csv"))
        except ValueError as error:
            show_info(str(error))
        except OSError as error:
            show_info(f"The table could not be saved: {error}. Choose another folder.")


def _legend(match: dict[str, Any]) -> str:
    """Return the colors of the layer, with how many cells have each."""
    counts = zip(comparison.COLORS.items(), ("tp", "fn", "fp"), strict=True)
    parts = [
        f'<span style="background-color: {color};">&nbsp;&nbsp;&nbsp;&nbsp;</span>&nbsp;'
        f"{comparison.WORDS[kind]}&nbsp;<b>{match[key]}</b>"
        for (kind, color), key in counts
    ]
    return " &nbsp; ".join(parts)
