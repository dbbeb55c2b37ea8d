import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from napari._app_model import get_app_model
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from seamless_unet.image_io import write_image
from seamless_unet.metadata import read_metadata
from seamless_unet.model_file import Model, save_model
from seamless_unet.plugin import layer_metadata, layers, models, segment_widget, settings, stored
from seamless_unet.stack import segment_stack

PLUGIN = "napari-seamless-unet"


@pytest.fixture
def slow(viewer, threshold_model):
    """An image that takes a minute, in many short pieces."""
    rng = np.random.default_rng(0)
    return viewer.add_image(rng.integers(0, 255, (500, 256, 256)).astype(np.uint8), name="slow")


@pytest.mark.parametrize("sample", ["nuclei_time", "nuclei_stack"])
def test_run_adds_a_labels_layer_in_the_place_of_the_image(
    viewer, dock, click, ended, threshold_model, sample
):
    image, truth = viewer.open_sample(PLUGIN, sample)
    image.translate = (3, 1, 2)
    before = truth.data.copy()
    panel = dock("Segment")
    panel.image.value = image
    click(panel.start_button)
    assert not panel.start_button.isEnabled()
    assert panel.bar.isVisible()
    words = ended(panel)
    result = viewer.layers[-1]
    assert isinstance(result, Labels)
    assert result.name == f"{image.name} threshold"
    for place in ("scale", "translate", "rotate"):
        np.testing.assert_array_equal(getattr(result, place), getattr(image, place))
    assert result.units == image.units
    assert result.axis_labels == image.axis_labels
    *_, expected = segment_stack(threshold_model, image.data, panel.axes.value)
    np.testing.assert_array_equal(result.data, expected.labels)
    assert words == f"Done. {expected.objects} cells found."
    np.testing.assert_array_equal(truth.data, before)
    assert not panel.bar.isVisible()
    assert panel.start_button.isEnabled()


def test_a_second_run_adds_a_second_layer(viewer, dock, click, ended, threshold_model):
    viewer.add_image(np.eye(32), name="a")
    panel = dock("Segment")
    for _ in range(2):
        click(panel.start_button)
        ended(panel)
    assert [layer.name for layer in viewer.layers] == ["a", "a threshold", "a threshold [1]"]


def test_the_canvas_shows_image_and_labels(viewer, dock, click, ended, threshold_model):
    viewer.open_sample(PLUGIN, "nuclei")
    viewer.layers[-1].visible = False
    before = viewer.screenshot(flash=False)
    assert len(np.unique(before.reshape(-1, 4), axis=0)) > 20
    panel = dock("Segment")
    click(panel.start_button)
    ended(panel)
    after = viewer.screenshot(flash=False)
    colored = np.ptp(after[..., :3].astype(int), axis=-1) > 40
    assert colored.mean() > 0.02
    assert (np.ptp(before[..., :3].astype(int), axis=-1) > 40).mean() < 0.001


def test_no_time_is_promised_once_only_the_labels_are_missing(
    viewer, dock, click, ended, threshold_model, monkeypatch
):
    viewer.add_image(np.eye(32), name="a")
    panel, shown = dock("Segment"), []
    monkeypatch.setattr(panel, "show_progress", lambda *progress: shown.append(progress))
    click(panel.start_button)
    ended(panel)
    assert shown[-1] == (None, "Putting the labels together ...")


def test_cancel(viewer, dock, click, ended, qtbot, slow):
    panel = dock("Segment")
    panel.how.careful.value = True
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.status.text().startswith("Segmenting"))
    click(panel.stop_button)
    assert panel.job is None
    assert panel.status.text() == "Cancelled."
    assert list(viewer.layers) == [slow]
    viewer.add_image(np.eye(32), name="small")
    panel.image.value = viewer.layers["small"]
    click(panel.start_button)
    assert ended(panel).startswith("Done.")


def test_kill_9_leaves_napari_alive_with_a_message(viewer, dock, click, ended, qtbot, slow):
    panel = dock("Segment")
    panel.how.careful.value = True
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.status.text().startswith("Segmenting"))
    os.kill(panel.worker.child.process.pid, signal.SIGKILL)
    assert "napari and your layers are unharmed" in ended(panel)
    assert "unharmed" in notification_manager.records[-1].message
    assert list(viewer.layers) == [slow]
    viewer.add_image(np.eye(32), name="small")
    panel.image.value = viewer.layers["small"]
    click(panel.start_button)
    assert ended(panel).startswith("Done.")


def test_a_channel_is_asked_for_where_the_model_takes_one(
    viewer, dock, click, ended, threshold_model
):
    image = np.zeros((20, 30, 3), np.uint8)
    image[5:10, 5:10, 1] = image[2:4, 2:14, 2] = 200
    viewer.add_image(image, rgb=True, name="color")
    panel = dock("Segment")
    (channel,) = panel.channels.combos
    assert channel.choices == (0, 1, 2)
    channel.value = 1
    click(panel.start_button)
    assert ended(panel) == "Done. 1 cell found."
    np.testing.assert_array_equal(viewer.layers[-1].data > 0, image[..., 1] > 0)


def test_an_image_in_colour_gets_the_model_for_it_until_one_is_chosen(
    viewer, dock, click, ended, library, threshold_model, pixel_model
):
    in_colour = pixel_model(in_channels=3, channels=("red", "green", "blue"))
    path = save_model(in_colour, library / "in colour.safetensors")
    os.utime(path, (0, 0))  # last in the list
    grey = viewer.add_image(np.zeros((20, 24), np.uint8), name="grey")
    channels = viewer.add_image(np.zeros((3, 20, 24), np.uint8), name="channels")
    colour = viewer.add_image(np.ones((20, 24, 3), np.uint8), name="colour", rgb=True)
    panel = dock("Segment")
    for image, expected in ((colour, "in colour"), (channels, "threshold"), (grey, "threshold")):
        panel.image.value = image
        assert Path(panel.model.value).stem == expected
    panel.image.value = colour
    assert panel.channels.value == []
    click(panel.start_button)
    assert ended(panel).startswith("Done.")
    assert "model" not in settings.recall("Segment")  # nobody has chosen it for the next time
    panel.model.value = str(library / "threshold.safetensors")
    for image in (grey, colour):
        panel.image.value = image
        assert Path(panel.model.value).stem == "threshold"


def test_a_model_that_does_not_fit_is_said_in_words(
    viewer, dock, click, ended, library, pixel_model
):
    from seamless_unet.model_file import save_model

    save_model(pixel_model(in_channels=2), library / "two.safetensors")
    viewer.add_image(np.eye(32))
    panel = dock("Segment")
    panel.model.value = str(library / "two.safetensors")
    assert "takes 2 channels (channel 1, channel 2): open each as a layer" in panel.plan.text()
    assert panel.model.current_choice == "two (does not fit: 2 channels)"
    click(panel.start_button)
    assert panel.job is None
    assert panel.status.text() == panel.plan.text()
    viewer.add_image(np.eye(32))
    assert panel.plan.text() == panel.status.text() == ""
    assert panel.model.current_choice == "two"


def test_channels_are_found_by_their_names(
    viewer, dock, click, ended, library, pixel_model, tmp_path, monkeypatch
):
    from seamless_unet.config import Normalization
    from seamless_unet.model_file import save_model

    monkeypatch.setattr("seamless_unet.plugin.models.bundled_models", dict)
    path, data = tmp_path / "stained.ome.tif", np.zeros((2, 40, 50), np.uint8)
    data[1, 5:15, 5:15] = 200
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(path, data, metadata=metadata, ome=True)
    rule = Normalization("percentile", low=0, high=100)
    for names in (["DAPI"], ["DAPI", "GFP"], ["GFP", "DAPI"]):
        model = pixel_model(in_channels=len(names), channels=tuple(names), normalization=rule)
        save_model(model, library / f"{' '.join(names)}.safetensors")
    (image,) = viewer.open(path, plugin="napari")
    panel = dock("Segment")
    panel.model.value = str(library / "DAPI.safetensors")
    assert [combo.current_choice for combo in panel.channels.combos] == ["DAPI"]
    click(panel.start_button)
    assert "1 cell found" in ended(panel)
    panel.image.value = image
    panel.model.value = str(library / "DAPI GFP.safetensors")
    assert [combo.label for combo in panel.channels.combos] == ["DAPI", "GFP"]
    assert [combo.current_choice for combo in panel.channels.combos] == ["DAPI", "GFP"]
    panel.model.value = str(library / "GFP DAPI.safetensors")
    assert panel.channels.combos == []  # just those, in their order


def test_the_same_layers_as_channels(viewer, dock, click, ended, library, pixel_model):
    from seamless_unet.model_file import save_model

    names = ("nuclei", "membranes")
    save_model(pixel_model(in_channels=2, channels=names), library / "two.safetensors")
    first, second = np.zeros((2, 30, 30))
    first[3:9, 3:9] = second[20:24, 10:20] = 1
    viewer.add_image(first, name="my membranes")
    image = viewer.add_image(second, name="my nuclei")
    panel = dock("Segment")
    panel.image.value = image
    panel.model.value = str(library / "two.safetensors")
    assert [combo.current_choice for combo in panel.channels.combos] == [
        "my nuclei",
        "my membranes",
    ]
    click(panel.start_button)
    assert ended(panel) == "Done. 1 cell found."
    np.testing.assert_array_equal(viewer.layers[-1].data, second)  # it looks at nuclei only


def test_only_the_plane_that_is_shown(viewer, dock, click, ended, threshold_model):
    data = np.zeros((4, 3, 30, 40), np.float32)
    data[2, 1, 5:10, 20:30] = data[1, :, 12:20, 3:9] = 1
    image = viewer.add_image(data, axis_labels=("t", "z", "y", "x"), scale=(1, 2, 0.5, 0.5))
    panel = dock("Segment")
    assert "linked through depth and time" in panel.plan.text()
    panel.part.value = "shown"
    assert panel.plan.text() == ""
    viewer.dims.set_current_step((0, 1), (2, 1))
    click(panel.start_button)
    viewer.dims.set_current_step(0, 3)  # too late to matter
    assert ended(panel) == "Done. 1 cell found."
    labels = viewer.layers[-1]
    np.testing.assert_array_equal(labels.data, data[2:3, 1:2])
    np.testing.assert_array_equal(labels.data_to_world((0, 0, 1, 2)), (2, 2, 0.5, 1))
    assert labels.axis_labels == image.axis_labels


def test_the_plane_that_is_shown_is_measured_with_its_stack(
    viewer, dock, click, ended, library, pixel_model, threshold_model
):
    """By itself the dim plane would be stretched until its noise became cells."""
    data = np.zeros((3, 30, 40), np.float32)
    data[0, 5:10, 20:30] = 10
    data[1, 12:20, 3:9] = 1  # far below half of the brightest
    viewer.add_image(data, axis_labels=("z", "y", "x"))
    panel = dock("Segment")
    panel.part.value = "shown"
    for plane, objects in ((1, 0), (0, 1)):
        viewer.dims.set_current_step(0, plane)
        click(panel.start_button)
        assert ended(panel).startswith(f"Done. {objects} cell{'s' * (objects != 1)} found.")
        shown = viewer.layers[-1].data
        *_, whole = segment_stack(threshold_model, data, "ZYX")
        np.testing.assert_array_equal(shown[0] > 0, whole.labels[plane] > 0)


def test_where_nothing_is_large_enough_that_is_said(viewer, dock, click, ended, threshold_model):
    data = np.zeros((40, 40), np.float32)
    data[5:9, 5:9] = 1
    viewer.add_image(data)
    panel = dock("Segment")
    panel.how.min_size.value = 50
    click(panel.start_button)
    assert ended(panel) == (
        "Done. 0 cells found. Cells of fewer than 50 pixels are left out: "
        "see Smallest (pixels) under More options."
    )
    panel.how.min_size.value = 0
    click(panel.start_button)
    assert ended(panel) == "Done. 1 cell found."


def test_a_model_with_an_unusual_threshold_can_be_chosen(dock, library, threshold_model):
    info = replace(threshold_model.info, threshold=0.97, neck=5000)
    save_model(Model(info, threshold_model.network), library / "mine.safetensors")
    panel = dock("Segment")
    panel.model.value = str(library / "mine.safetensors")
    assert panel.how.threshold.value == pytest.approx(0.97)
    assert panel.how.neck.value == 1000


def test_a_model_that_is_gone_is_not_replaced_by_another_without_a_word(
    viewer, dock, click, ended, library, threshold_model
):
    save_model(threshold_model, library / "mine.safetensors")
    viewer.add_image(np.eye(40, dtype=np.float32))
    panel = dock("Segment")
    panel.model.value = str(library / "mine.safetensors")
    (library / "mine.safetensors").unlink()
    click(panel.start_button)
    assert panel.job is None
    assert panel.status.text().startswith(
        "The model that was chosen, 'mine', is gone, and 'threshold' has taken its place."
    )
    click(panel.start_button)
    assert ended(panel).startswith("Done.")


@pytest.mark.parametrize("part", ["all", "shown"])
def test_labels_are_in_the_place_of_an_image_with_channels_after_time(
    viewer, dock, click, ended, threshold_model, part
):
    data = np.zeros((4, 2, 60, 60), np.uint8)
    data[2, 1, 20:40, 20:40] = 200
    axes = ("t", "c", "y", "x")
    image = viewer.add_image(data, axis_labels=axes, scale=(3, 1, 0.5, 0.5), name="film")
    panel = dock("Segment")
    panel.channels.combos[0].value = 1
    panel.part.value = part
    viewer.dims.set_current_step((0, 1), (2, 1))
    click(panel.start_button)
    assert ended(panel) == "Done. 1 cell found."
    labels = viewer.layers[-1]
    assert labels.axis_labels == axes
    image.visible = False
    for frame, channel in np.ndindex(4, 2):
        viewer.dims.set_current_step((0, 1), (frame, channel))
        seen = viewer.screenshot(flash=False)[..., :3].any()
        assert seen == (frame == 2), (frame, channel)
    assert [int(n) for n in viewer.dims.nsteps[:2]] == [4, 2]
    if part == "all":
        layers.check_same_place(image, "TCYX", labels)


def test_cells_are_linked_unless_the_user_says_no(viewer, dock, click, ended, threshold_model):
    data = np.zeros((3, 30, 30), np.uint8)
    data[:, 4:12, 4:12] = data[1, 20:26, 3:9] = 100
    viewer.add_image(data, axis_labels=("t", "y", "x"))
    panel = dock("Segment")
    panel.more.value = True
    assert panel.plan.text() == "Plane by plane; cells are linked through time."
    click(panel.start_button)
    assert ended(panel) == "Done. 2 cells found."
    panel.how.link.value = False
    assert panel.plan.text() == "Plane by plane; cells are not linked through time."
    click(panel.start_button)
    assert ended(panel) == "Done. 4 cells found."
    assert [plane.max() for plane in viewer.layers[-1].data] == [1, 2, 1]


@pytest.mark.parametrize(("size", "resized"), [(0.25, True), (0.45, False)])
def test_an_image_is_resized_to_the_pixels_of_the_model(
    viewer, dock, click, ended, library, pixel_model, size, resized
):
    from seamless_unet.model_file import save_model

    model = pixel_model(pixel_size={"Y": 0.5, "X": 0.5})
    save_model(model, library / "a.safetensors")
    data = np.zeros((41, 60), np.float32)
    data[10:20, 10:30] = data[30:31, 10:50:2] = 1
    viewer.add_image(data, scale=(size, size), units=("um", "um"))
    panel = dock("Segment")
    panel.model.value = str(library / "a.safetensors")
    assert panel.how.resize.native.isVisible()
    assert panel.how.pixels.isVisible()
    assert panel.how.pixels.text() == f"Pixels: {size} → 0.5 µm"
    assert panel.how.resize.value == resized
    click(panel.start_button)
    ended(panel)
    sizes = {"Y": size, "X": size} if resized else None
    *_, expected = segment_stack(model, data, "YX", pixel_size=sizes)
    np.testing.assert_array_equal(viewer.layers[-1].data, expected.labels)
    viewer.layers["data"].scale = (0.5, 0.5)
    panel.image_changed()
    assert not panel.how.resize.native.isVisible()
    assert not panel.how.pixels.isVisible()
    panel.more.value = True
    assert panel.how.pixels.text() == "Pixels: 0.5 µm; the model expects 0.5 µm"
    assert panel.how.pixels.isVisible()


def test_the_certainty_is_shown_below_the_labels(viewer, dock, click, ended, threshold_model):
    data = np.zeros((30, 40), np.float32)
    data[5:10, 20:30] = 1
    viewer.add_image(data, name="a", scale=(2, 2))
    panel = dock("Segment")
    panel.more.value = True
    click(panel.how.certainty.native)
    click(panel.start_button)
    ended(panel)
    names = [layer.name for layer in viewer.layers]
    assert names == ["a", "threshold certainty of a", "a threshold"]
    certainty = viewer.layers[1]
    np.testing.assert_array_equal(np.asarray(certainty.data) > 0.5, data)
    assert tuple(certainty.contrast_limits) == (0, 1)
    np.testing.assert_array_equal(certainty.scale, (2, 2))
    assert viewer.layers.selection.active is viewer.layers["a threshold"]


@pytest.fixture
def large(viewer, monkeypatch, request):
    """A stack of so many planes that is too large for memory, as it were."""
    monkeypatch.setattr(stored, "_LARGE_ON_DISK", 0)
    data = np.zeros((request.param, 40, 50), np.uint8)
    data[:, 4:12, 4:12] = data[3, 20:26, 3:9] = 100
    return viewer.add_image(da.from_array(data, chunks=(1, 40, 50)), name="large")


@pytest.mark.parametrize("large", [6], indirect=True)
def test_large_labels_grow_on_disk(
    viewer, dock, click, ended, qtbot, threshold_model, large, tmp_path
):
    panel = dock("Segment")
    assert panel.saving.native.isVisible()
    panel.folder.value = tmp_path / "results"
    panel.how.certainty.value = True
    click(panel.start_button)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1)
    folder = tmp_path / "results" / "large threshold.zarr"
    assert ended(panel) == f"Done. 2 cells found. The labels are in {folder}."
    *_, expected = segment_stack(threshold_model, large.data.compute(), "ZYX")
    certainty, labels = viewer.layers[1:]
    assert certainty.name == "threshold certainty of large"
    np.testing.assert_array_equal(certainty.data > 0.5, expected.labels > 0)
    assert labels.editable
    np.testing.assert_array_equal(labels.data[:], expected.labels)
    np.testing.assert_array_equal(zarr.open_array(folder / "0")[:], expected.labels)


@pytest.mark.parametrize("part", ["all", "shown"])
def test_large_labels_for_all_channels_are_the_stored_array_itself(
    viewer, dock, click, ended, threshold_model, tmp_path, monkeypatch, part
):
    monkeypatch.setattr(stored, "_LARGE_ON_DISK", 0)
    data = np.zeros((3, 2, 40, 50), np.uint8)
    data[:, 1, 20:26, 3:9] = 100
    axes = ("t", "c", "y", "x")
    viewer.add_image(da.from_array(data, chunks=(1, 1, 40, 50)), name="film", axis_labels=axes)
    panel = dock("Segment")
    panel.channels.combos[0].value = 1
    panel.folder.value, panel.how.certainty.value = tmp_path, True
    panel.part.value = part
    viewer.dims.set_current_step((0, 1), (2, 1))
    click(panel.start_button)
    assert ended(panel).startswith("Done. 1 cell found.")
    certainty, labels = viewer.layers[1:]
    wanted = data[:, 1:] if part == "all" else data[2:, 1:]
    for array in (labels.data, certainty.data):
        np.testing.assert_array_equal(np.asarray(array) > 0.5, wanted > 0)
    labels.paint((0, 0, 5, 5), 7)
    assert zarr.open_array(tmp_path / "film threshold.zarr" / "0")[0, 0, 5, 5] == 7


@pytest.mark.parametrize("part", ["all", "shown"])
def test_a_large_plane_is_shown_in_several_sizes(
    viewer, dock, click, ended, threshold_model, tmp_path, monkeypatch, part
):
    monkeypatch.setattr(stored, "_LARGE_ON_DISK", 0)
    data = np.zeros((2, 60, 8300), np.uint8)
    data[:, 20:40, 100:140] = data[1, 10:30, 8200:8280] = 100
    image = viewer.add_image(
        da.from_array(data, chunks=(1, 60, 1000)),
        name="slide",
        axis_labels=("t", "y", "x"),
        scale=(1, 0.5, 0.5),
        units=("s", "um", "um"),
    )
    panel = dock("Segment")
    panel.folder.value, panel.how.certainty.value = tmp_path, True
    panel.part.value = part
    viewer.dims.set_current_step(0, 1)
    click(panel.start_button)
    assert ended(panel).startswith("Done. 2 cells found.")
    certainty, labels = viewer.layers[1:]
    assert (labels.multiscale, labels.editable) == (True, False)
    wanted = data[1:] if part == "shown" else data
    for layer in (labels, certainty):
        assert [level.shape[1:] for level in layer.data] == [
            *((60, 8300), (30, 4150), (15, 2075), (8, 1038), (4, 519)),
        ]
        for number, level in enumerate(layer.data):
            step = slice(None, None, 2**number)
            np.testing.assert_array_equal(np.asarray(level) > 0.5, wanted[:, step, step] > 0)
        np.testing.assert_array_equal(layer.scale, image.scale)
        assert layer.data_to_world((0, 0, 0))[0] == (1 if part == "shown" else 0)
    size = read_metadata(tmp_path / "slide threshold.zarr").pixel_size
    assert size == pytest.approx({"Y": 0.5, "X": 0.5})


@pytest.mark.parametrize("large", [90], indirect=True)
def test_nothing_is_kept_of_large_labels_that_are_cancelled(
    viewer, dock, click, ended, qtbot, threshold_model, large, tmp_path
):
    panel = dock("Segment")
    panel.folder.value = tmp_path / "results"
    panel.how.careful.value = True
    click(panel.start_button)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    assert not viewer.layers[-1].editable
    click(panel.stop_button)
    assert list(viewer.layers) == [large]
    qtbot.waitUntil(lambda: not list((tmp_path / "results").iterdir()))


def test_a_disk_without_room_is_said_and_nothing_is_kept(
    viewer, dock, click, ended, threshold_model, tmp_path
):
    film = da.zeros((4_000_000, 256, 256), np.uint8, chunks=(200, 256, 256))
    film = viewer.add_image(film, name="film", contrast_limits=(0, 1))
    panel = dock("Segment")
    panel.folder.value = tmp_path / "results"
    panel.how.certainty.value = True  # three terabytes
    click(panel.start_button)
    assert ended(panel).startswith("There is not enough room on the disk of")
    assert "or segment a part of the image." in panel.status.text()
    assert list(viewer.layers) == [film]
    assert not list((tmp_path / "results").glob("*/*"))


def test_kinds_of_area_are_named(viewer, dock, click, ended, library, pixel_model):
    from seamless_unet.model_file import save_model

    names = ("background", "gland", "lumen")
    model = pixel_model(classes=3, output="classes", class_values=(0, 3, 7))
    save_model(replace(model, info=replace(model.info, classes=names)), library / "a.safetensors")
    viewer.add_image(np.arange(3.0).repeat(12).reshape(6, 6), name="tissue")
    panel = dock("Segment")
    panel.model.value = str(library / "a.safetensors")
    panel.how.certainty.value = True
    click(panel.start_button)
    assert ended(panel) == "Done."
    labels = viewer.layers[-1]
    assert np.unique(labels.data).tolist() == [0, 3, 7]
    assert labels.features["finds"].tolist() == list(names)
    found = [layer.name for layer in viewer.layers]
    assert found == ["tissue", "a certainty of gland", "a certainty of lumen", "tissue a"]


def test_the_form_is_as_it_was_left(viewer, dock, click, ended, threshold_model, library):
    (library / "b.safetensors").write_bytes((library / "threshold.safetensors").read_bytes())
    viewer.add_image(np.eye(32))
    panel = dock("Segment")
    panel.model.value = str(library / "threshold.safetensors")
    panel.how.memory.value = 2**28
    panel.how.certainty.value = True
    click(panel.start_button)
    ended(panel)
    again = segment_widget.SegmentWidget(viewer)
    assert Path(again.model.value).stem == "threshold"
    assert again.how.memory.value == 2**28
    assert again.how.certainty.value
    assert not again.how.careful.value


def test_what_a_slow_file_says_arrives_later(
    viewer, dock, qtbot, threshold_model, tmp_path, monkeypatch
):
    path = write_image(tmp_path / "a.tif", np.zeros((3, 8, 8), np.uint8), axes="TYX")
    answer, read = threading.Event(), layer_metadata.read_metadata
    monkeypatch.setattr(layer_metadata, "_PATIENCE", 0)
    monkeypatch.setattr(layer_metadata, "read_metadata", lambda p: answer.wait(10) and read(p))
    viewer.open(path, plugin="napari")
    panel = dock("Segment")
    assert panel.axes.value == "ZYX"
    answer.set()
    qtbot.waitUntil(lambda: panel.axes.value == "TYX")
    assert panel.plan.text() == "Plane by plane; cells are linked through time."


def test_dimensions_are_shown_and_belong_to_their_image(viewer, dock, threshold_model):
    stack = viewer.add_image(np.zeros((5, 8, 8)), name="stack")
    film = viewer.add_image(np.zeros((5, 8, 8)), name="film", axis_labels=("t", "y", "x"))
    plane = viewer.add_image(np.zeros((8, 8)), name="plane")
    panel = dock("Segment")
    panel.image.value = plane
    assert panel.only_axes.native.isVisible()
    assert panel.only_axes.value == "y, x"
    panel.image.value = stack
    assert not panel.only_axes.native.isVisible()
    assert panel.axes.value == "ZYX"
    panel.axes.value = "CYX"
    panel.image.value = film
    assert panel.axes.current_choice == "time (5), y, x"
    stack.name = "renamed"
    panel.image.value = stack
    assert panel.axes.value == "CYX"


def test_threshold_and_smallest_cell_are_the_models_own(viewer, dock, library, pixel_model):
    from seamless_unet.model_file import save_model

    save_model(pixel_model(threshold=0.3, min_size=12, neck=2.5), library / "a.safetensors")
    save_model(pixel_model(output="classes"), library / "b.safetensors")
    panel = dock("Segment")
    panel.more.value = True
    panel.model.value = str(library / "a.safetensors")
    assert panel.how.threshold.value == pytest.approx(0.3)
    assert panel.how.min_size.value == 12
    assert panel.how.neck.value == 2.5
    assert panel.how.threshold.native.isVisible()
    panel.model.value = str(library / "b.safetensors")
    assert not panel.how.threshold.native.isVisible()


def test_a_new_model_is_in_the_list_at_once(dock, library, threshold_model):
    panel = dock("Segment")
    path = library / "fresh.safetensors"
    path.write_bytes((library / "threshold.safetensors").read_bytes())
    models.signals.changed.emit(str(path))
    assert panel.model.value == str(path)


def test_a_model_that_is_written_anew_brings_its_new_settings(dock, library, pixel_model):
    path = library / "mine.safetensors"
    save_model(pixel_model(threshold=0.3, min_size=9), path)
    panel = dock("Segment")
    panel.model.value = str(path)
    assert panel.how.min_size.value == 9
    time.sleep(0.01)  # another time of the file
    save_model(pixel_model(threshold=0.6, min_size=40, training={"score": 0.5}), path)
    models.signals.changed.emit(str(path))
    assert (panel.how.threshold.value, panel.how.min_size.value) == (0.6, 40)
    assert "Score 0.50" in panel.description.text()


def test_the_layers_menu_opens_the_dock_with_the_layer(viewer, threshold_model):
    image = viewer.add_image(np.zeros((8, 8)), name="a")
    viewer.add_image(np.zeros((8, 8)), name="b")
    viewer.layers.selection.active = image
    commands = get_app_model().commands
    commands.execute_command("napari-seamless-unet.segment_cells").result()
    (panel,) = viewer.window.dock_widgets.values()
    assert panel.image.value is image
    viewer.layers.selection.active = viewer.layers["b"]
    commands.execute_command("napari-seamless-unet.segment_cells").result()
    assert list(viewer.window.dock_widgets) == ["Segment (Seamless U-Net)"]
    assert panel.image.value is viewer.layers["b"]


def test_the_layers_menu_segments_the_plane_that_is_shown(viewer, ended, threshold_model):
    data = np.zeros((3, 30, 30))
    data[1, 4:12, 4:12] = 1
    viewer.add_image(data, name="a")
    viewer.dims.set_current_step(0, 1)
    commands = get_app_model().commands
    commands.execute_command("napari-seamless-unet.segment_shown").result()
    (panel,) = viewer.window.dock_widgets.values()
    assert ended(panel) == "Done. 1 cell found."
    np.testing.assert_array_equal(viewer.layers[-1].data, data[1:2])
    hidden = viewer.add_image(np.zeros((9, 9)), name="hidden", visible=False)
    viewer.layers.selection.active = viewer.layers["a threshold"]
    commands.execute_command("napari-seamless-unet.segment_shown").result()
    assert panel.image.value is viewer.layers["a"]
    assert ended(panel) == "Done. 1 cell found."
    viewer.layers["a"].visible = False
    commands.execute_command("napari-seamless-unet.segment_shown").result()
    assert panel.job is None
    assert panel.image.value is not hidden


def test_who_paints_goes_on(viewer, dock, click, ended, threshold_model):
    viewer.add_image(np.eye(30), name="a")
    mine = viewer.add_labels(np.zeros((30, 30), int), name="mine")
    panel = dock("Segment")
    panel.how.certainty.value = True
    for mode, active in (("paint", "mine"), ("pan_zoom", "a threshold [1]")):
        mine.mode = mode
        viewer.layers.selection.active = mine
        click(panel.start_button)
        ended(panel)
        assert viewer.layers.selection.active.name == active


def test_a_long_channel_stays_in_the_window(viewer, dock, library, pixel_model, qtbot):
    name = "Channel:0:Alexa Fluor 488 (antibody against lamin A/C) & more"
    save_model(pixel_model(in_channels=2, channels=(name, "b & c")), library / "two.safetensors")
    viewer.add_image(np.zeros((3, 60, 60)), axis_labels=("c", "y", "x"))
    panel = dock("Segment")
    panel.model.value = str(library / "two.safetensors")
    qtbot.wait(100)
    assert panel.widget().width() <= panel.viewport().width()
    label, other = (panel.channels._rows.labelForField(c.native) for c in panel.channels.combos)
    assert label.text().startswith("Channel:0:Al")
    assert label.text().endswith("…")
    assert label.toolTip().startswith(name)
    assert other.text() == "B && c"  # one of them is shown


def test_a_folder_that_cannot_be_made_is_said(
    viewer, dock, click, threshold_model, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setattr(stored, "_LARGE", 100)
    viewer.add_image(np.zeros((30, 30)))
    panel = dock("Segment")
    panel.folder.value = tmp_path / "file" / "results"
    click(panel.start_button)
    assert "results cannot be made (Not a directory): choose another one." in panel.status.text()


def test_the_layers_menu_takes_the_dock_that_is_open(viewer, dock, threshold_model):
    panel = dock("Segment")
    viewer.add_image(np.zeros((8, 8)), name="a")
    get_app_model().commands.execute_command("napari-seamless-unet.segment_cells").result()
    assert list(viewer.window.dock_widgets.values()) == [panel]


def test_the_layers_menu_says_that_the_dock_is_at_work(
    viewer, dock, click, slow, notified, threshold_model
):
    panel = dock("Segment")
    busy = panel.image.value
    click(panel.start_button)
    viewer.add_image(np.zeros((8, 8)), name="small")
    get_app_model().commands.execute_command("napari-seamless-unet.segment_shown").result()
    assert notified()[-1] == "Segment is at work: stop that, or let it end."
    assert panel.image.value is busy
    click(panel.stop_button)


def test_a_result_is_not_kept_for_later(viewer, dock, click, ended, threshold_model):
    viewer.add_image(np.eye(30), name="a")
    panel = dock("Segment")
    click(panel.start_button)
    assert ended(panel).startswith("Done.")
    assert panel._result is None


SCRIPT = """
import sys, napari, npe2
viewer = napari.Viewer(show=False)
assert "napari-seamless-unet" in npe2.PluginManager.instance()
ours = [name for name in sys.modules if name.startswith("seamless_unet")]
assert not ours, f"napari alone imported {ours}"
viewer.open_sample("napari-seamless-unet", "nuclei")
for name in ("Segment", "Train"):
    viewer.window.add_plugin_dock_widget("napari-seamless-unet", name)
heavy = [name for name in ("torch", "torchvision") if name in sys.modules]
viewer.close()
sys.exit(f"imported {heavy}" if heavy else 0)
"""


def test_napari_starts_without_the_plugin_and_opens_its_docks_without_torch():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
