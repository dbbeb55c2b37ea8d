"""Results that are so large that they are kept on the disk, as OME-Zarr images."""

import importlib
import shutil
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from seamless_unet.plugin import preferences
from seamless_unet.plugin.models import LONGEST, file_stem

_LARGE = 2**30  # bytes of a result that are better kept on disk
_LARGE_ON_DISK = 2**26  # the same of the result of an array that is on disk too
_PATIENCE = 10  # seconds after which a folder that cannot be removed is left
being_removed: set[Path] = set()  # by a thread, which ends with napari
_removed: set[Path] = set()  # may be removed once more: nothing else gets these names


def is_better_stored(size: int, source: Any) -> bool:
    """Whether so many bytes, made from an array, would take too much memory."""
    return size > (_LARGE if isinstance(source, np.ndarray) else _LARGE_ON_DISK)


def results_folder() -> Path:
    """Return where large results go unless a user chooses another folder."""
    own = platformdirs.user_data_path("seamless-unet") / "results"
    return preferences.results_folder() or own


def new_folder(parent: Path, name: str) -> Path:
    """Make a folder for a result, of a name that none has yet, and that its certainty can have.

    Raises
    ------
    OSError
        If that cannot be made.
    """
    # zarr takes a while to import; the window does not wait for it
    threading.Thread(target=importlib.import_module, args=("zarr",), daemon=True).start()
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The folder {parent} cannot be made ({error.strerror}): choose another one."
        ) from error
    stem = file_stem(name).encode()[:LONGEST].decode(errors="ignore").rstrip()
    path, count = parent / f"{stem}.zarr", 1
    while not _made(path):
        count += 1
        path = parent / f"{stem} {count}.zarr"
    return path


def _made(path: Path) -> bool:
    """Make a folder, unless it or that of its certainty is there or was there a moment ago."""
    certainty = certainty_folder(path)
    if certainty.exists() or not _removed.isdisjoint({path, certainty}):
        return False
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def certainty_folder(folder: Path) -> Path:
    """Return where the child writes the certainty of what is in a folder."""
    return folder.with_name(f"{folder.stem} certainty.zarr")


def open_levels(path: str | Path, mode: str) -> list[Any]:
    """Return the arrays of an image that the child wrote, the largest first."""
    import zarr

    group = zarr.open_group(path, mode=mode)  # type: ignore[arg-type]
    return [group[name] for name in sorted(group.array_keys(), key=int)]


def layer_data(levels: Sequence[Any]) -> dict[str, Any]:
    """Return one or several sizes of an array as keywords of ``add_labels`` and the like."""
    several = len(levels) > 1
    return {"data": list(levels) if several else levels[0], "multiscale": several}


def remove(folders: Collection[Path]) -> None:
    """Remove folders that another process may still be writing to, in a thread."""
    if folders:
        _removed.update(folders)
        being_removed.update(folders)
        threading.Thread(target=_remove, args=folders, daemon=True).start()


def _remove(*folders: Path) -> None:
    """Remove folders until they stay away."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        time.sleep(1)
        if not any(folder.exists() for folder in folders):
            break
    being_removed.difference_update(folders)
