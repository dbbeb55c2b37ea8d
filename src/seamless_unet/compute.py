"""The process that computes for a window: ``python -m seamless_unet.compute FOLDER``.

Requests come in on standard input and events go out on standard output, one JSON object a
line. Arrays travel as ``.npy`` files, which are memory-mapped, in a FOLDER that the parent
made. The process ends as soon as its standard input does, so it never outlives its parent, and
removes the folder then.

=========== ======================================================= ==========================
request     keys                                                    events
=========== ======================================================= ==========================
segment     id, image, axes, model, device, output, options         progress, segmented
train       id, images, labels, axes, pixel_size, preset, changes,  prepared, step, validated,
            device, output, checkpoint                              trained
warm        id, model, device: be ready to segment, unless a        warm
            request is waiting
stop        id: end a training and keep its best model              trained
cancel      id: drop the job                                        cancelled
=========== ======================================================= ==========================

Every job begins with a ``running`` event and may end with an ``error``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from seamless_unet.config import TrainConfig
from seamless_unet.model_file import Model, load_model, save_model

if TYPE_CHECKING:
    from seamless_unet.train import Event
    from seamless_unet.train_state import TrainState

_REPORT_EVERY = 0.1  # seconds between two reports of a training's loss
_SAVE_EVERY = 10.0  # seconds between two writings of the best model so far
_CHECKPOINT_EVERY = 60.0


@dataclass
class Orders:
    """What the parent asked for; a thread fills it while the main thread computes."""

    requests: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    stopped: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the parent
    # a library that prints must not write between the events
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    orders = Orders()
    threading.Thread(target=_listen, args=(sys.stdin, orders), daemon=True).start()
    while True:
        request = orders.requests.get()
        for event in serve(request, orders):
            events.write(json.dumps({"id": request["id"], **event}) + "\n")
            events.flush()


def _listen(lines: IO[str], orders: Orders) -> None:
    for line in lines:
        request = json.loads(line)
        if request["request"] == "stop":
            orders.stopped.add(request["id"])
        elif request["request"] == "cancel":
            orders.cancelled.add(request["id"])
        else:
            orders.requests.put(request)
    for folder in sys.argv[1:]:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # the parent is gone; the main thread may be deep in a convolution


def serve(request: dict[str, Any], orders: Orders) -> Iterator[dict[str, Any]]:
    """Do one job and yield its events; whatever goes wrong becomes an ``error`` event."""
    job = request["id"]
    if job in orders.cancelled:
        yield {"event": "cancelled"}
        return
    try:
        yield {"event": "running"}
        with contextlib.closing(_JOBS[request["request"]](request, orders)) as events:
            for event in events:
                if job in orders.cancelled:
                    break
                yield event
        if job in orders.cancelled:
            yield {"event": "cancelled"}
    except Exception as error:
        yield {"event": "error", "message": _words(error), "traceback": traceback.format_exc()}


def _words(error: Exception) -> str:
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return (
            "The computer ran out of memory. Close other programs, lower the memory limit, "
            "or take a smaller part of the image."
        )
    if isinstance(error, ValueError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def segment(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Segment an image; the labels are written to ``request["output"]``."""
    from seamless_unet.stack import Segmented, segment_stack
    from seamless_unet.train import choose_device

    model = _model(request["model"])
    yield {"event": "progress", "fraction": 0.0}
    image = np.load(request["image"], mmap_mode="r")
    device = choose_device(request["device"])
    for item in segment_stack(model, image, request["axes"], device=device, **request["options"]):
        if isinstance(item, Segmented):
            np.save(request["output"], item.labels)
            yield {"event": "segmented", "labels": request["output"], "objects": item.objects}
        else:
            yield {"event": "progress", "fraction": item.done / item.total}


def warm(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Segment next to nothing: all that is slow the first time has happened then."""
    from seamless_unet.stack import segment_stack
    from seamless_unet.train import choose_device

    if orders.requests.empty():
        model = _model(request["model"])
        network = model.info.network
        nothing = np.zeros((network.in_channels, *(8,) * network.ndim), np.uint8)
        axes = "C" + "ZYX"[-network.ndim :]
        for _ in segment_stack(model, nothing, axes, device=choose_device(request["device"])):
            pass
    yield {"event": "warm"}


def _model(name: str) -> Model:
    path = Path(name)
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _read(path: Path, modified: int) -> Model:
    """Read a model once; ``modified`` makes a file that was replaced count as another."""
    return load_model(path)


def train(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Train, and keep the best model so far in ``request["output"]`` all along."""
    from seamless_unet.train import Prepared
    from seamless_unet.train import train as learn

    config = TrainConfig.preset(request["preset"], **request["changes"])
    output, checkpoint = Path(request["output"]), Path(request["checkpoint"])
    output.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    events = learn(
        np.load(request["images"], mmap_mode="r"),
        np.load(request["labels"], mmap_mode="r"),
        config,
        axes=request["axes"],
        pixel_size=request["pixel_size"],
        device=request["device"],
    )
    prepared = next(events)
    assert isinstance(prepared, Prepared)
    state = prepared.state
    yield {"event": "prepared", "text": prepared.summary.text()}
    try:
        reason = yield from _follow(events, state, request, orders)
    except Exception:  # diverged, or out of memory: what was learned so far is kept
        if state.best_score is not None:
            save_model(state.best_model(), output)
        raise
    model = state.best_model()
    save_model(model, output)
    checkpoint.unlink(missing_ok=True)
    score = model.info.training.get("score")
    yield {"event": "trained", "model": str(output), "reason": reason, "score": score}


def _follow(
    events: Iterator[Event], state: TrainState, request: dict[str, Any], orders: Orders
) -> Generator[dict[str, Any], None, str]:
    """Report a training's events, save its state now and then, and return why it ended."""
    from seamless_unet.train import Finished, Step, Validated

    save_soon, checkpoint_soon = _every(_SAVE_EVERY), _every(_CHECKPOINT_EVERY)
    report = _every(_REPORT_EVERY)
    for event in events:
        if isinstance(event, Finished):
            return event.reason
        if isinstance(event, Step):
            if checkpoint_soon():
                with contextlib.suppress(OSError):  # a full disk must not end the training
                    state.save(request["checkpoint"])
            if report():
                yield {"event": "step", **asdict(event)}
        elif isinstance(event, Validated):
            if event.best and save_soon():  # so that it survives whatever happens next
                save_model(state.best_model(), request["output"])
            yield {"event": "validated", **asdict(event)}
        if request["id"] in orders.stopped:
            break
    return "stopped"


def _every(seconds: float) -> Callable[[], bool]:
    """Return a function that is true at most once in so many seconds."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < seconds:
            return False
        last = now
        return True

    return due


_JOBS = {"segment": segment, "train": train, "warm": warm}

if __name__ == "__main__":
    main()
