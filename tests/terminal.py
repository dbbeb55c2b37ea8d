"""Commands as a user types them, for the tests."""

import json
import subprocess
import sys

import pytest

from seamless_unet.cli import main

TINY = ["--steps", "3"]


def train(*more):
    return ["train", "--images", "a.tif", "--labels", "a_labels.tif", "--output", "m.safetensors",
            *TINY, *more]  # fmt: skip


def fails(capsys, *arguments, status=1) -> str:
    """Run a command that must fail and return its one-line message."""
    if status == 2:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
    else:
        assert main(arguments) == status
    printed = capsys.readouterr()
    message = printed.err.strip().splitlines()[-1]
    assert "error: " in message
    if "--json" in arguments:
        told = json.loads(printed.out) if status != 2 else {}
        assert told.get("failed") or told.get("error", "") in message
    assert "Traceback" not in printed.err
    return message


def spawn(*arguments, **options):
    command = [sys.executable, "-m", "seamless_unet.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)
