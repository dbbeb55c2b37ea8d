"""What a command may write, and where."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from seamless_unet.cli import main
from seamless_unet.image_io import read_image
from terminal import fails, train


@pytest.mark.parametrize("command", ["train", "segment"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(capsys, model, command):
    for name in ("file", "a.tif", "a_labels.tif"):  # no images, as reading them would say
        open(name, "w").close()
    if command == "train":
        run = [a if a != "m.safetensors" else "file/m.safetensors" for a in train()]
    else:
        run = ["segment", "a.tif", "--output", "file/out", "--model", model]
    message = fails(capsys, *run)
    assert "cannot write into file" in message
    assert "choose another --output" in message


def test_segment_twice_replaces_the_result_but_never_labels_drawn_by_hand(
    capsys, model, two_nuclei
):
    two_nuclei()
    os.remove("a_labels.tif")
    run = ["segment", "a.tif", "--output", ".", "--model", model]
    assert main(run) == main(run) == 0
    tifffile.imwrite("a_labels.tif", np.zeros((64, 72), np.uint8))  # another program's
    assert "a_labels.tif exists and is not a result of this" in fails(capsys, *run)
    assert read_image("a_labels.tif").data.max() == 0


def test_segment_never_overwrites_an_input(capsys, model, two_nuclei):
    two_nuclei()
    message = fails(capsys, "segment", "a.tif", "a_labels.tif", "--output", ".", "--model", model)
    assert "a_labels.tif is an input" in message
    os.mkdir("b")
    two_nuclei("b/a")
    message = fails(capsys, "segment", "a.tif", "b/a.tif", "--output", "out", "--model", model)
    assert "two images have this name" in message


def test_nobody_who_listens_is_no_reason_to_stop(two_nuclei, monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        flush = isatty = lambda self: False

    two_nuclei()
    monkeypatch.setattr("seamless_unet.commands.output._LOG_EVERY", 0)
    monkeypatch.setattr("sys.stderr", Gone())
    assert main(train()) == 0


def test_a_full_disk_under_the_log_does_not_stop_the_work(model, two_nuclei, monkeypatch):
    class Full:
        encoding = "utf-8"

        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

        flush = isatty = lambda self: False

    two_nuclei("a"), two_nuclei("b")
    monkeypatch.setattr("sys.stdout", Full())
    assert main(["segment", "a.tif", "b.tif", "--output", "out", "--model", model]) == 0
    assert sorted(os.listdir("out")) == ["a_labels.tif", "b_labels.tif"]


def test_standard_error_may_be_closed(model, two_nuclei):
    two_nuclei()
    command = [sys.executable, "-m", "seamless_unet.cli", "segment", "a.tif", "--output", "out"]
    run = subprocess.run(
        ["sh", "-c", '"$0" "$@" 2>&-', *command, "--model", model, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert run.returncode == 0
    assert len(json.loads(run.stdout)["images"]) == 1


def test_a_link_that_leads_nowhere_costs_nothing_else(capsys, model, two_nuclei):
    two_nuclei()
    os.remove("a_labels.tif")
    os.symlink("loop.tif", "loop.tif")
    run = ["segment", ".", "--output", "out", "--model", model]
    assert "1 of 2 images could not be segmented" in fails(capsys, *run)
    assert os.listdir("out") == ["a_labels.tif"]
