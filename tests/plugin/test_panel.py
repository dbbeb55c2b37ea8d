import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QPushButton

from seamless_unet.plugin.panel import left

DOCKS = ["Segment", "Train"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(75, ", 1 min 15 s left"), (8.4, ", 8 s left"), (float("inf"), "")]
)
def test_left(seconds, words):
    assert left(seconds) == words


@pytest.mark.parametrize("name", DOCKS)
def test_nothing_is_cut_off_in_a_small_window(viewer, dock, qtbot, name):
    viewer.open_sample("napari-seamless-unet", "nuclei_time")
    panel = dock(name)
    panel.more.value = True
    qtbot.wait(100)
    assert panel.widget().width() <= panel.viewport().width()
    texts = panel.findChildren(QLabel) + panel.findChildren(QPushButton)
    shown = [text for text in texts if text.isVisible() and text.text()]
    assert len(shown) > 8
    for text in shown:
        needed = text.heightForWidth(text.width()) if text.hasHeightForWidth() else 0
        assert text.height() >= needed, text.text()
        if not text.hasHeightForWidth():
            assert text.width() >= text.sizeHint().width(), text.text()
    assert viewer.window._qt_window.width() == 1024


@pytest.mark.parametrize("name", DOCKS)
def test_no_image(dock, click, name):
    panel = dock(name)
    click(panel.start_button)
    assert panel.status.text().startswith("Open an image first")
    assert panel.job is None


def test_dimensions_are_asked_for_where_they_are_not_clear(viewer, dock):
    viewer.add_image(np.zeros((8, 8)), name="flat")
    panel = dock("Segment")
    assert not panel.axes.native.isVisible()
    viewer.add_image(np.zeros((3, 8, 8)), name="stack")
    panel.image.value = viewer.layers["stack"]
    assert panel.axes.native.isVisible()
    assert panel.axes.value == "ZYX"
    viewer.layers.remove("stack")
    assert panel.image.value is viewer.layers["flat"]
    assert panel.axes.value == "YX"


def test_the_selected_layer_is_chosen(viewer, dock):
    first = viewer.add_image(np.zeros((8, 8)))
    viewer.add_image(np.zeros((8, 8)))
    viewer.layers.selection.active = first
    assert dock("Segment").image.value is first


def test_too_many_dimensions(viewer, dock, click):
    viewer.add_image(np.zeros((2,) * 6))
    panel = dock("Segment")
    click(panel.start_button)
    assert "too many dimensions" in panel.status.text()


def test_more_options(dock):
    panel = dock("Segment")
    assert not panel.device.native.isVisible()
    panel.more.value = True
    assert panel.device.native.isVisible()
