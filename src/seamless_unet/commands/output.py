"""Where results go: folders and files that may be written, and the last line of a terminal."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from seamless_unet.whole_file import try_to_write

_LOG_EVERY = 60.0  # seconds
_logged = time.monotonic()


def make_writable(folder: Path) -> None:
    """Make a folder and try it out; say what to do where that fails.

    Raises
    ------
    OSError
        If it cannot be made or nothing can be written into it.
    """
    try:
        try_to_write(folder)
    except OSError as error:
        raise OSError(
            f"cannot write into {folder}: {error.strerror}; choose another --output"
        ) from error


def check_distinct(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse outputs that are inputs or the same as another one; ValueError with its name."""
    taken = set(map(os.path.realpath, inputs))
    for path in outputs:
        real = os.path.realpath(path)
        if real in taken:
            raise ValueError(
                f"{path} is an input, or two images have this name: name them apart, or give the "
                "folder instead of its files, since labels in it are left out"
            )
        taken.add(real)


def keep_earlier(*outputs: Path) -> None:
    """Give files that are about to be replaced another name, all the same number, and say so.

    ``m.safetensors`` becomes ``m.1.safetensors``, or the next number that is free.
    """
    there = [path for path in outputs if path.exists()]
    if not there:
        return
    for number in itertools.count(1):
        kept = {path: _numbered(path, number) for path in there}
        if not any(path.exists() for path in kept.values()):
            break
    for path, name in kept.items():
        path.rename(name)
        print(f"{path} of an earlier training is now {name}", flush=True)


def _numbered(path: Path, number: int) -> Path:
    """Return a path with a number after the name's first part.

    >>> _numbered(Path("m.checkpoint.safetensors"), 2).name
    'm.2.checkpoint.safetensors'
    """
    suffixes = "".join(path.suffixes[-2:]) if ".checkpoint" in path.suffixes else path.suffix
    return path.with_name(f"{path.name.removesuffix(suffixes)}.{number}{suffixes}")


def progress(text: str) -> None:
    """Show what is going on in the last line of a terminal; in a log, with a line a minute."""
    global _logged
    if sys.stderr.isatty():
        tell(f"\r{text}\x1b[K", end="")
    elif text and time.monotonic() - _logged > _LOG_EVERY:
        _logged = time.monotonic()
        tell(text)


def say(text: str) -> None:
    """Print a line about work that is done, for which a full disk under a log must not be lost."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # nobody wants to know more
        raise
    except OSError:
        pass


def tell(text: str, *, end: str = "\n") -> None:
    """Print to standard error, where somebody may listen; the work matters more."""
    with contextlib.suppress(OSError):
        print(text, end=end, file=sys.stderr, flush=True)
