"""What a user does with mouse and keyboard alone, on a screen with a window manager."""

import psutil

from seamless_unet import interrupted

SAMPLE = ("File", "Open Sample", "Seamless U-Net", "Nuclei (2-D)")


def open_sample_and(dock, napari):
    napari.click(*SAMPLE)
    napari.until("objects")
    napari.click("Plugins", "Seamless U-Net", f"{dock} (Seamless U-Net)")


def begin_training(napari):
    open_sample_and("Train", napari)
    napari.write("Model name", "mine")
    napari.click("Train")
    napari.until("says", "Score ")


def test_segment_a_sample(napari):
    open_sample_and("Segment", napari)
    napari.click("Run")
    napari.until("says", "Done.")
    assert napari.ask("active") == "nuclei nuclei"
    assert napari.ask("objects")["nuclei nuclei"] > 20


def test_train_stop_and_paint_a_correction(napari):
    begin_training(napari)
    napari.click("Stop", "Correct it")
    napari.until("says", "Correct the layer 'corrections 1' inside the rectangle")
    assert (napari.models / "mine.safetensors").exists()
    assert napari.ask("active") == "corrections 1"
    line = [("corrections 1", 250, x) for x in range(215, 246)]
    assert not any(napari.ask("value", *pixel) for pixel in line)  # there is no nucleus
    napari.click("paint")
    napari.paint("corrections 1", (250, 215), (250, 230), (250, 245))
    assert all(napari.ask("value", *pixel) for pixel in line)


def test_the_window_asks_before_a_training_ends_with_it(napari):
    begin_training(napari)
    napari.xdotool("key", "alt+F4")
    napari.until("says", "Train is running. If you close, it stops")
    napari.click("Cancel")
    napari.until("where", "Stop")  # it goes on
    processes = napari.processes()
    assert len(processes) > 1
    napari.xdotool("key", "alt+F4")
    napari.click("Close")
    napari.click("Do not ask in future", "Close")  # napari's own question, about the layers
    assert napari.process.wait(60) == 0, napari.last_words()
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    (training,) = interrupted(napari.models / "checkpoints")
    assert training.name == "mine"
