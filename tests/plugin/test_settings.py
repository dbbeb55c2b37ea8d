import json

import pytest
from magicgui.widgets import CheckBox, ComboBox

from seamless_unet.plugin import settings


def test_what_was_remembered_is_recalled_by_dock():
    settings.remember("Train", {"minutes": 2.5, "annotation": "objects"})
    settings.remember("Segment", {"careful": True, "memory": None})
    settings.remember("Train", {"minutes": 3.0})
    assert settings.recall("Train") == {"minutes": 3.0}
    assert settings.recall("Segment") == {"careful": True, "memory": None}
    assert settings.recall("Evaluate") == {}


def test_the_first_time(tmp_path, monkeypatch):
    monkeypatch.setenv("SEAMLESS_UNET_SETTINGS", str(tmp_path / "new" / "folder" / "docks.json"))
    assert settings.recall("Train") == {}
    settings.remember("Train", {"minutes": 1})
    assert settings.recall("Train") == {"minutes": 1}
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["docks.json"]


def test_the_file_is_the_users_own(monkeypatch):
    monkeypatch.delenv("SEAMLESS_UNET_SETTINGS")
    assert settings.settings_path().parts[-2:] == ("seamless-unet", "docks.json")


@pytest.mark.parametrize("content", [b'{"Train": {"min', b"[1, 2]", b"\xff\xfe\x00", b""])
def test_a_damaged_file_is_told_of_and_replaced(notified, content):
    settings.settings_path().write_bytes(content)
    assert settings.recall("Train") == {}
    (message,) = notified()
    assert message.startswith("The settings of the last time cannot be read")
    settings.remember("Train", {"minutes": 1})
    told = len(notified())
    assert settings.recall("Train") == {"minutes": 1}
    assert len(notified()) == told


def test_a_dock_with_settings_of_another_kind():
    settings.settings_path().write_text(json.dumps({"Train": 3}))
    assert settings.recall("Train") == {}


def test_what_cannot_be_written_leaves_the_file_as_it_was(monkeypatch, notified):
    settings.remember("Train", {"minutes": 1})
    with pytest.raises(TypeError):
        settings.remember("Train", {"minutes": object()})
    monkeypatch.setattr("os.replace", _disk_full)
    settings.remember("Train", {"minutes": 2})
    assert notified() == ["The settings of the Train dock could not be kept: no space left"]
    assert settings.recall("Train") == {"minutes": 1}
    assert [path.name for path in settings.settings_path().parent.glob("docks*")] == ["docks.json"]


def test_a_form_is_set_as_it_was(qapp):
    def form():
        return {
            "model": ComboBox(choices=["a", "b", "c"]),
            "size": ComboBox(choices=[("any", None), ("small", 1)], value=1),
            "careful": CheckBox(),
        }

    before = form()
    before["model"].value, before["size"].value, before["careful"].value = "b", None, True
    settings.keep("Segment", before)
    after = form()
    settings.restore("Segment", after)
    assert [widget.value for widget in after.values()] == ["b", None, True]
    without = {"model": ComboBox(choices=["a", "c"]), "careful": CheckBox()}
    settings.restore("Segment", without)
    assert [widget.value for widget in without.values()] == ["a", True]


def _disk_full(*_):
    raise OSError("no space left")
