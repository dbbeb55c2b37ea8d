"""Place on the disk for arrays that are mapped into memory, and for results."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import IO


def reserve(file: IO[bytes], size: int) -> None:
    """Take a file's place on the disk at once.

    Without, a disk that is full when a mapped array is written to ends the process.

    Raises
    ------
    OSError
        If there is not enough of it.
    """
    if hasattr(os, "posix_fallocate"):  # elsewhere files are never sparse unless asked for
        os.posix_fallocate(file.fileno(), 0, size)


def check_room(
    wanted: Iterable[tuple[Path, int]], *, otherwise: str = "segment a part of the image"
) -> None:
    """Refuse work that the disk has no room for, before it begins.

    Parameters
    ----------
    wanted
        A folder, and how many bytes go there; folders on one disk share its room.
    otherwise
        What else to do where there is none.

    Raises
    ------
    OSError
        Naming the folder, what is needed there, and what is free.
    """
    needed: dict[int, int] = {}
    for folder, size in wanted:
        disk = folder.stat().st_dev
        needed[disk] = needed.get(disk, 0) + size
        free = shutil.disk_usage(folder).free
        if needed[disk] > free:
            raise OSError(
                f"There is not enough room on the disk of {folder}: about "
                f"{_in_words(needed[disk])} are needed and {_in_words(free)} are free. Delete "
                "files there, choose a folder on another disk (for temporary files by the "
                f"environment variable TMPDIR), or {otherwise}."
            )


def _in_words(size: int) -> str:
    """Return a number of bytes in words.

    >>> _in_words(12_340_000_000), _in_words(5_600_000), _in_words(4096)
    ('12.3 GB', '6 MB', '4 kB')
    """
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
