import numpy as np
import pytest
from napari.components import ViewerModel

from seamless_unet.plugin.layer_pair import LayerPair
from seamless_unet.plugin.pair_list import Drawing, PairList


@pytest.fixture
def viewer():
    """Return a viewer without a window, with two images that are drawn on."""
    viewer = ViewerModel()
    viewer.add_image(np.zeros((6, 7)), name="first")
    viewer.add_labels(np.ones((6, 7), int), name="first labels")
    viewer.add_image(np.zeros((3, 6, 7)), name="stack", axis_labels=("t", "y", "x"))
    viewer.add_labels(np.ones((3, 6, 7), int), name="stack labels")
    return viewer


@pytest.fixture
def pair_list(viewer, qtbot):
    pair_list = PairList(viewer)
    qtbot.addWidget(pair_list)
    pair_list.show()
    return pair_list


def test_nothing_at_first(pair_list):
    assert pair_list.pairs() == []


def test_add_choose_and_remove(viewer, pair_list, click, qtbot):
    with qtbot.waitSignal(pair_list.changed):
        click(pair_list.add_button)
    click(pair_list.add_button)
    first, second = pair_list.boxes
    first.image.value, first.drawing.labels.value = viewer.layers[0], viewer.layers[1]
    second.image.value, second.drawing.labels.value = viewer.layers[2], viewer.layers[3]
    with qtbot.waitSignal(pair_list.changed):
        second.drawing.annotation.value = "scribbles"
    one, other = pair_list.pairs()
    assert (one.image, one.axes, one.labels) == (viewer.layers[0], "YX", viewer.layers[1])
    assert (one.annotation, one.region) == ("objects", None)
    assert (other.image, other.axes, other.labels) == (viewer.layers[2], "TYX", viewer.layers[3])
    assert other.annotation == "scribbles"
    qtbot.waitUntil(first.remove.isVisible)
    click(first.remove)
    assert [pair.image for pair in pair_list.pairs()] == [viewer.layers[2]]


def test_a_pair_that_is_known_already(viewer, pair_list):
    region = viewer.add_shapes([[[0, 1, 1], [0, 1, 3], [0, 3, 3]]], shape_type="polygon")
    pair = LayerPair(viewer.layers[2], "ZYX", viewer.layers[3], "classes", region)
    pair_list.add(pair)
    (found,) = pair_list.pairs()
    for name in ("image", "axes", "labels", "annotation", "region"):
        assert getattr(found, name) == getattr(pair, name)


def test_layers_that_come_and_go(viewer, pair_list):
    pair_list.add(LayerPair(viewer.layers[0], "YX", viewer.layers[1], "objects"))
    viewer.add_labels(np.zeros((6, 7), int), name="new")
    pair_list.reset_choices()
    (box,) = pair_list.boxes
    names = {layer.name for layer in box.drawing.labels.choices}
    assert names == {"new", "stack labels", "first labels"}
    assert box.drawing.labels.value.name == "first labels"
    viewer.layers.remove("first")
    pair_list.reset_choices()
    with pytest.raises(ValueError, match="'first labels' are 6 x 7 pixels but the image 'stack'"):
        pair_list.pairs()


def test_what_is_missing_is_said(viewer):
    drawing = Drawing(ViewerModel())
    with pytest.raises(ValueError, match="Open an image first"):
        drawing.pair(None, None)
    with pytest.raises(ValueError, match="too many dimensions"):
        drawing.pair(viewer.layers[0], None)
    with pytest.raises(ValueError, match="Draw labels first"):
        drawing.pair(viewer.layers[0], "YX")


def test_each_kind_of_annotation_is_explained(viewer):
    drawing, texts = Drawing(viewer), set()
    for kind in drawing.annotation.choices:
        drawing.annotation.value = kind
        texts.add(drawing.meaning.text())
    assert len(texts) == 3
