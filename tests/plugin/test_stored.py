import pytest

from seamless_unet.plugin.stored import new_folder, remove


def test_a_folder_is_given_once(tmp_path):
    parent = tmp_path / "my" / "results"
    assert new_folder(parent, "a: b/c") == parent / "a b c.zarr"
    assert new_folder(parent, "a: b/c") == parent / "a b c 2.zarr"
    assert {path.name for path in parent.iterdir()} == {"a b c.zarr", "a b c 2.zarr"}
    (parent / "e certainty.zarr").mkdir()  # of labels that are gone
    assert new_folder(parent, "e") == parent / "e 2.zarr"
    (parent / "d.zarr").mkdir()
    assert new_folder(parent, "d") == parent / "d 2.zarr"
    assert new_folder(parent, "ü" * 300) == parent / f"{'ü' * 100}.zarr"
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        new_folder(tmp_path / "file" / "x", "a")


def test_what_is_being_removed_does_not_take_a_new_result_along(tmp_path, qtbot):
    dropped = new_folder(tmp_path, "a")
    remove({dropped})
    qtbot.waitUntil(lambda: not dropped.exists())
    assert new_folder(tmp_path, "a") == tmp_path / "a 2.zarr"
