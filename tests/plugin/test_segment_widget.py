import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.layers import Labels
from napari.utils.notifications import notification_manager

from seamless_unet.plugin import models
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


def test_cancel(viewer, dock, click, ended, qtbot, slow):
    panel = dock("Segment")
    panel.how.careful.value = True
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.status.text() == "Segmenting ...", timeout=60_000)
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
    qtbot.waitUntil(lambda: panel.status.text() == "Segmenting ...", timeout=60_000)
    os.kill(panel.worker.process.pid, signal.SIGKILL)
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


def test_threshold_and_smallest_cell_are_the_models_own(viewer, dock, library, pixel_model):
    from seamless_unet.model_file import save_model

    save_model(pixel_model(threshold=0.3, min_size=12), library / "a.safetensors")
    save_model(pixel_model(output="classes"), library / "b.safetensors")
    panel = dock("Segment")
    panel.more.value = True
    panel.model.value = str(library / "a.safetensors")
    assert panel.how.threshold.value == pytest.approx(0.3)
    assert panel.how.min_size.value == 12
    assert panel.how.threshold.native.isVisible()
    panel.model.value = str(library / "b.safetensors")
    assert not panel.how.threshold.native.isVisible()


def test_a_new_model_is_in_the_list_at_once(dock, library, threshold_model):
    panel = dock("Segment")
    path = library / "fresh.safetensors"
    path.write_bytes((library / "threshold.safetensors").read_bytes())
    models.signals.changed.emit(str(path))
    assert panel.model.value == str(path)


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
