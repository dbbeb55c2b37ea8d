"""The program itself; its commands are tested in ``commands/``."""

import pytest

import seamless_unet
from seamless_unet import cli
from seamless_unet.cli import main
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


def test_out_of_memory_says_what_to_do():
    words = cli._words(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert "--memory" in words
