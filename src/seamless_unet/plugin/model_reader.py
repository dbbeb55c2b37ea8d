"""File > Open, and files dropped on napari: a model goes to the library, not to the layers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info

from seamless_unet.plugin.library import import_model

NO_LAYERS: list[tuple[None]] = [(None,)]  # what napari understands as: read, and nothing to show


def get_reader(path: str | list[str]) -> Callable[[Any], list[tuple[None]]]:
    """Return the function that reads models, as napari wants it."""
    return read_models


def read_models(path: str | list[str]) -> list[tuple[None]]:
    """Copy model files into the library, and tell the user of each what became of it.

    What is not a model is no error to napari, which would only say that some plugin failed.
    """
    for one in [path] if isinstance(path, str) else path:
        try:
            model = import_model(Path(one))
        except (ValueError, OSError) as error:
            show_error(str(error))
        else:
            show_info(f"The model '{model.stem}' is in your library now: see the Segment dock.")
    return NO_LAYERS
