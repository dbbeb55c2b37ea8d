"""What a user waits for: the package, the command line, the docks, a first prediction.

    OMP_NUM_THREADS=1 xvfb-run -a python benchmarks/speed/start_up.py

Three rows: starting Python (alone, with the package, with ``--help``); opening a dock of a napari
window that is shown, up to its first drawing, next to a dock with nothing in it; segmenting
256 x 256 pixels from a window, in a child process that is started for it, was warmed up by the
Segment dock, or has segmented before, next to the same call in a process that has done it
before. One thread, because what is compared there is the way to the pixels, not the pixels.
"""

from __future__ import annotations

import argparse
import compileall
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from side_by_side import Measured, emit, ratios, side_by_side

_EMPTY = "empty"
_DOCKS = ("Segment", "Train")


def main() -> None:
    """Print one line of JSON for each row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--docks", nargs="+", help="open these in this process, and no more")
    args = parser.parse_args()
    if args.docks:
        print(json.dumps(open_docks(args.docks)))
        return
    import seamless_unet  # not in the process that opens docks: there, napari must do it

    compileall.compile_dir(Path(seamless_unet.__file__).parent, quiet=1)  # as pip leaves it
    commands(args.repeats)
    docks(args.repeats)
    first_prediction(args.repeats)


def commands(repeats: int) -> None:
    """Start Python with more and more to do."""
    ways = {
        "python": ["-c", "pass"],
        "import": ["-c", "import seamless_unet"],
        "help": ["-m", "seamless_unet", "--help"],
        "version": ["-m", "seamless_unet", "--version"],
    }
    start = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL)
    measured = side_by_side(
        {name: partial(start, [sys.executable, *words]) for name, words in ways.items()}, repeats
    )
    emit("commands", measured, ratios=ratios(measured, of="python"))


def docks(repeats: int) -> None:
    """Open each dock twice in a napari of its own, so that its first time is a first time."""
    measured: dict[str, Measured] = {}
    loaded = set()
    for _ in range(repeats):
        for name in _DOCKS:
            words = [sys.executable, __file__, "--docks", _EMPTY, name, name]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            result = json.loads(done.stdout.splitlines()[-1])
            for opening, seconds in result["seconds"]:
                measured.setdefault(opening, Measured()).seconds.append(seconds)
            loaded |= set(result["loaded"])
    emit("docks", measured, loaded_by_napari=sorted(loaded))


def open_docks(names: list[str]) -> dict[str, Any]:
    """Return the seconds of each opening, and what of us or torch napari had loaded or has."""
    import napari
    import numpy as np
    from qtpy.QtWidgets import QApplication, QLabel

    viewer = napari.Viewer()
    viewer.add_image(np.zeros((256, 256), np.uint8))
    wait = QApplication.instance().processEvents
    _settle(wait)
    loaded = [name for name in ("seamless_unet", "torch") if name in sys.modules]
    seconds: list[tuple[str, float]] = []
    for name in names:
        began = time.perf_counter()
        if name == _EMPTY:
            dock = viewer.window.add_dock_widget(QLabel("empty"))
        else:
            dock, _ = viewer.window.add_plugin_dock_widget("napari-seamless-unet", name)
        wait()
        took = time.perf_counter() - began
        again = f"{name}, first" in dict(seconds)
        seconds.append((f"{name}, {'again' if again else 'first'}", took))
        _settle(wait)
        viewer.window.remove_dock_widget(dock)
        _settle(wait)
    loaded += ["torch"] if "torch" in sys.modules else []
    viewer.close()
    return {"seconds": seconds, "loaded": loaded}


def _settle(wait: Any) -> None:
    for _ in range(20):
        wait()
        time.sleep(0.02)


def first_prediction(repeats: int) -> None:
    """Segment a small image from a window and directly."""
    from qtpy.QtCore import QCoreApplication

    from seamless_unet.image_io import read_image, sample_path
    from seamless_unet.model_file import bundled_models, load_model
    from seamless_unet.plugin.worker import Worker
    from seamless_unet.stack import segment_stack

    application = QCoreApplication([])
    path = str(bundled_models()["nuclei"])
    image = read_image(sample_path("nuclei.tif")).data[:256, :256]
    model = load_model(path)
    ways = ("direct", "cold child", "warm child, first", "warm child, again")
    measured = {name: Measured() for name in ways}
    request = {"request": "segment", "axes": "YX", "model": path, "device": "auto", "options": {}}

    def submit(worker: Worker, name: str) -> None:
        began = time.perf_counter()
        job = worker.submit(dict(request), {"image": image}, on_event=lambda event: None)
        while not job.done:
            application.processEvents()
            time.sleep(0.0002)
        measured[name].seconds.append(time.perf_counter() - began)

    list(segment_stack(model, image, "YX"))
    for _ in range(repeats):
        began = time.perf_counter()
        list(segment_stack(model, image, "YX"))
        measured["direct"].seconds.append(time.perf_counter() - began)
        cold, warm = Worker(), Worker()
        submit(cold, "cold child")
        cold.shut_down()
        warm.warm(path, "auto")
        ready = time.monotonic() + 10  # while the user looks at the dock
        while time.monotonic() < ready:
            application.processEvents()
            time.sleep(0.01)
        submit(warm, "warm child, first")
        submit(warm, "warm child, again")
        warm.shut_down()
    added = {name: m.median - measured["direct"].median for name, m in measured.items()}
    emit("first prediction", measured, pixels=image.size, added=added)


if __name__ == "__main__":
    main()
