"""Place on the disk for arrays that are mapped into memory."""

import os
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
