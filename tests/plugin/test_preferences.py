import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from npe2 import PluginManifest

from seamless_unet.plugin import models, preferences

napari_settings = pytest.importorskip("napari.settings")
if not hasattr(napari_settings, "get_plugin_settings"):
    pytest.skip("napari before 0.9", allow_module_level=True)


@pytest.fixture
def general(npe2pm, plugin_settings, monkeypatch):
    """What the user sets in napari's preferences, of which there is nothing yet."""
    npe2pm.register(PluginManifest.from_file(Path(models.__file__).parents[1] / "napari.yaml"))
    settings = napari_settings.get_plugin_settings(preferences.PLUGIN)
    monkeypatch.setattr(preferences, "_anything_is_set", lambda: settings.config_path.exists())
    return settings.general


def test_nothing_is_set(general, monkeypatch):
    assert preferences.models_folder() is None
    assert preferences.results_folder() is None
    assert preferences.environment() == {}
    monkeypatch.delenv("SEAMLESS_UNET_MODELS")
    assert models.library().parts[-2:] == ("seamless-unet", "models")


def test_what_is_set(general, monkeypatch, tmp_path):
    general.models_folder = str(tmp_path / "models here")
    general.results_folder = " ~/results "
    general.threads = 3
    assert preferences.results_folder() == Path.home() / "results"
    assert preferences.environment() == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
    assert models.library() == tmp_path / "models"  # as the environment says
    monkeypatch.delenv("SEAMLESS_UNET_MODELS")
    assert models.library() == tmp_path / "models here"


def test_a_slip_in_a_folder_is_told_and_does_not_cost_the_docks(general, monkeypatch):
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", said.append)
    preferences._warn.cache_clear()
    general.models_folder = "~nobody_of_this_name/models"
    for _ in range(2):
        assert preferences.models_folder() is None
    assert said == [
        "Preferences: the models folder '~nobody_of_this_name/models' cannot be found; the "
        "plugin's own is taken."
    ]


def test_what_was_set_before_napari_started(tmp_path):
    environment = os.environ | {"NAPARI_CONFIG": str(tmp_path / "settings.yaml")}
    run = partial(subprocess.check_output, env=environment, text=True)
    read = "from seamless_unet.plugin import preferences; print(preferences.environment())"
    assert run([sys.executable, "-c", read]).strip() == "{}"
    write = (
        "from napari.settings import get_plugin_settings\n"
        f"get_plugin_settings({preferences.PLUGIN!r}).general.threads = 3"
    )
    run([sys.executable, "-c", write])
    expected = {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
    assert run([sys.executable, "-c", read]).strip() == str(expected)


def test_an_older_napari(monkeypatch):
    monkeypatch.setitem(sys.modules, "napari.settings", None)
    assert preferences.models_folder() is None
    assert preferences.environment() == {}
