import numpy as np
import pytest
import zarr

from seamless_unet.jobs import new_arrays
from seamless_unet.jobs.new_arrays import new_array
from seamless_unet.metadata import read_metadata


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(new_arrays, "_CHUNK", 4)
    monkeypatch.setattr(new_arrays, "_LARGE", 8)


@pytest.mark.parametrize("axes", ["ZTYX", "YXZT"])
def test_a_large_plane_is_kept_in_smaller_sizes_too(tmp_path, small_limits, axes):
    sizes = {"Z": 2, "T": 3, "Y": 7, "X": 17}
    image = np.random.default_rng(0).integers(0, 99, [sizes[a] for a in axes]).astype(np.int32)
    with new_array(tmp_path / "a.zarr", image.shape, np.int32, axes) as array:
        for index in np.ndindex(2, 3):
            places = dict(zip("ZT", index, strict=True))
            where = tuple(places.get(axis, slice(None)) for axis in axes)
            array[where] = image[where]
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert sorted(group.array_keys()) == ["0", "1", "2", "3"]
    for level in range(4):
        step = slice(None, None, 2**level)
        part = image[tuple(step if axis in "YX" else slice(None) for axis in axes)]
        np.testing.assert_array_equal(group[str(level)][:], part)
    assert group["1"].chunks == tuple({"Y": 4, "X": 4}.get(axis, 1) for axis in axes)


def test_any_other_is_kept_in_one_size(tmp_path, small_limits):
    with new_array(tmp_path / "a.zarr", (20, 8, 8), np.int32, "ZYX") as array:
        array[:, slice(None), slice(None)] = np.ones((20, 8, 8))
    assert list(zarr.open_group(tmp_path / "a.zarr", mode="r").array_keys()) == ["0"]


def test_axes_and_pixel_size_are_read_again(tmp_path, small_limits):
    size = {"Y": 0.5, "X": 0.25, "Z": 2.0}
    with new_array(tmp_path / "a.zarr", (3, 2, 9, 9), np.uint8, "TZYX", size):
        pass
    found = read_metadata(tmp_path / "a.zarr")
    assert (found.shape, found.axes, found.pixel_size) == ((3, 2, 9, 9), "TZYX", size)
    smaller = read_metadata(tmp_path / "a.zarr" / "1")
    assert smaller.pixel_size == {"Y": 1.0, "X": 0.5, "Z": 2.0}
    about = zarr.open_group(tmp_path / "a.zarr").attrs["ome"]["multiscales"][0]["axes"]
    assert about[0] == {"name": "t", "type": "time"}
    assert about[3] == {"name": "x", "type": "space", "unit": "micrometer"}


@pytest.mark.parametrize(
    ("axes", "valid"), [("TCZYX", True), ("TSYX", True), ("ZTYX", False), ("ZCYX", False)]
)
def test_an_order_of_axes_that_ome_zarr_does_not_know_is_not_said_to_be_it(tmp_path, axes, valid):
    with new_array(tmp_path / "a.zarr", (2,) * len(axes), np.uint8, axes, {"Y": 0.5}):
        pass
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert ("ome" in group.attrs) == valid
    assert group["0"].metadata.dimension_names == tuple(axes.lower())
    assert read_metadata(tmp_path / "a.zarr" / "0").axes == axes


def test_nothing_is_left_of_what_fails(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(OSError, match="the disk"):
        _fail(tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def _fail(path):
    with new_array(path, (4, 4), np.uint8, "YX") as array:
        array[:, :] = np.ones((4, 4))
        raise OSError("the disk is full")


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    zarr.save_array(tmp_path / "a.zarr", np.arange(3))
    with (
        pytest.raises(ValueError, match=r"a\.zarr"),
        new_array(tmp_path / "a.zarr", (4, 4), np.uint8, "YX"),
    ):
        pass
    assert zarr.open_array(tmp_path / "a.zarr")[:].tolist() == [0, 1, 2]
