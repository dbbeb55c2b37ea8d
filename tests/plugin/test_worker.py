import os
import signal
import threading

import dask.array as da
import numpy as np
import pytest

from seamless_unet.plugin.worker import shared_worker
from seamless_unet.stack import Segmented, segment_stack


@pytest.fixture
def worker(qapp):
    return shared_worker()


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (48, 64)).astype(np.uint8)


@pytest.fixture
def large():
    """Take some ten seconds and dozens of tiles."""
    return np.random.default_rng(0).integers(0, 255, (2000, 2000)).astype(np.uint8)


class Listener(list):
    """Collects the events of a job."""

    def __init__(self, worker, library, image, axes="YX", **options):
        request = {
            "request": "segment",
            "model": str(library / "threshold.safetensors"),
            "axes": axes,
            "device": "cpu",
            "options": options,
        }
        self.job = worker.submit(request, {"image": image}, on_event=self.append)

    def names(self):
        return [event["event"] for event in self]


SLOW = {"symmetries": True, "tile_shape": 68}


def test_a_job_gives_the_pixels_that_the_python_call_gives(
    worker, qtbot, library, threshold_model, image
):
    listener = Listener(worker, library, image)
    qtbot.waitUntil(lambda: listener.job.done)
    assert listener.names() == ["running", "progress", "progress", "segmented"]
    *_, expected = segment_stack(threshold_model, image, "YX")
    assert isinstance(expected, Segmented)
    assert expected.objects > 1
    np.testing.assert_array_equal(listener[-1]["labels"], expected.labels)
    assert listener[-1]["objects"] == expected.objects
    assert not listener.job.arrays.folder.exists()


def test_jobs_wait_for_one_another_and_a_waiting_one_can_be_cancelled(
    worker, qtbot, library, threshold_model, image
):
    listeners = [Listener(worker, library, image) for _ in range(3)]
    worker.cancel(listeners[1].job)
    qtbot.waitUntil(lambda: all(x.job.done for x in listeners))
    ends = [listener[-1]["event"] for listener in listeners]
    assert ends == ["segmented", "cancelled", "segmented"]


def test_cancel_is_immediate_and_the_next_job_works(
    worker, qtbot, library, threshold_model, image, large
):
    listener = Listener(worker, library, large, **SLOW)
    qtbot.waitUntil(lambda: "progress" in listener.names())
    worker.cancel(listener.job)
    assert listener.names()[-1] == "cancelled"
    count = len(listener)
    following = Listener(worker, library, image)
    qtbot.waitUntil(lambda: following.job.done)
    assert following.names()[-1] == "segmented"
    assert len(listener) == count


def test_a_child_that_cannot_be_started_leaves_no_job_to_wait_for(
    worker, qtbot, library, threshold_model, image, monkeypatch
):
    worker.shut_down()

    def no_memory(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr("seamless_unet.plugin.worker.Child", no_memory)
        with pytest.raises(OSError, match="could not be started: Cannot allocate memory"):
            Listener(worker, library, image)
    assert not worker.is_busy
    following = Listener(worker, library, image)
    qtbot.waitUntil(lambda: following.job.done)
    assert following.names()[-1] == "segmented"


def test_a_child_that_does_not_answer_is_killed_and_waiting_jobs_begin_again(
    worker, qtbot, library, threshold_model, image, large
):
    listener = Listener(worker, library, large, **SLOW)
    qtbot.waitUntil(lambda: "progress" in listener.names())
    stopped = worker.child.process
    os.kill(stopped.pid, signal.SIGSTOP)
    waiting = Listener(worker, library, image)
    worker.cancel(listener.job)
    qtbot.waitUntil(lambda: stopped.poll() is not None)
    qtbot.waitUntil(lambda: waiting.job.done)
    assert waiting.names()[-1] == "segmented"


def test_kill_9_ends_in_a_message_and_the_next_job_works(
    worker, qtbot, library, threshold_model, image, large
):
    listener = Listener(worker, library, large, **SLOW)
    qtbot.waitUntil(lambda: "progress" in listener.names())
    os.kill(worker.child.process.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: listener.job.done)
    assert listener.names()[-1] == "crashed"
    assert "for want of memory" in listener[-1]["message"]
    following = Listener(worker, library, image)
    qtbot.waitUntil(lambda: following.job.done)
    assert following.names()[-1] == "segmented"


def test_the_child_warms_up_before_any_job_and_again_after_it_was_killed(
    worker, qtbot, library, threshold_model, image, large
):
    worker.shut_down()
    worker.warm(str(library / "threshold.safetensors"), "cpu")
    assert worker.child is None  # the dock is drawn first
    qtbot.waitUntil(lambda: worker.child is not None)
    warm = worker.child
    listener = Listener(worker, library, large, **SLOW)
    qtbot.waitUntil(lambda: "progress" in listener.names())
    assert worker.child is warm
    os.kill(warm.process.pid, signal.SIGSTOP)
    worker.cancel(listener.job)
    qtbot.waitUntil(lambda: worker.child not in (None, warm))
    following = Listener(worker, library, image)
    qtbot.waitUntil(lambda: following.job.done)
    assert following.names()[-1] == "segmented"


def test_what_cannot_be_warmed_up_is_no_error_before_the_job(
    worker, qtbot, library, threshold_model, image
):
    worker.warm(str(library / "gone.safetensors"), "cpu")
    qtbot.wait(500)
    listener = Listener(worker, library, image)
    qtbot.waitUntil(lambda: listener.job.done)
    assert listener.names() == ["running", "progress", "progress", "segmented"]


def test_a_layer_that_cannot_be_read_is_an_error(worker, qtbot, library, threshold_model):
    def fail(block):
        raise OSError("the network drive is gone")

    broken = da.zeros((8, 8), chunks=4).map_blocks(fail, dtype=np.uint8, meta=np.empty((0, 0)))
    listener = Listener(worker, library, broken)
    qtbot.waitUntil(lambda: listener.job.done)
    assert listener.names() == ["running", "progress", "error"]
    assert "the network drive is gone" in listener[-1]["message"]


class Elsewhere:
    """An array that is not in memory, and says what was read of it and where."""

    def __init__(self, array, *, wait=lambda: None):
        self.array, self.wait = array, wait
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.read, self.threads = [], set()

    def __getitem__(self, key):
        self.read.append(key)
        self.threads.add(threading.current_thread())
        self.wait()
        return self.array[key]


def test_what_is_not_in_memory_is_read_in_parts_and_never_in_the_main_thread(
    worker, qtbot, library, threshold_model, image
):
    stack = np.stack([image, image[::-1], image])
    elsewhere = Elsewhere(stack)
    listener = Listener(worker, library, elsewhere, axes="ZYX")
    qtbot.waitUntil(lambda: listener.job.done)
    *_, expected = segment_stack(threshold_model, stack, "ZYX")
    np.testing.assert_array_equal(listener[-1]["labels"], expected.labels)
    rows = (slice(0, 48), slice(0, 64))  # all planes for their grey values, then one by one
    parts = [slice(0, 3), *(slice(z, z + 1) for z in range(3))]
    assert elsewhere.read == [(part, *rows) for part in parts]
    assert threading.main_thread() not in elsewhere.threads
    assert listener.job.arrays.lent == {}


def test_cancel_while_a_part_of_the_layer_is_read(worker, qtbot, library, threshold_model, image):
    reading, go_on = threading.Event(), threading.Event()

    def wait():
        reading.set()
        go_on.wait(60)

    listener = Listener(worker, library, Elsewhere(image, wait=wait))
    # the reading thread may be ahead of the events, which wait for the main one
    qtbot.waitUntil(lambda: reading.is_set() and "progress" in listener.names())
    child = worker.child
    worker.cancel(listener.job)
    following = Listener(worker, library, Elsewhere(image))
    qtbot.waitUntil(lambda: following.job.done)
    go_on.set()
    assert listener.names() == ["running", "progress", "cancelled"]
    assert following.names()[-1] == "segmented"
    assert worker.child is child  # it was told, and need not be killed


def test_kill_9_while_a_part_of_the_layer_is_read(worker, qtbot, library, threshold_model, image):
    reading, go_on = threading.Event(), threading.Event()

    def wait():
        reading.set()
        go_on.wait(60)

    listener = Listener(worker, library, Elsewhere(image, wait=wait))
    qtbot.waitUntil(reading.is_set)
    os.kill(worker.child.process.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: listener.job.done)
    go_on.set()
    assert listener.names()[-1] == "crashed"


def test_shutting_down_ends_the_child_and_removes_its_files(
    worker, qtbot, library, threshold_model, image
):
    listener = Listener(worker, library, image)
    qtbot.waitUntil(lambda: listener.job.done)
    process, folder = worker.child.process, listener.job.arrays.folder.parent
    worker.shut_down()
    assert process.poll() is not None
    assert not folder.exists()


def test_shutting_down_while_a_part_of_the_layer_is_read_starts_nothing_again(
    worker, qtbot, library, threshold_model, image
):
    reading, go_on = threading.Event(), threading.Event()

    def wait():
        reading.set()
        go_on.wait(60)

    elsewhere = Elsewhere(image, wait=wait)
    Listener(worker, library, elsewhere)
    qtbot.waitUntil(reading.is_set)
    worker.shut_down()
    go_on.set()
    (thread,) = elsewhere.threads
    thread.join()
    assert worker.child is None
