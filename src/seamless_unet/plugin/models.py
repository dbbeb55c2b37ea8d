"""The models a user can choose: those that come with the package and those trained here."""

import contextlib
import os
import re
from pathlib import Path
from weakref import WeakValueDictionary

import platformdirs
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from seamless_unet import checkpoint
from seamless_unet.model_file import bundled_models, read_info
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin import preferences
from seamless_unet.plugin.job import Job
from seamless_unet.whole_file import try_to_write

LONGEST = 200  # bytes of a name, which others are added to


class Library(QObject):
    """Tells the docks of all viewers about new models; there is only `signals`."""

    changed = Signal(str)  # the path of the model that was added
    listed = Signal()  # models have other names, or are gone
    renamed = Signal(str, str)  # the old path and the new one; before `listed`


signals = Library()
_learning: WeakValueDictionary[Path, Job] = WeakValueDictionary()  # what jobs work on


def library() -> Path:
    """Return the folder of the user's own models.

    ``SEAMLESS_UNET_MODELS`` names another, and so do napari's preferences.
    """
    if folder := os.environ.get("SEAMLESS_UNET_MODELS"):
        return Path(folder)
    return preferences.models_folder() or platformdirs.user_data_path("seamless-unet") / "models"


def choices() -> list[tuple[str, str]]:
    """Return all models as (name, path): the bundled ones, then the user's, newest first."""
    own = []
    for path in library().glob("*.safetensors"):
        with contextlib.suppress(OSError):  # deleted just now, or a link to nothing
            own.append((path.stat().st_mtime, path))
    bundled = [(f"{name} (built in)", str(path)) for name, path in bundled_models().items()]
    return bundled + [(path.stem, str(path)) for _, path in sorted(own, reverse=True)]


def new_path(name: str) -> Path:
    """Return where to save a model of this name; no model or training is ever overwritten.

    Raises
    ------
    ValueError
        If there is nothing in the name that a file name can have, or too much.
    OSError
        If nothing can be saved there.
    """
    stem = file_stem(name)
    if len(stem.encode()) > LONGEST:
        raise ValueError("This name is too long for a file: give the model a shorter one.")
    folder = library()
    try:
        try_to_write(folder)
    except OSError as error:
        raise OSError(
            f"No model can be saved in {folder} ({error.strerror}). Choose another folder for your "
            "models in napari's preferences, under Seamless U-Net."
        ) from error
    path, count = folder / f"{stem}.safetensors", 1
    while path.exists() or is_learning(path) or checkpoint_path(path).exists():
        count += 1
        path = folder / f"{stem} {count}.safetensors"
    return path


def file_stem(name: str) -> str:
    """Return what a file can be called after a name; ValueError where nothing is left of it."""
    stem = " ".join(re.sub(r'[<>:"/\\|?*\x00-\x1f]', " ", name).split()).strip(" .")
    if not stem:
        raise ValueError("Give the model a name: letters, digits and spaces.")
    return stem


def checkpoint_path(model: Path) -> Path:
    """Return the folder where the training of a model leaves what is needed to go on with it."""
    return model.parent / "checkpoints" / model.stem


def begin_learning(path: Path, job: Job) -> None:
    """Note that a job is going to work on a model; it may have to wait for another job."""
    _learning[path] = job


def is_learning(path: Path) -> bool:
    """Return whether a training works on a model, in this napari or in another one."""
    job = _learning.get(path)
    return (job is not None and not job.done) or checkpoint.is_running(checkpoint_path(path))


def describe(path: str) -> str:
    """Say in one or two lines what a model is for."""
    try:
        info = read_info(path)
    except (ValueError, OSError) as error:
        return f"This model cannot be read: {error}"
    return in_words(info)


def in_words(info: ModelInfo) -> str:
    """Say in one or two lines what a model is for that was read already."""
    return "\n".join(filter(None, [info.description, _facts(info)]))


def _facts(info: ModelInfo) -> str:
    shape = "stacks as a whole" if info.network.ndim == 3 else "images"
    channels = info.network.in_channels
    finds = "outlines cells" if info.output == "objects" else "finds " + ", ".join(info.classes)
    score = info.training.get("score")
    measured = "" if score is None else f" Score {score:.2f} of 1 on annotation held back."
    return f"For {shape} with {channels} channel{'s' * (channels > 1)}; {finds}.{measured}"
