import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from seamless_unet.plugin.table import Table


@pytest.fixture
def table(qtbot):
    table = Table()
    qtbot.addWidget(table)
    table.fill(
        {
            "state": np.array(["found", "missed", "found"]),
            "IoU": np.array([0.75, 0.125, 1], np.float32),
            "pixels": [9, 100, 20],
        }
    )
    return table


def shown(table):
    rows, columns = table.rows.rowCount(), table.rows.columnCount()
    return [[table.rows.index(r, c).data() for c in range(columns)] for r in range(rows)]


def test_rows_as_given_then_sorted_by_number(table):
    assert shown(table) == [
        ["found", "0.750", "9"],
        ["missed", "0.125", "100"],
        ["found", "1.000", "20"],
    ]
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert [row[2] for row in shown(table)] == ["100", "20", "9"]
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [row[2] for row in shown(table)] == ["9", "20", "100"]


def test_a_click_on_a_header_sorts(table, qtbot):
    table.show()
    header = table.horizontalHeader()
    middle = header.sectionViewportPosition(1) + header.sectionSize(1) // 2
    qtbot.mouseClick(
        header.viewport(),
        Qt.MouseButton.LeftButton,
        pos=header.viewport().rect().center().__class__(middle, 5),
    )
    assert [row[1] for row in shown(table)] == ["0.125", "0.750", "1.000"]


@pytest.fixture
def went(table, qtbot):
    """Return the rows that somebody went to, in a window that is there."""
    went = []
    table.chosen.connect(went.append)
    table.show()
    qtbot.waitExposed(table)
    return went


def click(table, row):
    box = table.visualRect(table.rows.index(row, 0))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


def test_a_row_is_known_by_its_first_number_however_it_is_sorted(table, went):
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    click(table, 0)
    click(table, 0)  # back to it, from wherever one looked meanwhile
    assert went == [1, 1]
    table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    assert table.currentIndex().row() == 2  # it is still the one that is highlighted
    assert [index.row() for index in table.selectionModel().selectedRows()] == [2]
    assert went == [1, 1]
    click(table, 2)
    click(table, 0)
    assert went == [1, 1, 1, 2]


def test_keys_go_to_rows_but_tab_does_not(table, went):
    QTest.keyClick(table, Qt.Key.Key_Tab)
    table.setFocus(Qt.FocusReason.TabFocusReason)
    assert went == []
    table.setCurrentIndex(table.rows.index(0, 0))
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        QTest.keyClick(table, key)
    assert went == [1, 2, 1]  # below the last one there is none


def test_text_and_file_have_all_digits_in_the_order_shown(table, tmp_path):
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    assert table.text() == (
        "state\tIoU\tpixels\nmissed\t0.125\t100\nfound\t0.75\t9\nfound\t1.0\t20\n"
    )
    table.save(tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines == ["state,IoU,pixels", "missed,0.125,100", "found,0.75,9", "found,1.0,20"]


def test_other_columns_replace_the_first(table):
    table.fill({"only": ["a, b"]})
    assert shown(table) == [["a, b"]]
    table.fill({"only": []})
    assert shown(table) == []
    assert table.text() == "only\n"
