"""What is kept of a training under way, so that it can go on after an interruption.

A checkpoint is a folder: the request that the training began with, its images and labels, its
state as of a minute ago (none in the first minute), and who works on it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from seamless_unet.claim import claim_again, claimed, is_claimed
from seamless_unet.model_file import read_header
from seamless_unet.whole_file import replacing

FORMAT = "seamless-unet checkpoint"
_REQUEST = "request.json"
_RUNNING = "running.json"


@dataclass(frozen=True)
class Interrupted:
    """A training that did not come to its end.

    Parameters
    ----------
    path
        Its folder, to resume from or to discard.
    name
        Of the model that it was to make.
    fraction
        How much of its budget is used, 0 to 1.
    when
        Its state was last written.
    pairs
        The names of its images.
    problem
        In words, why it cannot be resumed; empty if it can.
    """

    path: Path
    name: str
    fraction: float
    when: datetime
    pairs: tuple[str, ...]
    problem: str = ""


def interrupted(folder: str | os.PathLike[str]) -> list[Interrupted]:
    """Return the trainings in a folder that nobody works on, the latest first; without torch.

    Parameters
    ----------
    folder
        In which napari keeps a folder for each training until it has ended. There need not be one.

    Returns
    -------
    list of Interrupted
        Those that cannot be read say why in their ``problem``.
    """
    folder = Path(folder)
    paths = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    found = [_read(path) for path in paths if not is_running(path)]
    return sorted(found, key=lambda training: training.when, reverse=True)


def keep(request: Mapping[str, Any], folder: Path) -> None:
    """Keep what a training needs to begin anew: its request and copies of its arrays.

    Raises
    ------
    ValueError
        If the folder keeps another training.
    OSError
        If there is no place on the disk.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        words = f"{folder} keeps another training: resume or discard that one first"
        raise ValueError(words) from error
    kept = {key: value for key, value in request.items() if key not in ("id", "request")}
    for key in array_keys(request):
        kept[key] = f"{key}.npy"
        _link(Path(request[key]), folder / kept[key])
    _write(kept, folder)  # last: what has a request is complete


def redirect(folder: Path, output: Path) -> None:
    """Let the training kept in a folder make its model elsewhere when it goes on."""
    kept = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
    _write(kept | {"output": str(output)}, folder)


def extend(folder: Path, minutes: float) -> None:
    """Give the training kept in a folder another budget, for good."""
    kept = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
    changes = {key: value for key, value in kept["changes"].items() if key != "steps"}
    _write(kept | {"changes": changes | {"minutes": minutes}}, folder)


def kept_request(folder: Path) -> dict[str, Any]:
    """Return the request of the training kept in a folder.

    Raises
    ------
    ValueError
        If the folder is damaged; the message says how.
    """
    try:
        kept = json.loads((folder / _REQUEST).read_text(encoding="utf-8"))
        return kept | {key: str(folder / kept[key]) for key in array_keys(kept)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"nothing can be resumed from {folder}: {_cause(error)}") from error


def array_keys(request: Mapping[str, Any]) -> list[str]:
    """Return the keys of a request's arrays: ``image 0``, ``labels 0``, ``region 0``, ..."""
    return [
        f"{kind} {number}"
        for number, pair in enumerate(request["pairs"])
        for kind in ("image", "labels", *["region"] * pair["region"])
    ]


def state_path(folder: Path) -> Path:
    """Return where the state of a training is kept."""
    return folder / "state.safetensors"


def discard(folder: str | os.PathLike[str]) -> None:
    """Remove what is kept of a training."""
    shutil.rmtree(folder, ignore_errors=True)


def running(folder: Path) -> AbstractContextManager[None]:
    """Let everybody know that this process works on a training.

    Raises
    ------
    ValueError
        On entering, if another one does.
    """
    return claimed(folder / _RUNNING, "this training is going on already, in another window")


def still_running(folder: Path) -> None:
    """Let other computers know, now and then, that this process still works on a training."""
    claim_again(folder / _RUNNING)


def is_running(folder: Path) -> bool:
    """Return whether a process works on the training kept in a folder; see `is_claimed`."""
    return is_claimed(folder / _RUNNING)


def _read(folder: Path) -> Interrupted:
    state = state_path(folder)
    latest = next(path for path in (state, folder / _REQUEST, folder) if path.exists())
    when = datetime.fromtimestamp(latest.stat().st_mtime).astimezone()
    name, pairs, fraction, problem = folder.name, (), 0.0, ""
    try:
        request = kept_request(folder)
        name, pairs = Path(request["output"]).stem, tuple(p["name"] for p in request["pairs"])
        for key in array_keys(request):
            np.load(request[key], mmap_mode="r")
        if state.exists():
            fraction = _fraction(read_header(state, FORMAT))
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        problem = _cause(error)
    return Interrupted(folder, name, fraction, when, pairs, problem)


def _fraction(header: dict[str, Any]) -> float:
    config = header["config"]
    used = (
        header["step"] / config["steps"]
        if config["steps"] is not None
        else header["elapsed"] / (60 * config["minutes"])
    )
    return min(float(used), 1.0)


def _cause(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{Path(error.filename).name} is missing"
    return f"it is damaged ({error})"


def _write(request: Mapping[str, Any], folder: Path) -> None:
    with replacing(folder / _REQUEST) as temporary:
        temporary.write_text(json.dumps(request), encoding="utf-8")


def _link(source: Path, target: Path) -> None:
    """Make a second name for a file, which outlives the first, or a copy on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
