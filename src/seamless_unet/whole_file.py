"""Files that are there whole or not at all, and folders that they can be written to."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

_TRIED = 2**14  # bytes


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file beside ``path`` that takes its place at the end.

    Whatever goes wrong before, ``path`` is as it was and the temporary file vanishes.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(4)}.part")  # short: names have limits
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file as `replacing` does, or say that nothing was written.

    Raises
    ------
    OSError
        With the name of the file and the reason.
    """
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError as error:
        reason = error.strerror or f"the disk may be full ({error})"
        raise OSError(
            error.errno or errno.ENOSPC,
            f"cannot write {path}: {reason}; nothing was written, make room or use another folder",
        ) from error


def try_to_write(folder: Path) -> None:
    """Make a folder and try it out, before hours of work depend on it.

    Raises
    ------
    OSError
        If it cannot be made or nothing can be written into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_TRIED))  # on a full disk an empty file can be made
