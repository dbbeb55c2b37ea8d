import csv

import numpy as np
import pytest
import zarr
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from seamless_unet.plugin import layers, stored
from seamless_unet.plugin.comparison import axis_names, compared_axes, pixel_size
from seamless_unet.plugin.world import camera


@pytest.fixture
def stacks(viewer):
    """A stack of labels and a result that misses a cell, invents one and merges two."""
    truth = np.zeros((3, 60, 80), np.uint16)
    truth[:, 5:15, 5:15], truth[:, 40:50, 5:15] = 1, 2
    truth[:2, 40:50, 40:50], truth[:2, 40:50, 51:61] = 3, 4
    found = truth.copy()
    found[found == 2] = 0
    found[:2, 40:50, 40:61] = 3
    found[2, 5:9, 70:74] = 9
    place = {"scale": (2, 0.5, 0.5), "translate": (10, 3, 4)}
    truth = viewer.add_labels(truth, name="drawn", axis_labels=("z", "y", "x"), **place)
    return truth, viewer.add_labels(found, name="my model", **place)


def cells(panel):
    columns = panel.tables.cells.rows.columns
    return list(zip(columns["state"], map(int, columns["true number"]), strict=True))


def select(table, row):
    """Click on a row where a user would."""
    box = table.visualRect(table.rows.index(row, 0))
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


@pytest.mark.parametrize(
    ("axes", "shape", "ndim"),
    [
        *(("", (3, 9, 8), 3), ("ZYX", (3, 9, 8), 3), ("TYX", (3, 9, 8), 2), ("SYX", (3, 9, 8), 2)),
        *(("STYX", (2, 3, 9, 8), 2), ("TZYX", (2, 3, 9, 8), 3), ("TCYX", (3, 1, 9, 8), 2)),
    ],
)
def test_frames_are_compared_one_by_one(viewer, dock, axes, shape, ndim):
    viewer.add_labels(np.ones(shape, int), metadata={layers.AXES: axes})
    assert dock("Evaluate").ndim.value == ndim


def test_six_dimensions_are_refused(viewer, dock, click):
    for name in ("found", "drawn"):
        viewer.add_labels(np.ones((2, 1, 2, 1, 9, 8), int), name=name)
    panel = dock("Evaluate")
    click(panel.start_button)
    assert "has 6 dimensions: compare parts of it" in panel.status.text()


def test_compare_a_stack_as_one(viewer, dock, click, ended, stacks):
    truth, found = stacks
    viewer.add_image(np.zeros((3, 60, 80)))
    before = [layer.data.copy() for layer in stacks]
    panel = dock("Evaluate")
    panel.predicted.value = found
    assert panel.truth.value is truth
    assert not panel.tables.isVisible()
    click(panel.start_button)
    assert "the two layers are hidden" in ended(panel)
    compared = viewer.layers[-1]
    assert isinstance(compared, Labels)
    assert compared.name == "my model compared"
    assert compared.data[:, 10, 10].tolist() == [1, 1, 1]
    assert compared.data[0, 45, [10, 45, 55]].tolist() == [2, 2, 2]
    assert compared.data[0, 45, 50] == compared.data[2, 6, 71] == 3
    for place in ("scale", "translate"):
        np.testing.assert_array_equal(getattr(compared, place), getattr(found, place))
    assert not truth.visible
    assert not found.visible
    for layer, data in zip(stacks, before, strict=True):
        np.testing.assert_array_equal(layer.data, data)
    assert panel.tables.isVisible()
    assert "missed&nbsp;<b>3</b>" in panel.tables.legend.text()
    assert cells(panel) == [
        ("found", 1),
        ("missed", 2),
        ("missed: run together", 3),
        ("missed: run together", 4),
        ("invented: several cells", 0),
        ("invented", 0),
    ]
    assert not panel.tables.tabs.isTabVisible(1)


def test_a_layer_that_is_gone_is_not_replaced_by_another_without_a_word(
    viewer, dock, click, stacks
):
    truth, found = stacks
    viewer.add_labels(np.zeros_like(truth.data), name="scratch")
    panel = dock("Evaluate")
    panel.predicted.value, panel.truth.value = found, truth
    viewer.layers.remove(truth)
    assert panel.truth.value is viewer.layers["scratch"]
    click(panel.start_button)
    assert panel.job is None
    words = "The layer of what is true that was chosen, 'drawn', is gone, and 'scratch' has taken"
    assert panel.status.text().startswith(words)


def test_what_is_true_stays_where_what_was_found_is_gone(viewer, dock, click, stacks):
    truth, found = stacks
    scratch = viewer.add_labels(np.zeros_like(truth.data), name="scratch")
    panel = dock("Evaluate")
    panel.predicted.value, panel.truth.value = found, scratch  # the topmost, which comes first
    viewer.layers.remove(found)
    assert (panel.predicted.value, panel.truth.value) == (truth, scratch)
    click(panel.start_button)
    words = "The layer of what was found that was chosen, 'my model', is gone, and 'drawn' has take"
    assert panel.status.text().startswith(words)


def test_one_pixel_for_all_channels_makes_no_planes(viewer, dock, click, ended, stacks):
    truth, found = stacks
    viewer.add_image(np.zeros((3, 2, 60, 80)), scale=(2, 1, 0.5, 0.5), translate=(10, 0, 3, 4))
    every = viewer.add_labels(
        found.data[:, np.newaxis],
        name="for all channels",
        scale=(2, 4, 0.5, 0.5),
        translate=(10, 0, 3, 4),
        axis_labels=("z", "c", "y", "x"),
    )
    panel = dock("Evaluate")
    panel.predicted.value, panel.truth.value = every, truth
    assert panel.ndim.current_choice == "all planes as one"
    click(panel.start_button)
    assert "the two layers are hidden" in ended(panel)
    compared = viewer.layers[-1]
    assert compared.data.shape == (3, 1, 60, 80)
    assert compared.data[0, 0, 45, [10, 45, 50, 55]].tolist() == [2, 2, 3, 2]
    np.testing.assert_array_equal(compared.scale, every.scale)
    assert list(panel.tables.cells.rows.columns)[5:] == ["z", "y", "x"]
    assert not panel.tables.tabs.isTabVisible(1)
    viewer.dims.set_current_step((0, 1), (2, 1))
    panel.tables.tabs.setCurrentIndex(2)
    select(panel.tables.cells, cells(panel).index(("missed: run together", 3)))
    assert viewer.dims.current_step[:2] == (0, 1)  # the channel stays
    panel.ndim.value = 2
    click(panel.start_button)
    ended(panel)
    assert list(panel.tables.images.rows.columns["missed"]) == [3, 3, 1]


def test_layers_in_different_places_are_compared_but_it_is_said(dock, click, ended, stacks):
    truth, found = stacks
    panel = dock("Evaluate")
    panel.predicted.value = found
    found.translate = np.add(truth.translate, (0, 0.2, 0.2))  # less than half a pixel
    click(panel.start_button)
    assert "They lie in different" not in ended(panel)
    found.translate = np.add(truth.translate, (4, 0, 0))
    click(panel.start_button)
    assert "as if one lay on the other" in ended(panel)


def test_what_is_known_of_the_dimensions():
    film = Labels(np.zeros((3, 4, 5), int), axis_labels=("time", "y", "x"))
    assert (compared_axes(film), pixel_size(film)) == ("TYX", {})
    place = {"scale": (1, 9, 500, 250), "units": ("s", "pixel", "nm", "nm")}
    film = Labels(np.zeros((3, 1, 4, 5), int), axis_labels=("t", "c", "y", "x"), **place)
    assert (compared_axes(film), pixel_size(film)) == ("TYX", {"Y": 0.5, "X": 0.25})
    assert compared_axes(Labels(np.zeros((3, 4, 5), int))) == "ZYX"


def test_a_click_on_a_cell_or_plane_brings_it_into_view(viewer, dock, click, ended, stacks):
    panel = dock("Evaluate")
    panel.predicted.value = stacks[1]
    panel.ndim.value = 2
    click(panel.start_button)
    ended(panel)
    tables = panel.tables
    assert tables.tabs.tabText(1) == "Planes"
    tables.tabs.setCurrentIndex(1)
    assert list(tables.images.rows.columns["missed"]) == [3, 3, 1]
    select(tables.images, 2)
    assert viewer.dims.current_step[0] == 2
    center = camera(viewer).center
    tables.tabs.setCurrentIndex(2)
    row = cells(panel).index(("missed", 2))
    select(tables.cells, row)
    assert viewer.dims.current_step[0] == 0
    np.testing.assert_allclose(camera(viewer).center[-2:], (3 + 0.5 * 44, 4 + 0.5 * 10))
    assert camera(viewer).center != center
    assert camera(viewer).zoom * 0.5 * 10 >= 40
    viewer.layers.clear()
    viewer.add_labels(np.ones((4, 5), int))
    select(tables.cells, row + 1)
    gone = "The layer of the differences is gone: compare again to look at its cells."
    assert panel.status.text() == gone
    assert panel._compared is None


def test_another_threshold_makes_another_layer_and_hides_the_first(
    viewer, dock, click, ended, stacks, qtbot
):
    found = stacks[1]
    found.data = np.roll(found.data, 2, axis=2)
    panel = dock("Evaluate")
    panel.predicted.value = found
    counts = []
    for iou in (0.5, 0.95):
        panel.iou.value = iou
        click(panel.start_button)
        ended(panel)
        counts.append(panel.tables.measures.rows.columns["Value"][2])
    assert counts == [1, 0]
    assert [layer.name for layer in viewer.layers if layer.visible] == ["my model compared [1]"]
    again = type(panel)(viewer)
    qtbot.addWidget(again)
    assert again.iou.value == 0.95  # as it was left


def test_copy_and_save(viewer, dock, click, ended, stacks, tmp_path, monkeypatch):
    panel = dock("Evaluate")
    panel.predicted.value = stacks[1]
    click(panel.start_button)
    ended(panel)
    click(panel.tables.copy_button)
    copied = QApplication.clipboard().text().splitlines()
    assert copied[:2] == ["Measure\tValue", "true cells\t4"]
    panel.tables.tabs.setCurrentIndex(2)
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "cells"), "CSV (*.csv)")
    )
    click(panel.tables.save_button)
    with open(tmp_path / "cells.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][:3] == ["state", "IoU", "pixels"]
    assert rows[0][5:] == ["z", "y", "x"]
    assert len(rows) == 7
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("/nowhere/a.csv", ""))
    click(panel.tables.save_button)


@pytest.fixture
def large(viewer, monkeypatch, tmp_path, request):
    """So many planes of labels that are not in memory, and another result of them."""
    monkeypatch.setattr(stored, "_LARGE_ON_DISK", 0)
    monkeypatch.setattr(stored, "results_folder", lambda: tmp_path / "results")
    truth = np.zeros((request.param, 60, 80), np.uint16)
    truth[:, 5:15, 5:15], truth[1, 40:50, 5:15] = 1, 2
    found = truth.copy()
    found[:, 40:50] = 0
    for name, labels in (("drawn", truth), ("found", found)):
        array = zarr.create_array(tmp_path / f"{name}.zarr", data=labels, chunks=(1, 60, 80))
        viewer.add_labels(array, name=name)
    return truth, found


@pytest.mark.parametrize("large", [3], indirect=True)
def test_what_is_larger_than_memory_is_compared_plane_by_plane(
    viewer, dock, click, ended, large, tmp_path
):
    panel = dock("Evaluate")
    panel.predicted.value, panel.truth.value = viewer.layers["found"], viewer.layers["drawn"]
    panel.ndim.value = 2
    click(panel.start_button)
    folder = tmp_path / "results" / "found compared.zarr"
    assert ended(panel).endswith(f"It is kept in {folder}.")
    assert cells(panel) == [("found", 1), ("found", 1), ("missed", 2), ("found", 1)]
    compared = viewer.layers[-1]
    np.testing.assert_array_equal(compared.data[:], np.where(large[1], 1, 2 * (large[0] > 0)))
    select(panel.tables.cells, 2)
    assert viewer.dims.current_step[0] == 1
    compared.mode = "paint"
    assert compared.mode == "pan_zoom"  # the file cannot be written


@pytest.mark.parametrize("large", [400], indirect=True)
def test_nothing_is_kept_of_a_large_comparison_that_is_cancelled(
    viewer, dock, click, qtbot, large, tmp_path
):
    panel = dock("Evaluate")
    panel.ndim.value = 2
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.bar.value() > 0)
    click(panel.stop_button)
    assert panel.status.text() == "Cancelled."
    assert len(viewer.layers) == 2
    qtbot.waitUntil(lambda: not list((tmp_path / "results").iterdir()))


def test_what_cannot_be_compared_is_said_before_it_starts(viewer, dock, click):
    panel = dock("Evaluate")
    click(panel.start_button)
    assert panel.status.text().startswith("Choose two Labels layers")
    viewer.add_labels(np.ones((4, 5), int), name="a")
    click(panel.start_button)
    assert panel.status.text().startswith("Choose two Labels layers")
    viewer.add_labels(np.ones((4, 6), int), name="b")
    assert panel.truth.value is not panel.predicted.value
    click(panel.start_button)
    assert "pixels but 'b' is 4 x 6: choose two layers of the same image" in panel.status.text()
    viewer.layers.clear()
    for name in "cd":
        viewer.add_labels(np.ones((2, 2, 2, 2, 4, 5), int), name=name)
    click(panel.start_button)
    assert "has 6 dimensions: compare parts of it, of at most 5" in panel.status.text()
    assert panel.job is None


def test_layers_without_cells_and_kinds_of_area_are_remarked_on(viewer, dock, click, ended):
    drawn = np.zeros((40, 40), np.uint8)
    drawn[::4, ::4] = 1
    viewer.add_labels(drawn, name="kinds")
    viewer.add_labels(drawn * 0, name="empty")
    panel = dock("Evaluate")
    panel.predicted.value = viewer.layers["empty"]
    click(panel.start_button)
    said = ended(panel)
    assert "There is no cell in 'empty': is it the right layer?" in said
    assert "'kinds' has 1 number for 100 separate parts" in said


def test_what_belongs_together_follows_the_dimensions(viewer, dock):
    viewer.add_labels(np.ones((4, 5), int), name="flat")
    panel = dock("Evaluate")
    assert not panel.ndim.native.isVisible()
    viewer.add_labels(np.ones((3, 4, 5), int), name="time", axis_labels=("time", "y", "x"))
    viewer.add_labels(np.ones((2, 3, 4, 5), int), name="stacks")
    for name, ndim in (("time", 2), ("stacks", 3)):
        panel.predicted.value = viewer.layers[name]
        assert panel.ndim.native.isVisible()
        assert panel.ndim.value == ndim
    assert axis_names(viewer, viewer.layers["stacks"]) == ["slider 0", "time", "y", "x"]
