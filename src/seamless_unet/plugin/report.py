"""What a user can send to those who are to find an error."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import qtpy

_PACKAGES = ("napari-seamless-unet", "napari", "npe2", "torch", "numpy", "zarr", "magicgui")
_GPUS = Path("/proc/driver/nvidia/gpus")  # on Linux, one folder for each


def settings_of(form: Mapping[str, Any]) -> list[str]:
    """Return a line for each field of a dock, given by its label; of a layer only kind and size."""
    return [f"{label}: {_described(value)}" for label, value in form.items()]


def report(message: str, *, details: str, settings: Sequence[str]) -> str:
    """Write a report: what happened, where, and what the dock was set to.

    Parameters
    ----------
    message
        What the user was told.
    details
        The traceback, or what else is known.
    settings
        From `settings_of`.

    Returns
    -------
    str
        Text without the name of the user's home folder.
    """
    parts = [
        message,
        "Settings\n" + "\n".join(settings),
        "Versions\n" + "\n".join(_versions()),
        "Computer\n" + "\n".join(_computer()),
        f"Details\n{details.strip() or 'none'}",
    ]
    return "\n\n".join(parts).replace(str(Path.home()), "~") + "\n"


def _described(value: Any) -> str:
    if not hasattr(value, "extent"):  # not a layer
        return str(value)
    data = value.data[0] if getattr(value, "multiscale", False) else value.data
    kind, size = type(value).__name__, " x ".join(map(str, getattr(data, "shape", ())))
    return f"{kind} layer, {size}, {getattr(data, 'dtype', type(data).__name__)}"


def _versions() -> list[str]:
    binding = f"{qtpy.API_NAME} {qtpy.PYQT_VERSION or qtpy.PYSIDE_VERSION}, Qt {qtpy.QT_VERSION}"
    return [f"Python {platform.python_version()}", binding, *map(_version, _PACKAGES)]


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} is not installed"


def _computer() -> list[str]:
    memory = psutil.virtual_memory()
    free, total = memory.available / 2**30, memory.total / 2**30
    return [
        platform.platform(),
        f"{os.cpu_count()} processors ({platform.processor() or platform.machine()})",
        f"{free:.1f} of {total:.1f} GiB of memory free",
        *_graphics_cards(),
    ]


def _graphics_cards() -> list[str]:
    """Return the names of NVIDIA's cards where the system tells; asking torch would import it."""
    files = sorted(_GPUS.glob("*/information"))
    lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    return [" ".join(line.split()) for line in lines if line.startswith("Model")]
