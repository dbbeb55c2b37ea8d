"""Errors in one line that says what to do, for the command line."""

from __future__ import annotations

from seamless_unet.out_of_memory import is_out_of_memory

_NO_MEMORY = {
    "train": "train with --device cpu or --preset quick, or on a part of the images",
    "segment": "segment with --memory 1GB, or cut the image into parts",
}


def words(error: Exception, command: str) -> str:
    """Return what went wrong in a command as one line."""
    if is_out_of_memory(error):
        advice = _NO_MEMORY.get(command, "close other programs, or take a part of the image")
        return f"the computer ran out of memory: {advice}"
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, ValueError | OSError | FloatingPointError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.split())
