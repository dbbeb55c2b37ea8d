import numpy as np
import pytest
from napari.components import ViewerModel

from seamless_unet import checkpoint
from seamless_unet.plugin.preview import Preview, learned_from
from seamless_unet.plugin.world import camera


class FakeJob:
    done = False


class FakeWorker:
    """Keep what a training was told."""

    def __init__(self):
        self.told = []

    def tell(self, job, request, arrays):
        self.told.append((request, np.asarray(arrays["image"])))
        return len(self.told)


@pytest.fixture
def viewer():
    """Return a viewer without a window, with a time series that is drawn on."""
    viewer = ViewerModel()
    image = viewer.add_image(np.arange(3 * 40 * 50).reshape(3, 40, 50), name="cells")
    viewer.add_labels(np.zeros((3, 40, 50), int), name="drawn")
    camera(viewer).center = (0, 20, 25)
    viewer.dims.set_point(0, 1)
    assert image.visible
    return viewer


@pytest.fixture
def preview(viewer, qtbot):
    preview = Preview(viewer, FakeWorker())
    preview.begin(FakeJob(), {0: (viewer.layers["cells"], "TYX")}, name="mine")
    yield preview
    preview.end()


def found(number, value=1, shape=(40, 50)):
    return {"event": "preview", "number": number, "labels": np.full(shape, value, np.int32)}


def test_the_training_is_told_what_the_user_looks_at(viewer, preview):
    ((request, image),) = preview.worker.told
    assert request == {"request": "view", "axes": "YX", "whole": 0, "index": {"T": 1}}
    np.testing.assert_array_equal(image, viewer.layers["cells"].data[1])


def test_a_movement_is_told_once_it_is_over(viewer, preview, qtbot):
    for step in (2, 0, 2):
        viewer.dims.set_point(0, step)
    assert len(preview.worker.told) == 1
    qtbot.waitUntil(lambda: len(preview.worker.told) == 2)
    assert preview.worker.told[1][0]["index"] == {"T": 2}


def test_the_same_view_is_told_once(viewer, preview, qtbot):
    viewer.dims.set_point(0, 2)
    viewer.dims.set_point(0, 1)
    camera(viewer).center = (0, 21, 25)  # all of the plane is in view anyway
    qtbot.wait(400)
    assert len(preview.worker.told) == 1


def test_a_layer_for_what_was_found(viewer, preview):
    viewer.layers.selection = {viewer.layers["drawn"]}
    preview.show(found(1))
    layer = viewer.layers["preview: mine"]
    assert layer.data.shape == (1, 40, 50)
    np.testing.assert_array_equal(layer.translate, (1, 0, 0))
    assert viewer.layers.selection.active is viewer.layers["drawn"]
    preview.show(found(1, value=2))
    assert viewer.layers["preview: mine"] is layer
    assert (layer.data == 2).all()
    assert len(viewer.layers) == 3


def test_the_layer_moves_with_the_view(viewer, preview, qtbot):
    preview.show(found(1))
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: len(preview.worker.told) == 2)
    preview.show(found(1, value=5))  # was on its way
    np.testing.assert_array_equal(preview.layer.translate, (1, 0, 0))
    preview.show(found(2, value=7))
    np.testing.assert_array_equal(preview.layer.translate, (2, 0, 0))
    assert (preview.layer.data == 7).all()
    preview.show(found(1, value=5))  # too late
    assert (preview.layer.data == 7).all()


def test_a_view_of_another_size(viewer, preview, qtbot, monkeypatch):
    preview.show(found(1))
    monkeypatch.setattr("seamless_unet.plugin.preview._MOST_PIXELS", 100)
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: len(preview.worker.told) == 2)
    assert preview.worker.told[1][1].shape == (10, 10)
    preview.show(found(2, shape=(10, 10)))
    assert preview.layer.data.shape == (1, 10, 10)
    np.testing.assert_array_equal(preview.layer.translate, (2, 15, 20))


def test_a_removed_layer_stays_away(viewer, preview):
    preview.show(found(1))
    viewer.layers.remove(preview.layer)
    preview.show(found(1))
    assert [layer.name for layer in viewer.layers] == ["cells", "drawn"]


def test_the_next_training_has_a_layer_of_its_own(viewer, preview):
    preview.show(found(1))
    preview.begin(FakeJob(), {0: (viewer.layers["cells"], "TYX")}, name="next")
    preview.show(found(2, value=3))
    assert (viewer.layers["preview: mine"].data == 1).all()
    assert (viewer.layers["preview: next"].data == 3).all()


def test_nothing_is_told_after_the_end(viewer, preview, qtbot):
    preview.end()
    viewer.dims.set_point(0, 2)
    qtbot.wait(400)
    assert len(preview.worker.told) == 1


def test_the_image_on_top_is_looked_at(viewer, preview, qtbot):
    cells = viewer.layers["cells"]
    other = viewer.add_image(np.zeros((40, 50)), name="other")
    images = {0: (cells, "TYX"), 1: (other, "YX")}
    preview.begin(FakeJob(), images, name="two")
    assert preview.worker.told[-1][0]["whole"] == 1
    other.visible = False
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: preview.worker.told[-1][0]["whole"] == 0)
    viewer.layers.remove(cells)
    viewer.layers.remove(other)
    told = len(preview.worker.told)
    qtbot.wait(400)
    assert len(preview.worker.told) == told


def test_nobody_paints_on_what_the_next_preview_wipes_out(viewer, preview):
    for number in (1, 1):
        preview.show(found(number))
        assert not preview.layer.editable
    layer = preview.layer
    preview.end()
    assert layer.editable


def test_other_data_in_the_layer_of_the_image_are_not_asked_for(viewer, preview, qtbot):
    cells = viewer.layers["cells"]
    cells.data = np.zeros((4, 3, 40, 50))
    preview._ask()
    assert len(preview.worker.told) == 1


def test_the_layer_follows_to_an_image_of_other_pixels(viewer, preview, qtbot):
    cells = viewer.layers["cells"]
    other = viewer.add_image(np.zeros((40, 50)), name="other", scale=(0.5, 2), rotate=30)
    preview.begin(FakeJob(), {0: (cells, "TYX"), 1: (other, "YX")}, name="two")
    preview.show(found(len(preview.worker.told)))
    np.testing.assert_array_equal(preview.layer.scale, other.scale)
    other.visible = False
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: preview.worker.told[-1][0]["whole"] == 0)
    preview.show(found(len(preview.worker.told)))
    np.testing.assert_array_equal(preview.layer.scale[-2:], cells.scale[-2:])
    np.testing.assert_allclose(preview.layer.rotate, cells.rotate)


def test_a_volume_is_put_where_it_belongs(viewer, qtbot):
    place = {"scale": (1, 2, 0.5, 0.5), "translate": (0, 10, 3, 4)}
    data = np.arange(2 * 3 * 8 * 9).reshape(2, 3, 8, 9)
    stacks = viewer.add_image(data, name="stacks", **place)
    viewer.dims.set_point(0, 1)
    preview = Preview(viewer, FakeWorker())
    preview.begin(FakeJob(), {0: (stacks, "TZYX")}, name="volumes", ndim=3)
    ((request, image),) = preview.worker.told
    assert (request["axes"], request["index"]) == ("ZYX", {"T": 1})
    np.testing.assert_array_equal(image, data[1])
    preview.show(found(1, shape=(3, 8, 9)))
    assert preview.layer.data.shape == (1, 3, 8, 9)
    np.testing.assert_array_equal(preview.layer.scale, (1, 2, 0.5, 0.5))
    np.testing.assert_array_equal(preview.layer.translate, (1, 10, 3, 4))
    preview.end()


def test_the_layers_that_an_interrupted_training_learns_from(viewer, tmp_path):
    images = {"cells": viewer.layers["cells"].data, "stacks": np.zeros((2, 3, 8, 9))}
    images["gone"] = np.zeros((4, 4))
    request = {"pairs": []}
    for number, (name, image) in enumerate(images.items()):
        axes = "TZYX"[-image.ndim :]
        request["pairs"].append({"name": name, "axes": axes, "region": False})
        for kind in ("image", "labels"):
            request[f"{kind} {number}"] = str(tmp_path / f"{kind} {number}.npy")
            np.save(request[f"{kind} {number}"], image)
    checkpoint.keep(request, tmp_path / "kept")
    stacks = viewer.add_image(images["stacks"], name="stacks")
    viewer.add_image(np.zeros((5, 5)), name="gone")  # another one of this name
    found = learned_from(viewer, tmp_path / "kept")
    assert found == {0: (viewer.layers["cells"], "ZYX"), 1: (stacks, "TZYX")}
    (tmp_path / "kept" / "image 1.npy").unlink()
    with pytest.raises(OSError, match="image 1"):
        learned_from(viewer, tmp_path / "kept")
