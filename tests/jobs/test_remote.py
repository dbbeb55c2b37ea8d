import numpy as np
import pytest

from seamless_unet.jobs import remote
from seamless_unet.jobs.orders import Orders
from seamless_unet.jobs.remote import given_array


@pytest.fixture
def asked(tmp_path):
    """Return a function that gives an array which the parent keeps, and the boxes asked for."""

    def make(whole):
        boxes = []

        def answer(need):
            boxes.append([tuple(side) for side in need["slices"]])
            np.save(tmp_path / "piece.npy", whole[tuple(slice(*side) for side in boxes[-1])])
            piece = {"id": 7, "number": need["number"], "path": str(tmp_path / "piece.npy")}
            orders.answers.put(piece)

        orders = Orders(send=answer)
        about = {"remote": "truth", "shape": list(whole.shape), "dtype": whole.dtype.str}
        return given_array({"id": 7, "truth": about}, "truth", orders), boxes

    return make


def test_a_file_is_mapped(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6))
    array = given_array({"truth": str(tmp_path / "a.npy")}, "truth", Orders())
    assert isinstance(array, np.memmap)
    assert array.tolist() == [0, 1, 2, 3, 4, 5]


def test_what_is_large_is_asked_for_in_parts(asked, monkeypatch):
    monkeypatch.setattr(remote, "_AT_ONCE", 40)  # bytes
    whole = np.arange(2 * 5 * 12, dtype=np.uint16).reshape(2, 5, 12)
    array, boxes = asked(whole)
    np.testing.assert_array_equal(np.asarray(array[1]), whole[1])
    assert boxes == [[(1, 2), (row, row + 1), (0, 12)] for row in range(5)]
    array, boxes = asked(whole.repeat(3, axis=2))  # a row of 72 bytes
    np.testing.assert_array_equal(np.asarray(array[0, 1:3]), whole[0, 1:3].repeat(3, axis=1))
    assert boxes[:2] == [[(0, 1), (1, 2), (0, 20)], [(0, 1), (1, 2), (20, 36)]]
    array, boxes = asked(whole[:1, :2, :6])
    np.testing.assert_array_equal(np.asarray(array), whole[:1, :2, :6])
    assert boxes == [[(0, 1), (0, 2), (0, 6)]]
