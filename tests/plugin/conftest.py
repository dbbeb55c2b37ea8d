import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

PLUGIN = "napari-seamless-unet"


def pytest_collection_modifyitems(items):
    """Run the plugin's tests last.

    Once Mesa has drawn a canvas, torch's first optimizer in the same process ends in a
    segmentation fault (two LLVMs clash); the other way round is safe. Users never meet this:
    the plugin computes in a process of its own. Each worker of `pytest -n` keeps this order.
    """
    items.sort(key=lambda item: "plugin" in item.path.parts)


@pytest.fixture
def qtbot(qtbot, monkeypatch):
    """Wait for two minutes at most, not five seconds: other processes may have the machine."""
    wait = qtbot.waitUntil
    monkeypatch.setattr(
        qtbot, "waitUntil", lambda condition, *, timeout=120_000: wait(condition, timeout=timeout)
    )
    return qtbot


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch):
    """Give every test an empty library of models, and forms that nobody has filled in."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("SEAMLESS_UNET_MODELS", str(folder))
    monkeypatch.setenv("SEAMLESS_UNET_SETTINGS", str(tmp_path / "docks.json"))
    return folder


@pytest.fixture
def threshold_model(library, pixel_model, monkeypatch):
    """Let a model that finds what is brighter than half the range be the only one."""
    from seamless_unet.config import Normalization
    from seamless_unet.model_file import save_model

    model = pixel_model(normalization=Normalization("percentile", low=0, high=100), min_size=9)
    save_model(model, library / "threshold.safetensors")
    monkeypatch.setattr("seamless_unet.plugin.models.bundled_models", dict)
    return model


@pytest.fixture
def viewer(make_napari_viewer, qtbot):
    """Return a viewer with a real window."""
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1024, 700)
    qtbot.waitExposed(viewer.window._qt_window)
    return viewer


@pytest.fixture
def dock(viewer, qtbot):
    """Return a function that opens one of the plugin's docks."""

    def open_dock(name: str):
        widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]
        qtbot.waitUntil(widget.isVisible)
        return widget

    return open_dock


@pytest.fixture
def notified():
    """Return a function that gives what napari has told the user since the test began."""
    records = notification_manager.records
    before = len(records)
    return lambda: [record.message for record in records[before:]]


def click(button) -> None:
    """Click a button where a user would; it must be visible and enabled."""
    assert button.isVisible()
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture(name="click")
def _click():
    return click


@pytest.fixture
def ended(qtbot):
    """Return a function that waits until a panel's job is over and returns its last words."""

    def wait(panel, seconds: float = 90) -> str:
        qtbot.waitUntil(lambda: panel.job is None, timeout=int(1000 * seconds))
        return panel.status.text()

    return wait


@pytest.fixture(autouse=True, scope="session")
def _quick_garbage_collection():
    """Leave alone what is imported by now when garbage is looked for, as after each viewer."""
    import gc

    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _plugins_found_once():
    """Read the manifests of all plugins once, not again for each viewer."""
    from npe2 import PluginManager

    manager = PluginManager.instance()
    manager.discover(include_npe1=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "discover", lambda *_, **__: 0)
        yield
