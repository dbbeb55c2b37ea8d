"""The program itself; its commands are tested in ``commands/``."""

import pytest

import seamless_unet
from seamless_unet.cli import main
from seamless_unet.error_words import words
from terminal import fails, spawn


def test_help_and_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("train", "segment", "evaluate", "info", "demo"))
    assert "required: COMMAND" in fails(capsys, status=2)


def test_debug_shows_where():
    done = spawn("segment", "b.tif", "--output", "out", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "no such file: b.tif" in done.stderr


def test_the_version_is_the_installed_one(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"seamless-unet {seamless_unet.__version__}\n"


@pytest.mark.parametrize(
    ("error", "command", "advice"),
    [
        (MemoryError(), "segment", "segment with --memory 1GB"),
        (RuntimeError("CUDA out of memory. Tried to"), "train", "train with --device cpu"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "train",
            "--preset quick",
        ),
        (MemoryError(), "evaluate", "close other programs"),
    ],
)
def test_out_of_memory_is_said_with_what_helps_there(error, command, advice):
    said = words(error, command)
    assert said.startswith("the computer ran out of memory: ")
    assert advice in said
