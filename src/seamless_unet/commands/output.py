"""Where results go: folders and files that may be written, and the last line of a terminal."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seamless_unet.image_io import written_here


def make_writable(folder: Path) -> None:
    """Make a folder and try it out, before hours of work depend on it.

    Raises
    ------
    OSError
        If it cannot be made or nothing can be written into it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror}; choose another --output"
        ) from error


def check_free(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse to replace an input, or a file that this package did not write.

    Raises
    ------
    ValueError
        Naming the first output that is taken.
    """
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise ValueError(f"{path} is an input, or two images have this name: name them apart")
        taken.add(path.resolve())
        if path.exists() and not written_here(path):
            raise ValueError(f"{path} exists and is not a result of this program: move it away")


def progress(text: str) -> None:
    """Show what is going on in the last line of a terminal, and nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
