"""Make the README's picture from the real window; it needs a display (``xvfb-run -a``)."""

import sys
import time
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

PLUGIN = "napari-seamless-unet"


def wait(condition) -> None:
    """Let the window live until something is true."""
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)


def main(path: Path, width: int = 1400, height: int = 1000) -> None:
    viewer = napari.Viewer()
    window = viewer.window._qt_window
    window.resize(width, height)
    viewer.open_sample(PLUGIN, "nuclei")
    viewer.layers[-1].visible = False  # the true labels
    viewer.window.add_plugin_dock_widget(PLUGIN, "Train", tabify=True)
    dock, segment = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment", tabify=True)
    dock.raise_()
    segment.image.value = viewer.layers[0]
    wait(lambda: segment.isVisible())
    segment.start_button.click()
    wait(lambda: segment.job is None)
    until = time.monotonic() + 2
    wait(lambda: time.monotonic() > until)
    window.grab().save(str(path))
    viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("napari.png")))
