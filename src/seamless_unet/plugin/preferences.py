"""What a user sets once for all, in napari's preferences (``configurations`` in napari.yaml)."""

import functools
from pathlib import Path
from typing import Any

PLUGIN = "napari-seamless-unet"


def models_folder() -> Path | None:
    """Return where the user wants the models to be; ``None`` for the plugin's own folder."""
    return _folder("models_folder")


def results_folder() -> Path | None:
    """Return where the user wants large results to be; ``None`` for the plugin's own folder."""
    return _folder("results_folder")


def environment() -> dict[str, str]:
    """Return what the child process is told by its environment: how many threads to use."""
    threads = _value("threads", 0)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(threads)) if threads > 0 else {}


def _folder(name: str) -> Path | None:
    text = _value(name, "").strip()
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:  # no such user
        _warn(name, text)
        return None


@functools.cache
def _warn(name: str, text: str) -> None:
    """Say, once, that a preference cannot be followed."""
    from napari.utils.notifications import show_warning

    what = name.replace("_", " ")
    show_warning(f"Preferences: the {what} {text!r} cannot be found; the plugin's own is taken.")


def _value(name: str, default: Any) -> Any:
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # before napari 0.9 a plugin has no preferences
        return default
    if not _anything_is_set():
        return default
    try:
        return getattr(get_plugin_settings(PLUGIN).general, name)
    except (KeyError, AttributeError):  # napari knows the plugin without its manifest
        return default


def _anything_is_set() -> bool:
    """Whether there may be other values than the defaults.

    napari keeps those in a file beside its own settings. To ask it takes longer than all else when
    the first dock opens: it reads the manifests of all plugins again.
    """
    from napari.settings import NapariSettings

    path: Path | None = NapariSettings.model_fields["config_path"].get_default()
    return path is None or path.with_name(f"{PLUGIN}.yaml").exists()
