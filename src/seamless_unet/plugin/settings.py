"""What the docks' forms were set to, kept between sessions of napari in one JSON file."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
from magicgui.widgets.bases import ValueWidget
from napari.utils.notifications import show_warning

from seamless_unet.whole_file import replacing


def recall(dock: str) -> dict[str, Any]:
    """Return what a dock's form was set to when it last said so.

    Parameters
    ----------
    dock
        Its name, such as ``"Train"``.

    Returns
    -------
    dict
        As given to `remember`, with lists for tuples; empty where nothing is known, or where the
        file cannot be read, of which the user is told.
    """
    values = _read().get(dock, {})
    return values if isinstance(values, dict) else {}


def remember(dock: str, values: Mapping[str, Any]) -> None:
    """Keep what a dock's form is set to; the file is written whole or not at all.

    Parameters
    ----------
    dock
        Its name.
    values
        By a name that stays the same: strings, numbers, bools, None, and lists and dicts of them.
    """
    known = _read()
    if known.get(dock) == values:
        return
    try:
        _write({**known, dock: dict(values)})
    except OSError as error:  # a full disk, or a home that is read only: no reason to stop
        show_warning(f"The settings of the {dock} dock could not be kept: {error}")


def restore(dock: str, widgets: Mapping[str, ValueWidget]) -> None:
    """Set a form as `keep` found it, but for what is no longer possible, as a model that is gone.

    Parameters
    ----------
    dock
        Its name.
    widgets
        By a name that stays the same.
    """
    for name, value in recall(dock).items():
        if name in widgets:
            with contextlib.suppress(ValueError, TypeError):
                widgets[name].value = value


def keep(dock: str, widgets: Mapping[str, ValueWidget]) -> None:
    """Remember what the widgets of a form are set to; see `restore`."""
    remember(dock, {name: widget.value for name, widget in widgets.items()})


def settings_path() -> Path:
    """Return the file of the settings; ``SEAMLESS_UNET_SETTINGS`` names another."""
    path = os.environ.get("SEAMLESS_UNET_SETTINGS")
    return Path(path) if path else platformdirs.user_config_path("seamless-unet") / "docks.json"


def _read() -> dict[str, Any]:
    path = settings_path()
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(known, dict):
            raise ValueError("it is not a list of docks")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # ValueError: also what is not JSON, or not text
        show_warning(
            f"The settings of the last time cannot be read ({error}): the forms begin as new. "
            f"The file is {path}."
        )
        return {}
    return known


def _write(known: Mapping[str, Any]) -> None:
    path = settings_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
