import dataclasses
import os
import signal

import numpy as np
import pytest
from napari.layers import Labels

from seamless_unet import interrupted
from seamless_unet.model_file import read_info, save_model
from seamless_unet.plugin import annotation_check, layers, models, train_widget
from seamless_unet.plugin.layer_pair import LayerPair
from seamless_unet.plugin.library import rename

PLUGIN = "napari-seamless-unet"


@pytest.fixture
def panel(viewer, dock):
    """The Train dock, with the sample of nuclei open."""
    viewer.open_sample(PLUGIN, "nuclei")
    panel = dock("Train")
    panel.name.value = "my nuclei"
    return panel


@pytest.fixture
def quick_panel(viewer, panel):
    """The Train dock with a part of the sample, which is prepared and validated faster."""
    for layer in viewer.layers:
        layer.data = layer.data[:160, :160]
    return panel


def wait_for_steps(qtbot, panel):
    qtbot.waitUntil(lambda: len(panel.plot.losses) > 0)


def test_train_then_segment_with_the_new_model(
    viewer, dock, panel, click, ended, library, qtbot, threshold_model
):
    segment_panel = dock("Segment")
    panel.parent().raise_()
    panel.recipe.minutes.value = 0.1
    click(panel.start_button)
    assert not panel.start_button.isEnabled()
    assert ended(panel, 180).startswith(
        "Model 'my nuclei' is saved and in the Segment dock's list."
    )
    assert "84 objects" in panel.check.text.text()
    assert len(panel.plot.losses) > 0
    assert len(panel.plot.scores) > 0
    path = library / "my nuclei.safetensors"
    info = read_info(path)
    assert info.pixel_size == pytest.approx({"Y": 0.5, "X": 0.5}, rel=0.5)
    assert segment_panel.model.value == str(path)
    segment_panel.parent().raise_()
    qtbot.waitUntil(segment_panel.start_button.isVisible)
    click(segment_panel.start_button)
    assert ended(segment_panel).startswith("Done.")
    assert isinstance(viewer.layers[-1], Labels)
    assert viewer.layers[-1].name == "nuclei my nuclei"
    np.testing.assert_array_equal(viewer.layers[-1].scale, viewer.layers["nuclei"].scale)
    assert not list((library / "checkpoints").iterdir())


def test_stop_keeps_the_best_model_so_far(quick_panel, click, ended, library, qtbot):
    quick_panel.recipe.minutes.value = 60
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    click(quick_panel.stop_button)
    assert not quick_panel.stop_button.isEnabled()
    assert ended(quick_panel).startswith("Model 'my nuclei' is saved")
    assert models.choices()[-1] == ("my nuclei", str(library / "my nuclei.safetensors"))


def test_a_region_that_is_gone_is_said_before_all_of_the_image_is_learned(
    viewer, quick_panel, click, library
):
    square = viewer.add_shapes([[0, 0], [0, 99], [99, 99], [99, 0]], name="corner")
    quick_panel.drawing.region.value = square
    viewer.layers.remove(square)
    click(quick_panel.start_button)
    assert quick_panel.job is None
    words = "The region that was chosen, 'corner', is gone, and 'the whole image' has taken"
    assert quick_panel.status.text().startswith(words)
    click(quick_panel.start_button)  # that is right, then
    assert quick_panel.job is not None
    click(quick_panel.stop_button)


def test_an_image_that_is_gone_is_said_before_another_one_is_learned(viewer, quick_panel, click):
    other = viewer.add_image(np.zeros((160, 160), np.uint8), name="gfp")
    viewer.layers.remove("nuclei")
    assert quick_panel.image.value is other
    click(quick_panel.start_button)
    assert quick_panel.job is None
    words = "The image that was chosen, 'nuclei', is gone, and 'gfp' has taken its place."
    assert quick_panel.status.text().startswith(words)


def test_a_model_to_start_from_that_was_deleted_is_said(
    quick_panel, click, library, threshold_model
):
    path = library / "threshold.safetensors"
    quick_panel.recipe.begin.reset_choices()
    quick_panel.recipe.begin.value = str(path)
    path.unlink()
    models.signals.listed.emit()
    click(quick_panel.start_button)
    assert quick_panel.job is None
    assert quick_panel.status.text().startswith("The model to start from that was chosen")


def test_a_library_that_cannot_be_written_is_said_before_the_work(
    quick_panel, click, monkeypatch, tmp_path
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEAMLESS_UNET_MODELS", str(tmp_path / "file" / "models"))
    click(quick_panel.start_button)
    assert quick_panel.job is None
    assert "No model can be saved in" in quick_panel.status.text()


def test_a_job_that_has_to_wait_says_so(viewer, dock, quick_panel, click, ended, qtbot):
    quick_panel.recipe.minutes.value = 60
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    segment = dock("Segment")
    click(segment.start_button)
    assert segment.status.text().startswith("Waiting until the job before it has ended")
    click(segment.stop_button)
    assert segment.status.text() == "Cancelled."
    quick_panel.parent().raise_()
    click(quick_panel.stop_button)
    ended(quick_panel)


def test_a_closed_dock_keeps_what_was_corrected(viewer, dock, panel, qtbot):
    image, labels = viewer.layers["nuclei"], viewer.layers["nuclei labels"]
    panel.pair_list.add(LayerPair(image, "YX", labels, "objects"))
    panel.name.value = "another name"
    qtbot.waitUntil(lambda: "objects" in panel.check.text.text())
    panel.parent().destroyOnClose()
    qtbot.waitUntil(lambda: panel.is_closed and panel.parent() is not None)
    panel.check.look(asked=False)
    assert panel.check._followed == []  # nobody sees what it would say
    again = dock("Train")
    assert again is panel
    assert not again.is_closed
    assert len(again.pair_list.boxes) == 1
    assert again.name.value == "another name"
    again.pair_list.boxes[0].remove.click()
    again.parent().destroyOnClose()
    qtbot.waitUntil(lambda: again.parent() is None)


def test_labels_that_lie_elsewhere_are_told(viewer, panel, qtbot):
    qtbot.waitUntil(lambda: "84 objects" in panel.check.text.text())
    assert "another place" not in panel.check.text.text()
    labels = viewer.layers["nuclei labels"]
    labels.translate = labels.translate + 5 * labels.scale
    panel.check.look()
    assert panel.check.text.text() == "Looking at the labels ..."
    words = "'nuclei labels' lies in another place than 'nuclei'."
    qtbot.waitUntil(lambda: words in panel.check.text.text())


def test_what_only_shows_something_is_not_offered_as_labels(viewer, dock):
    viewer.add_image(np.zeros((9, 9)))
    drawn = viewer.add_labels(np.ones((9, 9), int), name="drawn")
    viewer.add_labels(np.ones((9, 9), int), name="compared", metadata={layers.ONLY_SHOWS: True})
    panel = dock("Train")
    assert panel.drawing.labels.choices == (drawn,)


def test_nothing_is_checked_during_a_training(viewer, panel, click, ended, qtbot, monkeypatch):
    monkeypatch.setattr(annotation_check, "_MOST_PIXELS", 100)
    panel.check.look(asked=False)
    assert panel.check.button.isEnabled()
    panel.recipe.minutes.value = 60
    click(panel.start_button)
    qtbot.waitUntil(lambda: not panel.check.button.isEnabled())
    click(panel.stop_button)
    ended(panel)
    qtbot.waitUntil(panel.check.button.isEnabled)


def test_stop_before_anything_was_learned(viewer, quick_panel, click, library, qtbot):
    click(quick_panel.start_button)
    labels = viewer.layers["nuclei labels"]
    few = np.unique(labels.data)[1:4]
    labels.data = np.where(np.isin(labels.data, few), labels.data, 0)  # summed up at the end
    click(quick_panel.stop_button)
    assert quick_panel.job is None
    assert quick_panel.status.text() == "Stopped before anything was learned."
    assert not list(library.glob("*.safetensors"))
    qtbot.waitUntil(lambda: quick_panel.check.text.text().count(", 3 objects.") == 1)


def test_kill_9_keeps_what_was_saved_and_says_so(
    quick_panel, click, ended, library, qtbot, threshold_model
):
    quick_panel.recipe.minutes.value = 60
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    saved = (library / "threshold.safetensors").read_bytes()
    (library / "my nuclei.safetensors").write_bytes(saved)  # as the child does now and then
    os.kill(quick_panel.worker.child.process.pid, signal.SIGKILL)
    words = ended(quick_panel)
    assert "napari and your layers are unharmed" in words
    assert words.endswith("The best model so far is kept as 'my nuclei'.")
    assert quick_panel.start_button.isEnabled()


def test_an_interrupted_training_goes_on(
    quick_panel, threshold_model, click, ended, library, qtbot, notified
):
    quick_panel.recipe.begin.reset_choices()
    quick_panel.recipe.begin.value = str(library / "threshold.safetensors")
    quick_panel.recipe.minutes.value = 60
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    assert quick_panel.interrupted.lines == []
    quick_panel.interrupted.resumed.emit(None)  # of another training
    assert notified()[-1].startswith("One training at a time")
    os.kill(quick_panel.worker.child.process.pid, signal.SIGKILL)
    ended(quick_panel)
    (line,) = quick_panel.interrupted.lines
    assert "The training of 'my nuclei' was interrupted" in line.text.text()
    rename(library / "my nuclei.safetensors", "renamed")
    (line,) = quick_panel.interrupted.lines
    assert "The training of 'renamed' was interrupted" in line.text.text()
    quick_panel.ensureWidgetVisible(line.resume)
    qtbot.waitUntil(line.resume.isVisible)
    click(line.resume)
    click(quick_panel.stop_button)  # before it goes on
    assert "What was learned before is kept" in quick_panel.status.text()
    qtbot.waitUntil(lambda: len(quick_panel.interrupted.lines) == 1)  # once nobody works on it
    (line,) = quick_panel.interrupted.lines
    quick_panel.ensureWidgetVisible(line.resume)
    qtbot.waitUntil(line.resume.isVisible)
    click(line.resume)
    wait_for_steps(qtbot, quick_panel)
    qtbot.waitUntil(lambda: quick_panel.preview.layer is not None)
    click(quick_panel.stop_button)
    assert ended(quick_panel).startswith("Model 'renamed' is saved")
    assert quick_panel.interrupted.lines == []
    assert not list((library / "checkpoints").iterdir())


def test_what_was_learned_is_kept_when_napari_ends(quick_panel, click, library, qtbot):
    quick_panel.recipe.begin.value = "scratch"
    quick_panel.recipe.minutes.value = 1
    click(quick_panel.start_button)
    qtbot.waitUntil(lambda: len(quick_panel.plot.scores) > 1)
    quick_panel.worker.shut_down()
    (training,) = interrupted(library / "checkpoints")
    assert training.fraction > 0
    assert not training.problem
    assert read_info(library / "my nuclei.safetensors").training["steps"] > 0
    quick_panel.worker.cancel(quick_panel.job)  # the window of this test stays a while


def test_a_training_that_does_not_stop_can_be_ended(
    quick_panel, click, ended, library, qtbot, monkeypatch
):
    monkeypatch.setattr(train_widget, "_PATIENCE", 100)
    quick_panel.recipe.minutes.value = 60
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    process = quick_panel.worker.child.process
    os.kill(process.pid, signal.SIGSTOP)  # as if it hung in a driver
    click(quick_panel.stop_button)
    quick_panel.stop(quick_panel.job)  # from the activity dock: not yet
    assert quick_panel.job is not None
    qtbot.waitUntil(quick_panel.stop_button.isEnabled)
    assert "Stop once more" in quick_panel.status.text()
    click(quick_panel.stop_button)
    assert quick_panel.status.text().startswith("Stopped at once.")
    qtbot.waitUntil(lambda: process.poll() is not None)


def test_images_are_not_kept_after_a_training(quick_panel, click, ended, qtbot):
    quick_panel.recipe.minutes.value = 60
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    assert quick_panel._learning.images
    click(quick_panel.stop_button)
    ended(quick_panel)
    assert not quick_panel._learning.images
    assert not quick_panel.preview._images


def test_a_closed_dock_looks_at_no_annotation(viewer, panel, qtbot):
    qtbot.waitUntil(lambda: "84 objects" in panel.check.text.text())
    panel.parent().destroyOnClose()
    qtbot.waitUntil(lambda: panel.parent() is None)
    panel.check.look(asked=False)
    assert panel.check._followed == []
    assert not panel.worker.is_busy
    assert panel.check._job.done


def test_closing_the_dock_lets_the_training_go_on(quick_panel, dock, click, ended, library, qtbot):
    quick_panel.recipe.minutes.value = 0.1
    click(quick_panel.start_button)
    wait_for_steps(qtbot, quick_panel)
    kept = library / "checkpoints" / "my nuclei"
    assert kept.is_dir()
    quick_panel.parent().destroyOnClose()
    qtbot.waitUntil(lambda: quick_panel.parent() is not None)
    assert dock("Train") is quick_panel
    assert quick_panel.plot.losses
    assert quick_panel.stop_button.isEnabled()
    assert ended(quick_panel).startswith("Model 'my nuclei' is saved")
    assert not kept.exists()
    assert (library / "my nuclei.safetensors").exists()


def test_no_labels_layer(viewer, dock, click):
    viewer.add_image(np.zeros((32, 32)))
    panel = dock("Train")
    click(panel.start_button)
    assert panel.status.text().startswith("Draw labels first")


def test_labels_of_another_image(viewer, panel, click):
    viewer.add_labels(np.ones((8, 9), int), name="other")
    panel.drawing.labels.value = viewer.layers["other"]
    click(panel.start_button)
    assert "The labels 'other' are 8 x 9 pixels but the image 'nuclei' is" in panel.status.text()
    assert panel.job is None


def test_labels_with_nothing_drawn(viewer, panel, click, ended):
    empty = viewer.add_labels(np.zeros_like(viewer.layers["nuclei labels"].data), name="empty")
    panel.drawing.labels.value = empty
    click(panel.start_button)
    assert "label" in ended(panel)
    assert panel.start_button.isEnabled()


def test_a_model_needs_a_name(panel, click):
    panel.name.value = " "
    click(panel.start_button)
    assert panel.status.text().startswith("Give the model a name")


def test_learning_goes_on_from_a_chosen_model(quick_panel, threshold_model, click, ended, library):
    panel = quick_panel
    panel.recipe.begin.reset_choices()
    chosen = str(library / "threshold.safetensors")
    assert list(panel.recipe.begin.choices) == ["auto", "scratch", chosen]
    panel.recipe.begin.value = chosen
    panel.recipe.minutes.value = 0.1
    click(panel.start_button)
    assert "is saved" in ended(panel, 180)
    assert "Starts from the model" in panel.check.text.text()
    info = read_info(library / "my nuclei.safetensors")
    assert info.network == threshold_model.info.network


def test_watch_it_learn_correct_it_and_learn_on(
    viewer, quick_panel, threshold_model, click, ended, library, qtbot
):
    panel = quick_panel
    labels = viewer.layers["nuclei labels"]
    drawn = labels.data.copy()
    panel.recipe.begin.reset_choices()
    panel.recipe.begin.value = str(library / "threshold.safetensors")
    panel.recipe.minutes.value = 60
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.preview.layer is not None)
    preview = viewer.layers["preview: my nuclei"]
    assert preview.data.shape == (160, 160)
    assert preview.data.any()
    np.testing.assert_array_equal(preview.scale, labels.scale)
    assert viewer.layers.selection.active is labels
    assert not panel.correct_button.isVisible()
    wait_for_steps(qtbot, panel)
    click(panel.stop_button)
    assert "is saved" in ended(panel)

    panel.ensureWidgetVisible(panel.correct_button)
    click(panel.correct_button)
    assert "Correct the layer 'corrections 1' inside the rectangle" in panel.status.text()
    corrections = viewer.layers["corrections 1"]
    np.testing.assert_array_equal(corrections.data, preview.data)
    assert viewer.layers.selection.active is corrections
    assert not preview.visible
    (pair,) = panel.pair_list.pairs()
    assert (pair.labels, pair.region) == (corrections, viewer.layers["corrected area 1"])
    assert panel.recipe.begin.value == str(library / "my nuclei.safetensors")

    corrections.data[:20] = 0
    panel.watch.value = False
    panel.recipe.minutes.value = 0.1
    panel.ensureWidgetVisible(panel.start_button)
    click(panel.start_button)
    assert "'my nuclei 2' is saved" in ended(panel, 180)
    assert "Starts from the model" in panel.check.text.text()
    assert not [layer for layer in viewer.layers if layer.name.startswith("preview: my nuclei 2")]
    np.testing.assert_array_equal(labels.data, drawn)
    assert (corrections.data[:20] == 0).all()


def test_a_crowded_stack_is_learned_and_shown_as_a_volume(
    viewer, dock, click, ended, library, qtbot
):
    panel = dock("Train")
    panel.more.value = True
    viewer.open_sample(PLUGIN, "nuclei_stack")
    assert panel.recipe.stacks.native.isVisible()
    panel.recipe.minutes.value = 60
    panel.ensureWidgetVisible(panel.start_button)
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.preview.layer is not None)
    assert "1 annotated volume, 34 objects" in panel.check.text.text()
    assert panel.preview.layer.data.shape == viewer.layers["nuclei stack"].data.shape
    wait_for_steps(qtbot, panel)
    click(panel.stop_button)
    assert "is saved" in ended(panel, 120)
    assert read_info(library / "my model.safetensors").network.ndim == 3
    viewer.open_sample(PLUGIN, "nuclei")
    panel.image.value = viewer.layers["nuclei"]
    assert not panel.recipe.stacks.native.isVisible()


def test_corrections_mean_what_was_learned_whatever_the_form_says_by_now(
    viewer, quick_panel, click, ended, qtbot
):
    panel = quick_panel
    labels = viewer.layers["nuclei labels"]
    labels.data = (labels.data > 0).astype(int)
    panel.drawing.annotation.value = "classes"
    panel.recipe.begin.value = "scratch"
    panel.recipe.minutes.value = 60
    click(panel.start_button)
    qtbot.waitUntil(lambda: panel.preview.layer is not None)
    wait_for_steps(qtbot, panel)
    click(panel.stop_button)
    assert "is saved" in ended(panel)
    panel.drawing.annotation.value = "scribbles"
    panel.ensureWidgetVisible(panel.correct_button)
    click(panel.correct_button)
    (pair,) = panel.pair_list.pairs()
    assert pair.annotation == "classes"


def test_the_annotation_is_looked_at_while_one_draws(viewer, panel, qtbot):
    text = panel.check.text.text
    qtbot.waitUntil(lambda: "84 objects" in text())
    labels = viewer.layers["nuclei labels"]
    labels.data = np.where(labels.data < 10, labels.data, 0)
    qtbot.waitUntil(lambda: "9 objects" in text())
    assert "• More than half of what looks like the objects" in text()
    labels.fill(np.argwhere(labels.data == 3)[0], 0)
    qtbot.waitUntil(lambda: "8 objects" in text())
    panel.drawing.labels.value = viewer.add_labels(np.zeros_like(labels.data), name="empty")
    qtbot.waitUntil(lambda: "draw at least one object" in text())


def test_another_image_and_a_region_are_looked_at_too(viewer, panel, qtbot):
    text, nuclei = panel.check.text.text, panel.image.value
    qtbot.waitUntil(lambda: "84 objects" in text())
    panel.image.value = viewer.add_image(np.zeros((64, 64)), name="other")
    qtbot.waitUntil(lambda: text() == "")  # these labels are none of it
    panel.image.value = nuclei
    qtbot.waitUntil(lambda: "84 objects" in text())
    panel.drawing.region.value = region = viewer.add_shapes(name="area")
    qtbot.waitUntil(lambda: text() == "")  # it encloses nothing yet
    region.add([[-1, -1], [-1, 99], [99, 99], [99, -1]])
    qtbot.waitUntil(lambda: "objects" in text())
    enclosed = text()
    labels = viewer.layers["nuclei labels"]
    labels.fill(np.argwhere(labels.data[:150, :150] > 0)[0], 0)
    qtbot.waitUntil(lambda: text() not in ("", enclosed))


def test_much_annotation_is_looked_at_when_asked(viewer, panel, qtbot, click, monkeypatch):
    qtbot.waitUntil(lambda: "84 objects" in panel.check.text.text())
    monkeypatch.setattr("seamless_unet.plugin.annotation_check._MOST_PIXELS", 1000)
    panel.check.look(asked=False)
    qtbot.waitUntil(panel.check.button.isVisible)
    assert panel.check.text.text() == ""
    panel.ensureWidgetVisible(panel.check.button)
    click(panel.check.button)
    qtbot.waitUntil(lambda: "84 objects" in panel.check.text.text())


def test_the_model_to_start_from_is_gone(panel, threshold_model, library, qtbot, click):
    path = library / "threshold.safetensors"
    panel.recipe.begin.reset_choices()
    panel.recipe.begin.value = str(path)
    path.unlink()
    panel.check.look(asked=False)  # as after every stroke
    assert panel.check.text.text() == ""
    panel.check.look()
    assert "threshold" in panel.check.text.text()
    click(panel.start_button)
    assert "threshold" in panel.status.text()
    assert panel.job is None


def test_the_form_is_as_it_was_left(viewer, quick_panel, click, qtbot):
    quick_panel.drawing.annotation.value = "scribbles"
    quick_panel.recipe.minutes.value = 7.5
    quick_panel.watch.value = False
    click(quick_panel.start_button)
    click(quick_panel.stop_button)
    again = type(quick_panel)(viewer)
    qtbot.addWidget(again)
    assert again.drawing.annotation.value == "scribbles"
    assert again.recipe.minutes.value == 7.5
    assert again.watch.value is False
    assert again.name.value == "my nuclei"


def test_a_model_to_start_from_shows_what_it_learned_before(panel, library, threshold_model):
    history = [{"step": 1, "loss": 0.7}, {"step": 2, "score": 0.4, "validation_loss": 0.6}]
    before = [{"steps": 9, "history": [{"step": 3, "loss": 0.8}]}]
    training = {"history": history, "earlier": before}
    info = dataclasses.replace(threshold_model.info, training=training)
    save_model(dataclasses.replace(threshold_model, info=info), library / "earlier.safetensors")
    panel.recipe.begin.reset_choices()
    panel.recipe.begin.value = str(library / "earlier.safetensors")
    assert panel.plot.losses == [(1, 0.7)]
    assert panel.plot.scores == [(2, 0.4)]
    assert panel.plot.earlier == [([(3, 0.8)], [], 9)]
    panel.recipe.begin.value = "auto"
    assert panel.plot.losses == []
