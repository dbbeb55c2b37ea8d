"""The process that computes for a window: ``python -m seamless_unet.compute FOLDER``.

Requests come in on standard input and events go out on standard output, one JSON object a
line. Arrays travel as ``.npy`` files, which are memory-mapped, in a FOLDER that the parent
made. The process ends as soon as its standard input does, so it never outlives its parent, and
removes the folder then.

A request has an ``id`` and a name, that of a job (`seamless_unet.jobs`) or one of these, which
are about a job that is waiting or running:

=========== ==================================================================================
stop        end a training and keep its best model
cancel      drop the job
view        what a training shall show previews of from now on
piece       the part of an image that a ``need`` event asked for, or why there is none
=========== ==================================================================================

Every job begins with a ``running`` event. The last event of a job has ``"last": true``; it may be
an ``error``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from seamless_unet.jobs.evaluate import evaluate
from seamless_unet.jobs.look import border_weights, examples, features
from seamless_unet.jobs.new_arrays import unfinished
from seamless_unet.jobs.orders import Cancelled, Orders
from seamless_unet.jobs.segment import segment, warm
from seamless_unet.jobs.train import check, train
from seamless_unet.out_of_memory import is_out_of_memory


def main() -> None:
    """Serve requests until standard input ends."""
    # Ctrl-C in the terminal and a logout are for the parent, whose end is ours
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # a library that prints must not write between the events
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def send(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    orders = Orders(send=send)
    threading.Thread(target=_listen, args=(sys.stdin, orders), daemon=True).start()
    while True:
        request = orders.requests.get()
        for event in serve(request, orders):
            send({"id": request["id"], **event})


def _listen(lines: IO[str], orders: Orders) -> None:
    for line in lines:
        if not line.endswith("\n"):  # the parent was killed in the middle of it
            break
        request = json.loads(line)
        if request["request"] == "stop":
            orders.stopped.add(request["id"])
        elif request["request"] == "cancel":
            orders.cancelled.add(request["id"])
        elif request["request"] == "piece":
            orders.answers.put(request)
        elif request["request"] == "view":
            if overtaken := orders.look_at(request):
                Path(overtaken["image"]).unlink(missing_ok=True)
        else:
            orders.requests.put(request)
    for folder in [*map(Path, sys.argv[1:]), *unfinished]:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # the parent is gone; the main thread may be deep in a convolution


def serve(request: dict[str, Any], orders: Orders) -> Iterator[dict[str, Any]]:
    """Do one job and yield its events; whatever goes wrong becomes an ``error`` event."""
    job = request["id"]
    if job in orders.cancelled:
        yield {"event": "cancelled", "last": True}
        return
    try:
        yield {"event": "running"}
        with contextlib.closing(_JOBS[request["request"]](request, orders)) as events:
            for event in events:
                if job in orders.cancelled:
                    break
                yield event
        if job in orders.cancelled:
            yield {"event": "cancelled", "last": True}
    except Cancelled:
        yield {"event": "cancelled", "last": True}
    except Exception as error:
        message, details = _words(error), traceback.format_exc()
        yield {"event": "error", "last": True, "message": message, "traceback": details}


def _words(error: Exception) -> str:
    if is_out_of_memory(error):
        return (
            "The computer ran out of memory. Close other programs, lower the memory limit, "
            "or take a smaller part of the image."
        )
    if isinstance(error, ValueError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"


_JOBS = {
    "border_weights": border_weights,
    "check": check,
    "evaluate": evaluate,
    "examples": examples,
    "features": features,
    "segment": segment,
    "train": train,
    "warm": warm,
}

if __name__ == "__main__":
    main()
