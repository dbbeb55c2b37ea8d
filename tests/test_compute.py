import contextlib
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from seamless_unet import compute
from seamless_unet.config import Normalization
from seamless_unet.jobs import segment as segment_jobs
from seamless_unet.model_file import load_model, save_model


@pytest.fixture
def image():
    image = np.zeros((40, 50), np.uint8)
    image[5:15, 5:15] = image[20:30, 20:40] = 200
    return image


@pytest.fixture
def segment_request(tmp_path, pixel_model, image):
    model = pixel_model(normalization=Normalization("percentile"))
    np.save(tmp_path / "image.npy", image)
    return {
        "request": "segment",
        "id": 1,
        "image": str(tmp_path / "image.npy"),
        "axes": "YX",
        "model": str(save_model(model, tmp_path / "model.safetensors")),
        "device": "auto",
        "output": str(tmp_path / "output.npy"),
        "options": {},
    }


def names(events):
    return [event["event"] for event in events]


def test_segment(segment_request, image):
    events = list(compute.serve(segment_request, compute.Orders()))
    assert names(events) == ["running", "progress", "progress", "segmented"]
    assert [event["fraction"] for event in events[1:3]] == [0, 1]
    assert events[3]["objects"] == 2
    labels = np.load(segment_request["output"])
    np.testing.assert_array_equal(labels > 0, image > 0)


def test_a_model_that_was_replaced_is_read_again(segment_request, pixel_model):
    list(compute.serve(segment_request, compute.Orders()))
    blind = pixel_model(normalization=Normalization("fixed", scale=1e6))
    save_model(blind, segment_request["model"])
    assert list(compute.serve(segment_request, compute.Orders()))[-1]["objects"] == 0


def test_warming_up_reads_the_model_once_and_yields_to_a_waiting_job(segment_request, monkeypatch):
    read = []

    def load(path):
        read.append(path)
        return load_model(path)

    monkeypatch.setattr(segment_jobs, "load_model", load)
    warm = {**segment_request, "request": "warm", "id": 0}
    orders = compute.Orders()
    orders.requests.put(segment_request)
    assert names(compute.serve(warm, orders)) == ["running", "warm"]
    assert read == []
    orders.requests.get()
    assert names(compute.serve(warm, orders)) == ["running", "warm"]
    assert names(compute.serve(segment_request, orders))[-1] == "segmented"
    assert len(read) == 1


@pytest.mark.parametrize("shape", [{"ndim": 3}, {"in_channels": 3, "classes": 4}])
def test_any_model_can_be_warmed_up(segment_request, pixel_model, shape):
    save_model(pixel_model(**shape), segment_request["model"])
    warm = {**segment_request, "request": "warm"}
    assert names(compute.serve(warm, compute.Orders())) == ["running", "warm"]


def test_cancelled_before_and_while(segment_request):
    orders = compute.Orders(cancelled={1})
    assert names(compute.serve(segment_request, orders)) == ["cancelled"]
    orders.cancelled.clear()
    events = compute.serve(segment_request, orders)
    assert next(events)["event"] == "running"
    orders.cancelled.add(1)
    assert names(events) == ["cancelled"]


def test_errors_are_said_in_words(segment_request):
    segment_request["model"] += "x"
    *_, event = compute.serve(segment_request, compute.Orders())
    assert event["event"] == "error"
    assert "The model 'model' is gone" in event["message"]
    assert "Traceback" in event["traceback"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("CUDA out of memory. Tried ..."), "The computer ran out of memory"),
        (ValueError("too few labels"), "too few labels"),
        (KeyError("axes"), "KeyError: 'axes'"),
    ],
)
def test_words(error, words):
    assert words in compute._words(error)


@pytest.fixture
def start(tmp_path):
    """Return a function that starts Python and gives back a function that asks it something."""
    with contextlib.ExitStack() as stack:

        def start_python(*arguments):
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-P", *arguments, str(tmp_path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
            stack.callback(child.kill)
            return child

        yield start_python


def ask(child, request, answers):
    child.stdin.write(json.dumps(request) + "\n")
    child.stdin.flush()
    return [json.loads(child.stdout.readline()) for _ in range(answers)]


def test_the_process_speaks_json_lines_and_ends_with_its_input(start, segment_request, tmp_path):
    child = start("-m", "seamless_unet.compute")
    events = ask(child, segment_request, 4)
    assert names(events) == ["running", "progress", "progress", "segmented"]
    assert {event["id"] for event in events} == {1}
    child.stdin.close()
    assert child.wait(timeout=10) == 0
    assert not tmp_path.exists()


def test_a_result_that_nobody_will_finish_is_removed(start, segment_request, tmp_path):
    folder = tmp_path.parent / "large.zarr"
    np.save(tmp_path / "image.npy", np.zeros((400, 256, 256), np.uint8))
    child = start("-m", "seamless_unet.compute")
    ask(child, segment_request | {"axes": "ZYX", "zarr": str(folder)}, 3)
    child.send_signal(signal.SIGTERM)  # a logout ends all processes
    assert (folder / "0").is_dir()
    child.stdin.close()
    assert child.wait(timeout=30) == 0
    assert not folder.exists()


def test_the_process_ends_where_its_input_ends_within_a_line(start, segment_request, tmp_path):
    child = start("-m", "seamless_unet.compute")
    child.stdin.write(json.dumps(segment_request)[:30])
    child.stdin.close()
    assert child.wait(timeout=30) == 0
    assert not tmp_path.exists()


NOISY = """
import os
import seamless_unet.compute as compute

def noisy(request, orders):
    print("from Python", flush=True)
    os.system("echo from a program")
    yield {"event": "progress", "fraction": 1.0}

compute._JOBS["segment"] = noisy
compute.main()
"""


def test_what_libraries_print_does_not_get_between_the_events(start, segment_request):
    events = ask(start("-c", NOISY), segment_request, 2)
    assert names(events) == ["running", "progress"]
