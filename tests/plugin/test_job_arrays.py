import dask.array as da
import numpy as np
import pytest

from seamless_unet.plugin.job_arrays import JobArrays, read_arrays


@pytest.fixture
def arrays(tmp_path):
    return JobArrays(tmp_path / "1")


IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_what_is_in_memory_is_copied(arrays):
    assert arrays.lend("segment", {"image": IMAGE}) == {}
    written = arrays.write({"image": IMAGE}, 7)
    assert written == {"image": str(arrays.folder / "image 7.npy")}
    np.testing.assert_array_equal(np.load(written["image"]), IMAGE)


def test_what_is_not_in_memory_is_lent_and_read_in_parts(arrays):
    given = {"image": da.from_array(IMAGE), "other": da.from_array(IMAGE)}
    parts = arrays.lend("segment", given)
    assert parts == {"image": {"remote": "image", "shape": [3, 4], "dtype": "|u1"}}
    assert list(arrays.write(given, 1)) == ["other"]
    need = {"id": 5, "number": 2, "array": "image", "slices": [[1, 3], [0, 2]]}
    answer = arrays.answer(need)
    np.testing.assert_array_equal(np.load(answer.pop("path")), [[4, 5], [8, 9]])
    assert answer == {"request": "piece", "id": 5, "number": 2}


def test_a_training_gets_copies(arrays):
    assert arrays.lend("train", {"image": da.from_array(IMAGE)}) == {}


def test_a_part_that_cannot_be_read_is_an_answer(arrays):
    def fail(block):
        raise OSError("the network drive is gone")

    broken = da.zeros((8, 8), chunks=4).map_blocks(fail, dtype=np.uint8, meta=np.empty((0, 0)))
    arrays.lend("segment", {"image": broken})
    need = {"id": 5, "number": 2, "array": "image", "slices": [[0, 8], [0, 8]]}
    assert arrays.answer(need)["error"] == "the network drive is gone"


def test_nothing_is_left(arrays):
    arrays.lend("segment", {"image": da.from_array(IMAGE)})
    arrays.write({"labels": IMAGE}, 1)
    arrays.remove()
    assert not arrays.folder.exists()
    assert arrays.lent == {}
    need = {"id": 5, "number": 2, "array": "image", "slices": [[0, 8], [0, 8]]}
    assert "error" in arrays.answer(need)


def test_read_arrays(tmp_path):
    np.save(tmp_path / "a.npy", IMAGE)
    event = {"event": "segmented", "labels": str(tmp_path / "a.npy"), "arrays": ["labels"]}
    np.testing.assert_array_equal(read_arrays(event)["labels"], IMAGE)
    assert read_arrays({"event": "step"}) == {"event": "step"}
    gone = {**event, "labels": str(tmp_path / "b.npy")}
    assert read_arrays(gone) is gone
    (tmp_path / "a.npy").write_bytes(b"")
    with pytest.raises(EOFError):
        read_arrays(event)
