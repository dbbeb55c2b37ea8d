"""Whether an error means that there is not enough memory, whoever raised it."""

from __future__ import annotations

_TEXTS = ("out of memory", "can't allocate memory")  # PyTorch's, of a GPU and of a CPU


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the computer, or its GPU, ran out of memory.

    >>> is_out_of_memory(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    True
    """
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(part in text for part in _TEXTS)
