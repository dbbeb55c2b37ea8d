import json

import numpy as np
import pytest
import zarr

from seamless_unet import compute
from seamless_unet.cli import main
from seamless_unet.image_io import write_image
from seamless_unet.metadata import read_metadata
from seamless_unet.object_states import STATES


@pytest.fixture
def stacks():
    """Two planes: in the first a cell is missed, in the second one is invented."""
    truth = np.zeros((2, 20, 30), np.uint16)
    truth[:, 2:8, 2:8], truth[:, 12:18, 20:28] = 5, 9
    predicted = truth.copy()
    predicted[0, 12:18] = 0
    predicted[1, 2:6, 20:24] = 30
    return truth, predicted


@pytest.fixture
def compare(tmp_path):
    """Return a function that lets the child's job compare two arrays."""

    def run(truth, predicted, *, ndim, iou=0.5, **changes):
        arrays = {"truth": truth, "predicted": predicted}
        for key, array in arrays.items():
            np.save(tmp_path / f"{key} 1.npy", array)
        request = {"request": "evaluate", "id": 1, "ndim": ndim, "iou": iou}
        request |= {key: str(tmp_path / f"{key} 1.npy") for key in arrays}
        request |= {
            "output": str(tmp_path / "output.npy"),
            "axes": "TZYX"[-truth.ndim :],
            **changes,
        }
        events = compute.serve(request, compute.Orders())
        *before, last = json.loads(json.dumps(list(events)))
        return before, last | {key: np.load(last[key]) for key in last.get("arrays", ())}

    return run


def test_plane_by_plane(compare, stacks):
    before, event = compare(*stacks, ndim=2)
    assert [e.get("fraction") for e in before] == [None, 0, 0.5]
    assert event["event"] == "evaluated"
    assert [image["index"] for image in event["images"]] == [[0], [1]]
    assert [image["matches"][0]["fn"] for image in event["images"]] == [1, 0]
    match = event["overall"]["matches"][0]
    assert (match["tp"], match["fn"], match["fp"]) == (3, 1, 1)
    rows = event["objects"]
    assert [STATES[i] for i in rows["state"]] == ["found", "missed", "found", "found", "invented"]
    places = np.stack(np.unravel_index(rows["pixel"], stacks[0].shape), axis=1)
    assert places.tolist() == [[0, 4, 4], [0, 14, 24], [1, 4, 4], [1, 14, 24], [1, 3, 22]]
    assert event["compared"].dtype == np.uint8
    assert [np.bincount(plane.ravel()).tolist() for plane in event["compared"]] == [
        [600 - 36 - 48, 36, 48],
        [600 - 36 - 48 - 16, 36 + 48, 0, 16],
    ]
    assert event["parts"] == {"truth": 4, "predicted": 4}
    _, other = compare(*(each.astype(">u2") for each in stacks), ndim=2)  # as some files have them
    assert other["overall"] == event["overall"]
    assert other["parts"] == event["parts"]


def test_a_large_comparison_is_written_to_a_folder(compare, stacks, tmp_path):
    _, plain = compare(*stacks, ndim=2)
    about = {"axes": "TYX", "pixel_size": {"Y": 0.5, "X": 0.25}}
    _, event = compare(*stacks, ndim=2, zarr=str(tmp_path / "compared.zarr"), **about)
    assert (event["arrays"], event["compared"]) == (["objects"], str(tmp_path / "compared.zarr"))
    written = zarr.open_array(tmp_path / "compared.zarr" / "0")[:]
    np.testing.assert_array_equal(written, plain["compared"])
    found = read_metadata(tmp_path / "compared.zarr")
    assert {"axes": found.axes, "pixel_size": found.pixel_size} == about
    assert event["overall"] == plain["overall"]


def test_as_one(compare, stacks):
    _, event = compare(*stacks, ndim=3, iou=0.55)
    assert [image["index"] for image in event["images"]] == [[]]
    states = [STATES[i] for i in event["objects"]["state"]]
    assert states == ["found", "missed", "invented", "invented"]
    assert event["objects"]["size"].tolist() == [72, 96, 48, 16]
    assert event["parts"] == {"truth": 2, "predicted": 3}


@pytest.mark.parametrize(("axes", "ndim"), [("TYX", 2), ("ZYX", 3)])
def test_the_figures_are_those_of_the_command_line(
    compare, stacks, tmp_path, monkeypatch, capsys, axes, ndim
):
    monkeypatch.chdir(tmp_path)
    for name, labels in zip("tp", stacks, strict=True):
        write_image(f"{name}.tif", labels, axes=axes)
    assert main(["evaluate", "--labels", "t.tif", "--predicted", "p.tif", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    _, event = compare(*stacks, ndim=ndim)
    assert event["overall"] == printed["overall"]
    for image, expected in zip(event["images"], printed["images"], strict=True):
        assert image["index"] == expected["index"]
        assert image["mean_iou"] == expected["mean_iou"]


def test_labels_below_0_are_an_error_in_words(compare):
    _, event = compare(np.ones((4, 4), int), np.full((4, 4), -1), ndim=2)
    assert event["event"] == "error"
    assert "predicted has the negative label -1" in event["message"]
