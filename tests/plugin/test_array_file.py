from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from seamless_unet.plugin.array_file import about, is_better_left, write_array, write_box


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


def test_only_small_arrays_in_memory_are_copied_as_a_whole(monkeypatch):
    array = np.zeros((10, 10), np.uint8)
    assert not is_better_left(array)
    assert is_better_left(da.from_array(array))
    monkeypatch.setattr("seamless_unet.plugin.array_file._LARGEST_COPY", 99)
    assert is_better_left(array)


class OfTensorstore:
    """As tensorstore has it: a dtype of its own."""

    class dtype:  # noqa: N801
        numpy_dtype = np.dtype("float32")

    shape = (4, 5)

    def __getitem__(self, key):
        return np.arange(20, dtype=np.float32).reshape(4, 5)[key]


def test_a_part_of_any_array_is_written(tmp_path):
    assert about(OfTensorstore()) == {"shape": [4, 5], "dtype": "<f4"}
    write_box(tmp_path / "a.npy", OfTensorstore(), [[1, 3], [0, 2]])
    part = np.load(tmp_path / "a.npy")
    assert part.dtype == np.float32
    assert part.tolist() == [[5, 6], [10, 11]]


def test_any_layout_and_dtype(tmp_path):
    for array in (
        np.arange(24).reshape(2, 3, 4).T,
        np.zeros((3, 2), bool)[::-1],
        np.arange(6.0, dtype=">f4").reshape(2, 3)[:, ::2],
    ):
        write_array(tmp_path / "a.npy", array)
        read = np.load(tmp_path / "a.npy", mmap_mode="r")
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_an_error(tmp_path):
    (tmp_path / "a.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_array(tmp_path / "a.npy", np.zeros(10**6))
