import queue
import shutil
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr

from seamless_unet import compute
from seamless_unet.config import Normalization
from seamless_unet.jobs import new_arrays
from seamless_unet.model_file import load_model, save_model
from seamless_unet.stack import segment_stack


@pytest.fixture
def film():
    """Objects that move; (T, Z, Y, X)."""
    film = np.zeros((2, 3, 20, 24), np.uint16)
    for t in range(2):
        film[t, :, 2 + t : 8 + t, 2:8] = 900
        film[t, 1:, 6:14, 12 + t : 20 + t] = 1000
    return film


@pytest.fixture
def request_for(tmp_path, pixel_model, film):
    model = pixel_model(normalization=Normalization("percentile", low=0, high=100))
    path = save_model(model, tmp_path / "model.safetensors")
    np.save(tmp_path / "image.npy", film)

    def make(**changes):
        return {
            "request": "segment",
            "id": 1,
            "image": str(tmp_path / "image.npy"),
            "axes": "TZYX",
            "model": str(path),
            "device": "cpu",
            "output": str(tmp_path / "output.npy"),
            "options": {},
            **changes,
        }

    return make


def expected(request, film, **options):
    *_, result = segment_stack(load_model(request["model"]), film, "TZYX", **options)
    return result


def test_labels_and_probabilities_are_files_that_the_event_names(request_for, film):
    request = request_for(options={"probabilities": True, "symmetries": True})
    *_, event = compute.serve(request, compute.Orders())
    assert event["event"] == "segmented"
    assert event["arrays"] == ["labels", "probabilities"]
    result = expected(request, film, probabilities=True, symmetries=True)
    np.testing.assert_array_equal(np.load(event["labels"]), result.labels)
    np.testing.assert_array_equal(
        np.load(event["probabilities"]), result.probabilities.swapaxes(1, 2)
    )
    assert (event["axes"], event["probability_axes"]) == ("TZYX", "TCZYX")
    assert event["objects"] == result.objects == 2


def test_zarr_is_written_plane_by_plane(request_for, film, tmp_path, monkeypatch):
    monkeypatch.setattr(new_arrays, "_CHUNK", 16)
    folder = str(tmp_path / "result.zarr")
    request = request_for(zarr=folder, options={"probabilities": True})
    result = expected(request, film, probabilities=True)
    planes, objects = [], []
    for event in compute.serve(request, compute.Orders()):
        if event["event"] == "plane":
            index = tuple(event["index"])
            planes.append(index)
            written = zarr.open_array(f"{folder}/0")[index]
            np.testing.assert_array_equal(written, result.labels[index])
            objects.append(event["objects"])
    assert planes == list(np.ndindex(2, 3))
    assert objects == [1, 2, 2, 2, 2, 2]
    assert (event["arrays"], event["zarr"], event["labels"]) == ([], folder, folder)
    labels, kept = (zarr.open_array(f"{event[key]}/0") for key in ("labels", "probabilities"))
    assert (labels.dtype, labels.chunks) == (np.int32, (1, 1, 16, 16))
    assert labels.metadata.dimension_names == ("t", "z", "y", "x")
    assert kept.metadata.dimension_names == ("t", "c", "z", "y", "x")
    np.testing.assert_array_equal(labels[:], result.labels)
    np.testing.assert_array_equal(kept[:], result.probabilities.swapaxes(1, 2))
    np.testing.assert_array_equal(da.from_zarr(folder, component="0"), result.labels)


@pytest.mark.parametrize(
    ("axes", "place"), [("TZCYX", (slice(None), slice(None), 0)), ("STZYX", (0,))]
)
def test_labels_have_the_axes_that_are_asked_for(request_for, film, tmp_path, axes, place):
    request = request_for(zarr=str(tmp_path / "result.zarr"), label_axes=axes)
    result = expected(request, film)
    *_, event = compute.serve(request, compute.Orders())
    written = zarr.open_array(f"{event['labels']}/0")
    assert event["axes"] == axes
    assert written.ndim == 5
    np.testing.assert_array_equal(written[place], result.labels)


@pytest.mark.parametrize("cancelled", [True, False])
def test_nothing_is_left_of_a_job_that_does_not_end(request_for, film, tmp_path, cancelled):
    if not cancelled:
        film = film.astype(float)
        film[1, 2, 3, 4] = np.nan
        np.save(tmp_path / "image.npy", film)
    before = sorted(tmp_path.iterdir())
    folder = tmp_path / "result.zarr"
    orders = compute.Orders()
    events = compute.serve(request_for(zarr=str(folder), options={"probabilities": True}), orders)
    assert next(event for event in events if event["event"] == "plane")
    assert folder.exists()
    if cancelled:
        orders.cancelled.add(1)
    *_, last = events
    assert last["event"] == ("cancelled" if cancelled else "error")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_there_already_stays_as_it_is(request_for, tmp_path):
    folder = tmp_path / "result.zarr"
    zarr.save_array(folder, np.arange(3))
    *_, last = compute.serve(request_for(zarr=str(folder)), compute.Orders())
    assert last["event"] == "error"
    assert str(folder) in last["message"]
    assert zarr.open_array(folder)[:].tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["output", "zarr"])
def test_a_disk_without_room_is_said_before_anything_is_read(
    request_for, film, tmp_path, monkeypatch, kind
):
    parent = Parent(film, tmp_path)
    # labels and certainty of 2880 pixels, 4 and 8 bytes for each; in a folder labels shrink
    needed = {"output": 12 * 2880, "zarr": 2 * 960 + 8 * 3840}[kind]
    request = request_for(
        image=parent.remote(),
        options={"probabilities": True},
        **{kind: str(tmp_path / ("a.npy" if kind == "output" else "a.zarr"))},
    )
    before = sorted(tmp_path.iterdir())
    for free in (needed - 1, needed):
        usage = shutil._ntuple_diskusage(total=10**9, used=0, free=free)
        monkeypatch.setattr("shutil.disk_usage", lambda folder, usage=usage: usage)
        *_, last = compute.serve(request, parent.orders)
        assert last["event"] == ("error" if free < needed else "segmented")
        if free < needed:
            assert last["message"].startswith("There is not enough room on the disk of")
            assert not parent.boxes
            assert sorted(tmp_path.iterdir()) == before


class Parent:
    """Answers what a job asks for."""

    def __init__(self, array, folder):
        self.array, self.folder, self.boxes = array, folder, []
        self.orders = compute.Orders(send=self.receive)

    def receive(self, event):
        assert event["event"] == "need"
        self.boxes.append([tuple(side) for side in event["slices"]])
        path = self.folder / "piece.npy"
        np.save(path, self.array[tuple(slice(*side) for side in event["slices"])])
        self.answer(event, path=str(path))

    def answer(self, event, **answer):
        answer = {"request": "piece", "id": event["id"], "number": event["number"], **answer}
        self.orders.answers.put({**answer, "number": 0, "path": "of another question"})
        self.orders.answers.put(answer)

    def remote(self):
        shape, dtype = list(self.array.shape), self.array.dtype.str
        return {"remote": "image", "shape": shape, "dtype": dtype}


@pytest.mark.parametrize("symmetries", [False, True])
@pytest.mark.parametrize("at_once", [2**28, 0])
def test_an_image_in_the_parent_gives_the_same(
    request_for, film, tmp_path, monkeypatch, at_once, symmetries
):
    monkeypatch.setattr("seamless_unet.pieces._READ_WHOLE", at_once)
    parent = Parent(film, tmp_path)
    options = {"symmetries": symmetries, "tile_shape": 28}
    request = request_for(image=parent.remote(), options=options)
    *_, event = compute.serve(request, parent.orders)
    result = expected(request, film, **options)
    np.testing.assert_array_equal(np.load(event["labels"]), result.labels)
    if at_once:  # every volume for its grey values, then every plane
        planes = [((t, t + 1), (z, z + 1), (0, 20), (0, 24)) for t, z in np.ndindex(2, 3)]
        volumes = [((t, t + 1), (0, 3), (0, 20), (0, 24)) for t in range(2)]
        wanted = [volumes[0], *planes[:3], volumes[1], *planes[3:]]
        assert parent.boxes == [list(box) for box in wanted]
    assert not (tmp_path / "piece.npy").exists()


def test_an_image_that_cannot_be_read_is_an_error_in_words(request_for, film, tmp_path):
    parent = Parent(film, tmp_path)
    parent.orders.send = lambda event: parent.answer(event, error="the drive is gone")
    *_, last = compute.serve(request_for(image=parent.remote()), parent.orders)
    assert last["message"] == "The layer could not be read: the drive is gone"


def test_a_model_that_was_renamed_while_the_job_waited_is_said(request_for, tmp_path):
    request = request_for()
    Path(request["model"]).rename(tmp_path / "renamed.safetensors")
    *_, last = compute.serve(request, compute.Orders())
    assert last["message"].endswith("' is gone: it was renamed or deleted meanwhile.")


def test_nan_in_an_image_in_the_parent_is_found(request_for, film, tmp_path):
    film = film.astype(float)
    film[1, 2, 3, 4] = np.nan
    parent = Parent(film, tmp_path)
    *_, last = compute.serve(request_for(image=parent.remote()), parent.orders)
    assert "the image has 1 pixel(s) that are NaN, infinite or beyond 1e+30" in last["message"]


def test_cancelled_while_it_waits_for_a_part_of_the_image(request_for, film, tmp_path):
    parent = Parent(film, tmp_path)
    parent.orders.send = lambda event: parent.orders.cancelled.add(event["id"])
    *_, last = compute.serve(request_for(image=parent.remote()), parent.orders)
    assert last["event"] == "cancelled"
    with pytest.raises(queue.Empty):
        parent.orders.answers.get_nowait()


def test_seconds_left_are_told_once_they_can_be_known(request_for):
    events = list(compute.serve(request_for(), compute.Orders()))
    told = [event for event in events if event["event"] == "progress"]
    assert ["seconds_left" in event for event in told] == [False, False, *[True] * 5]
    assert told[-1]["seconds_left"] == 0
    assert all(event["seconds_left"] > 0 for event in told[2:-1])


def test_pixel_size_resizes_to_the_models(request_for, tmp_path, pixel_model, film):
    save_model(
        pixel_model(normalization=Normalization("percentile"), pixel_size={"Y": 0.5, "X": 0.5}),
        tmp_path / "model.safetensors",
    )
    request = request_for(options={"pixel_size": {"Y": 0.25, "X": 0.25}})
    *_, event = compute.serve(request, compute.Orders())
    labels = np.load(event["labels"])
    assert labels.shape == film.shape
    result = expected(request, film, pixel_size={"Y": 0.25, "X": 0.25})
    np.testing.assert_array_equal(labels, result.labels)
