import dask.array as da
import numpy as np
import pytest

from seamless_unet.plugin.array_file import write_array


@pytest.mark.parametrize("make", [np.asarray, da.from_array])
def test_write_array_copies_piece_by_piece(make, tmp_path, monkeypatch):
    monkeypatch.setattr("seamless_unet.plugin.array_file._PIECE", 100)
    array = np.arange(7 * 5 * 3, dtype=np.uint16).reshape(7, 5, 3)
    write_array(tmp_path / "a.npy", make(array))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
    assert np.load(tmp_path / "a.npy").dtype == np.uint16


def test_write_array_refuses_what_is_empty(tmp_path):
    with pytest.raises(ValueError, match=r"empty: its shape is \(0, 5\)"):
        write_array(tmp_path / "a.npy", np.zeros((0, 5)))
