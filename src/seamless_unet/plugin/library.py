"""The user's own models as files: which there are, new names, the trash, import and export."""

import contextlib
import filecmp
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from qtpy.QtCore import QFile

from seamless_unet import checkpoint
from seamless_unet.model_file import bundled_models, read_info
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin import models
from seamless_unet.whole_file import replacing


@dataclass(frozen=True)
class Entry:
    """A model in the library.

    Parameters
    ----------
    name
        As the docks call it.
    path
        Its file.
    own
        Whether it is the user's, not one that came with the package.
    saved
        When the file was written.
    info
        What it says about itself; ``None`` where it cannot be read.
    problem
        In words, why it cannot be read; empty if it can.
    """

    name: str
    path: Path
    own: bool
    saved: datetime
    info: ModelInfo | None
    problem: str = ""


_known: dict[Path, tuple[float, Entry]] = {}  # by the time of the file's last change


def entries() -> list[Entry]:
    """Return all models, as `models.choices` orders them; a file is read when it has changed."""
    found = []
    for name, text in models.choices():
        path = Path(text)
        with contextlib.suppress(FileNotFoundError):  # deleted just now
            changed = path.stat().st_mtime
            if path not in _known or _known[path][0] != changed:
                _known[path] = changed, _read(name, path, changed)
            found.append(_known[path][1])
    return found


def _read(name: str, path: Path, changed: float) -> Entry:
    own, saved = path not in bundled_models().values(), datetime.fromtimestamp(changed)
    try:
        return Entry(name, path, own, saved, read_info(path))
    except (ValueError, OSError) as error:
        return Entry(name, path, own, saved, None, str(error))


def rename(path: Path, name: str) -> Path:
    """Give one of the user's models another name, and return its new path.

    What an interrupted training left goes with it.

    Raises
    ------
    ValueError
        If the name is taken, nothing in it can be part of a file name, or the model is being
        trained.
    """
    _check_nothing_learns(path)
    new = path.with_name(f"{models.file_stem(name)}.safetensors")
    if new == path:
        return path
    moves = [(path, new), (models.checkpoint_path(path), models.checkpoint_path(new))]
    taken = [there for _, there in moves if there.exists() and not _same(path, there)]
    if taken:
        raise ValueError(f"There is already a model '{new.stem}'. Choose another name.")
    for here, there in moves:
        if here.exists():
            here.rename(there)
    if models.checkpoint_path(new).exists():
        with contextlib.suppress(OSError, ValueError):  # damaged: the Train dock says so
            checkpoint.redirect(models.checkpoint_path(new), new)
    models.signals.renamed.emit(str(path), str(new))
    models.signals.listed.emit()
    return new


def _same(path: Path, other: Path) -> bool:
    """Return whether only upper and lower case differ, where the system makes no difference."""
    return path.parent == other.parent and path.exists() and path.samefile(other)


def delete(path: Path) -> None:
    """Move one of the user's models, and what its training left, to the system's trash.

    Raises
    ------
    OSError
        If there is no trash on its drive; the file stays.
    ValueError
        If the model is being trained.
    """
    _check_nothing_learns(path)
    for file in (path, models.checkpoint_path(path)):
        if file.exists() and not QFile(str(file)).moveToTrash():
            raise OSError(
                f"'{file.name}' cannot be moved to the trash. Delete it by hand in {file.parent}."
            )
    models.signals.listed.emit()


def _check_nothing_learns(path: Path) -> None:
    if models.is_learning(path):
        raise ValueError(
            f"'{path.stem}' is being trained: let the training end, or stop it in the Train dock."
        )


def import_model(path: Path) -> Path:
    """Copy a model file into the library under a new name, and return its path there.

    A file that is there already, under whichever name, is not copied again.

    Raises
    ------
    ValueError
        If the file is not a model, is truncated, or comes from a newer version.
    OSError
        If it cannot be read, or the library cannot be written.
    """
    try:
        read_info(path)
    except ValueError as error:
        raise ValueError(
            f"'{path.name}' is not a model of this plugin, or is damaged. Only .safetensors files "
            f"that this plugin has saved can be used. ({error})"
        ) from error
    for entry in entries():
        if filecmp.cmp(path, entry.path, shallow=False):
            return entry.path
    new = models.new_path(path.stem)
    copy_whole(path, new)
    models.signals.changed.emit(str(new))
    return new


def copy_whole(path: Path, new: Path) -> None:
    """Copy a file so that the copy is there whole or not at all."""
    new.parent.mkdir(parents=True, exist_ok=True)
    with replacing(new) as temporary:
        shutil.copyfile(path, temporary)
