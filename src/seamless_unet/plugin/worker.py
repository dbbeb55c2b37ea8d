"""The child process that computes, seen from the window.

There is one per napari, shared by all widgets and viewers, started by the first dock and kept
warm. Its events arrive in the main thread. napari never imports torch, so whatever happens
over there (no memory, a crash, ``kill -9``) ends in a message here.
"""

import atexit
import contextlib
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal  # type: ignore[attr-defined]

from seamless_unet.plugin import stored
from seamless_unet.plugin.child import Child
from seamless_unet.plugin.job import Event, Job
from seamless_unet.plugin.job_arrays import JobArrays, read_arrays

_ERROR: Event = {"event": "error", "last": True}
_GRACE = 1000  # milliseconds that a cancelled job has to end before its process is killed
_LAST_WORDS = 3  # seconds that a training has to keep what it learned when napari ends
_PAUSE = 300  # milliseconds without another wish before the child warms up: draw the dock first


class Worker(QObject):
    """Sends jobs to the child process and brings their events back; use `shared_worker`."""

    _arrived = Signal(object, object)  # the child it came from, the event

    def __init__(self) -> None:
        super().__init__()
        self.child: Child | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="seamless_unet_"))
        self._jobs: dict[int, Job] = {}
        self._count = 0
        self.unfinished: set[Path] = set()  # folders of results, removed when napari ends
        self._ending: dict[int, Job] = {}  # cancelled ones that the child may still be busy with
        self._warming = ""  # the last request to warm up
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._warm_up)
        self._lock = threading.Lock()  # over which child there is, and what it was told
        self._ended = False  # with napari, unless another window opens
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        atexit.register(self.shut_down)
        if application := QCoreApplication.instance():
            application.aboutToQuit.connect(self.shut_down)

    @property
    def is_busy(self) -> bool:
        """Whether a job runs or waits for which another one would have to wait long."""
        return any(job.kind != "check" for job in self._jobs.values())

    def warm(self, model: str, device: str) -> None:
        """Let the child load what segmenting needs, so that the first job starts at once.

        Nothing is reported: where it fails, the job that needs it will say so.

        Parameters
        ----------
        model
            Its path.
        device
            As in a request.
        """
        request = {"request": "warm", "id": 0, "model": model, "device": device}
        self._warming = json.dumps(request)
        self._pause.start()

    def _warm_up(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._warming:
                self._write(self._warming)

    def submit(
        self, request: Event, arrays: Mapping[str, Any], *, on_event: Callable[[Event], None]
    ) -> Job:
        """Start a job, or queue it behind the one that is running.

        Parameters
        ----------
        request
            As `seamless_unet.compute` wants it, without ``id`` and arrays.
        arrays
            What to add to the request, by key: anything that can be sliced (numpy, dask, zarr).
            They are read in a thread, not here, and written to disk: at once, or in parts when
            the child asks for them, where the request allows that and the array is large or
            not in memory.
        on_event
            Called in the main thread with every event of the job.

        Raises
        ------
        OSError
            If there is no process and none can be started.
        """
        self._count += 1
        self._ended = False
        files = JobArrays(self._folder / str(self._count))
        job = self._jobs[self._count] = Job(self._count, request["request"], files, on_event)
        try:
            with self._lock:
                self._started()  # in parallel with the copying
        except OSError as error:  # nobody could end the job, for which others would wait
            del self._jobs[job.number]
            files.remove()
            reason = error.strerror or error
            raise OSError(f"The computation could not be started: {reason}.") from error
        parts = files.lend(request["request"], arrays)
        self.tell(job, {"output": str(files.folder / "output.npy"), **request, **parts}, arrays)
        return job

    def tell(self, job: Job, request: Event, arrays: Mapping[str, Any]) -> int:
        """Add to what a job was told, such as what to show previews of; see `submit`.

        Returns
        -------
        int
            What the job's events call it: their ``number``.
        """
        self._count += 1
        request = {**request, "id": job.number, "number": self._count}
        threading.Thread(target=self._send, args=(job, request, arrays), daemon=True).start()
        return self._count

    def stop(self, job: Job) -> None:
        """Ask a training to end and to keep the best model so far."""
        self._ask("stop", job)

    def cancel(self, job: Job) -> None:
        """Drop a job, now: its last event arrives before this returns."""
        if job.done:
            return
        self._ask("cancel", job)
        if job.running:
            self._ending[job.number] = job
            QTimer.singleShot(_GRACE, partial(self._kill_if_busy, job))
        self._finish(job, {"event": "cancelled"})

    def shut_down(self) -> None:
        """End the child process and remove the temporary files."""
        self._ended = True
        with contextlib.suppress(RuntimeError):  # at exit Qt may be gone before us
            self._pause.stop()
        self._let_trainings_end()
        with self._lock:
            self._kill()
        self._jobs.clear()
        for path in self.unfinished | stored.being_removed:
            shutil.rmtree(path, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _let_trainings_end(self) -> None:
        """Wait a moment while a training that runs keeps what it learned."""
        jobs = {**self._jobs, **self._ending}
        trainings = {n: job for n, job in jobs.items() if job.running and job.kind == "train"}
        for job in trainings.values():
            self._ask("cancel", job)
        if self.child is not None:
            self.child.wait_for(set(trainings), seconds=_LAST_WORDS)

    def _started(self) -> Child:
        """Return the child process, started if there is none; needs the lock."""
        if self.child is None:
            self.child = Child(self._folder)
            self.child.listen(self._received)  # not before it is known here
        return self.child

    def _send(self, job: Job, request: Event, arrays: Mapping[str, Any]) -> None:
        """Write the arrays, then the request; runs in a thread of its own."""
        try:
            request = {**request, **job.arrays.write(arrays, request["number"])}
        except Exception as error:  # a layer may be read by any library, which may raise anything
            words = f"The layer could not be copied: {error}"
            # without a view to show, a training goes on
            kind = {"event": "warning"} if request["request"] == "view" else _ERROR
            self._emit(None, {**kind, "id": job.number, "message": words})
            return
        with self._lock:
            job.messages.append(json.dumps(request))
            if not (job.done or self._ended):
                self._write(job.messages[-1])

    def _ask(self, what: str, job: Job) -> None:
        with self._lock:
            if self.child is not None:
                self._write(json.dumps({"request": what, "id": job.number}))

    def _write(self, message: str) -> None:
        self._started().write(message)

    def _received(self, child: Child, event: Event) -> None:
        """Pass an event on to the main thread; runs in a thread of the child's."""
        if event["event"] == "need":
            question = (child, self._jobs.get(event["id"]), event)
            threading.Thread(target=_answer, args=question, daemon=True).start()
            return
        try:
            event = read_arrays(event)
        except (OSError, ValueError, EOFError, MemoryError) as error:
            words = f"The result could not be read: {error}"
            event = {**_ERROR, "id": event["id"], "message": words}
        self._emit(child, event)

    def _emit(self, child: Child | None, event: Event) -> None:
        if self._ended:
            return
        with contextlib.suppress(RuntimeError):  # Qt is already gone while Python ends
            self._arrived.emit(child, event)

    def _deliver(self, child: Child | None, event: Event) -> None:
        if child is not None and child is not self.child:
            return  # the last words of one that was killed
        if event["event"] == "exited":
            assert child is not None
            self._crashed(child, event["status"])
            return
        last = event.get("last", False)
        if last:
            self._ending.pop(event["id"], None)
        if job := self._jobs.get(event["id"]):
            job.running = True
            if last:
                self._finish(job, event)
            else:
                job.on_event(event)

    def _finish(self, job: Job, event: Event) -> None:
        job.done = True
        self._jobs.pop(job.number, None)
        job.arrays.remove()
        job.on_event(event)

    def _kill_if_busy(self, job: Job) -> None:
        if job.number in self._ending:
            self._begin_again()
            self._warm_up()

    def _kill(self) -> None:
        """End the child, if there is one; needs the lock."""
        child, self.child = self.child, None
        self._ending.clear()
        if child is not None:
            child.kill()

    def _crashed(self, child: Child, status: int) -> None:
        """Report the end of the child to the job it worked on; the others begin again."""
        details = child.last_words()
        running = [job for job in self._jobs.values() if job.running]
        for job in running or list(self._jobs.values()):
            event = {"event": "crashed", "message": _crash_words(status), "traceback": details}
            self._finish(job, event)
        self._begin_again()

    def _begin_again(self) -> None:
        """Tell a new child all that the jobs were told."""
        with self._lock:  # nothing is told in between, or it would be told twice
            self._kill()
            for job in self._jobs.values():
                for message in job.messages:
                    self._write(message)


def _answer(child: Child, job: Job | None, need: Event) -> None:
    """Give the child the part of an array that it needs; runs in a thread of its own."""
    if job is None:  # it ended meanwhile; the child must not wait
        gone = {"request": "piece", "id": need["id"], "number": need["number"]}
        child.write(json.dumps(gone | {"error": "its job has ended"}))
    else:
        child.write(json.dumps(job.arrays.answer(need)))


def _crash_words(status: int) -> str:
    killed = status in (-9, 137)  # how Linux ends the greediest process when memory is short
    cause = "was ended by the system, most likely for want of memory" if killed else "stopped"
    return (
        f"The computation {cause} (exit status {status}). napari and your layers are unharmed. "
        "Run again; if it happens again, close other programs or take a smaller image."
    )


_shared: Worker | None = None


def shared_worker() -> Worker:
    """Return the one worker of this napari; call it from the main thread."""
    global _shared
    if _shared is None:
        _shared = Worker()
    return _shared
