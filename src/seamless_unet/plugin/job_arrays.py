"""The arrays of a job on their way between napari and the child process: files in a folder."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seamless_unet.plugin.array_file import about, is_better_left, write_array, write_box

_READS_PARTS = {  # of these requests these arrays need not be copied
    "segment": ("image",),
    "evaluate": ("truth", "predicted"),
    "border_weights": ("labels",),
    "features": ("image",),
}


class JobArrays:
    """What the requests of one job say of arrays, in a folder of its own.

    Reading a layer takes long and may raise anything: `write` and `answer` are for threads.

    Parameters
    ----------
    folder
        Made here.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.lent: dict[str, Any] = {}  # by their key in the request; the child asks for parts
        self._removed = False

    def lend(self, request: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """Keep those arrays that the child had better read in parts.

        Parameters
        ----------
        request
            Its name.
        arrays
            By their key in it.

        Returns
        -------
        dict
            What the request says instead of each of them.
        """
        for key in _READS_PARTS.get(request, ()):
            if key in arrays and is_better_left(arrays[key]):
                self.lent[key] = arrays[key]
        return {key: {"remote": key, **about(array)} for key, array in self.lent.items()}

    def write(self, arrays: Mapping[str, Any], number: int) -> dict[str, str]:
        """Copy whole arrays, and return their paths; those that are lent are left out.

        Parameters
        ----------
        arrays
            By their key in the request.
        number
            Of the request.
        """
        paths = {key: self.folder / f"{key} {number}.npy" for key in arrays.keys() - self.lent}
        for key, path in paths.items():
            write_array(path, arrays[key], stop=lambda: self._removed)
        return {key: str(path) for key, path in paths.items()}

    def answer(self, need: Mapping[str, Any]) -> dict[str, Any]:
        """Copy the part that a ``need`` event asks for, and return the answer to it."""
        answer = {"request": "piece", "id": need["id"], "number": need["number"]}
        path = self.folder / f"{need['array']} piece {need['number']}.npy"
        try:
            write_box(path, self.lent[need["array"]], need["slices"])
        except Exception as error:  # by any library; or all was removed meanwhile
            return {**answer, "error": str(error) or type(error).__name__}
        return {**answer, "path": str(path)}

    def remove(self) -> None:
        """Let go of all arrays."""
        self._removed = True
        self.lent.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def read_arrays(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with the arrays that it names in ``arrays``, instead of their paths.

    Raises
    ------
    OSError, ValueError, EOFError, MemoryError
        If there is no place for one, or its file is broken.
    """
    try:
        return {**event, **{key: np.load(event[key]) for key in event.get("arrays", ())}}
    except FileNotFoundError:  # of a job that was cancelled
        return event
