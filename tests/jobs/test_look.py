import json

import numpy as np
import pytest

from seamless_unet import compute
from seamless_unet.config import Normalization
from seamless_unet.features import feature_maps
from seamless_unet.model_file import save_model
from seamless_unet.weight_map import separate_touching, weight_map


@pytest.fixture
def serve(tmp_path):
    """Return a function that lets the child do a job and returns its last event."""

    def run(name, arrays, **request):
        for key, array in arrays.items():
            np.save(tmp_path / f"{key} 1.npy", array)
            request[key] = str(tmp_path / f"{key} 1.npy")
        request |= {"request": name, "id": 1, "output": str(tmp_path / "output.npy")}
        *_, last = json.loads(json.dumps(list(compute.serve(request, compute.Orders()))))
        return last | {key: np.load(last[key]) for key in last.get("arrays", ())}

    return run


LABELS = np.zeros((2, 20, 24), np.uint8)
LABELS[0, 4:12, 4:10], LABELS[0, 4:12, 10:16], LABELS[1, 2:8, 2:8] = 1, 2, 3


@pytest.mark.parametrize("ndim", [2, 3])
def test_border_weights_are_those_of_training(serve, ndim):
    event = serve(
        "border_weights",
        {"labels": LABELS},
        ndim=ndim,
        w0=8.0,
        sigma=3.0,
        gap=2,
        class_balance=True,
    )
    pieces = LABELS if ndim == 2 else [LABELS]
    expected = [
        weight_map(separate_touching(piece, gap=2), w0=8, sigma=3, class_balance=True)
        for piece in pieces
    ]
    np.testing.assert_array_equal(event["weights"], np.concatenate(expected).reshape(LABELS.shape))
    assert event["weights"][0, 8, 9:11].min() > 3  # between two that touch


def test_features_of_a_part_the_liveliest_first(serve, pixel_model, tmp_path):
    model = pixel_model(normalization=Normalization("percentile"))
    path = save_model(model, tmp_path / "model.safetensors")
    image = np.random.default_rng(0).integers(0, 200, (40, 50)).astype(np.uint8)
    request = {"axes": "YX", "region": [[4, 20], [6, 30]], "model": str(path), "device": "cpu"}
    event = serve("features", {"image": image}, level=1, **request)
    expected = feature_maps(model, image, 1, region=(slice(4, 20), slice(6, 30)))
    assert (event["numbers"], event["count"]) == ([0], 4)
    np.testing.assert_array_equal(event["maps"], expected.maps[:1])
    assert tuple(event["offset"]) == expected.offset
    assert event["scale"] == 2
    empty = serve("features", {"image": image * 0}, level=1, **request)
    assert empty["event"] == "error"
    assert empty["message"].startswith("No map shows anything here")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_features_of_a_plane_are_those_of_its_prediction_in_the_stack(
    serve, pixel_model, tmp_path, level
):
    model = pixel_model(normalization=Normalization("percentile", low=0, high=100))
    path = save_model(model, tmp_path / "model.safetensors")
    stack = np.zeros((3, 20, 24), np.uint8)
    stack[1, 4:12, 4:10], stack[2] = 50, 200
    request = {"region": [[0, 20], [0, 24]], "model": str(path), "device": "cpu", "level": level}
    event = serve("features", {"image": stack}, axes="ZYX", plane=1, **request)
    as_in_stack = pixel_model(normalization=Normalization("fixed", scale=200))
    expected = feature_maps(as_in_stack, stack[1], level).maps
    np.testing.assert_allclose(event["maps"], expected[:1], rtol=1e-6)
    flat = serve("features", {"image": stack[1]}, axes="YX", plane=None, **request)
    np.testing.assert_allclose(flat["maps"], 4 * event["maps"], rtol=1e-6)


def test_examples_are_what_training_draws(serve):
    image = np.zeros((64, 64), np.uint8)
    labels = np.zeros((64, 64), np.uint16)
    for number, (y, x) in enumerate([(8, 8), (8, 40), (40, 8), (40, 40)], 1):
        labels[y : y + 16, x : x + 16] = number
        image[y : y + 16, x : x + 16] = 200
    still = {"annotation": "objects", "elastic": 0.0, "rotate": False, "flip": False, "zoom": 0.0}
    changes = {**still, "grey": 0.0, "patch": 24, "depth": 1, "seed": 3}
    request = {"axes": "YX", "changes": changes, "count": 3}
    event = serve("examples", {"image": image, "labels": labels}, **request)
    assert event["event"] == "drawn"
    assert event["images"].shape == (1, *event["classes"].shape)
    assert set(np.unique(event["classes"])) == {0, 1, 2}
    # nothing was bent or turned: bright is what is labeled, but for the gap drawn around it
    bright = event["images"][0] > 0.5
    assert bright[event["classes"] > 0].all()
    assert bright.sum() > 200
    assert event["weights"].max() > 1
    again = serve("examples", {"image": image, "labels": labels}, **request)
    np.testing.assert_array_equal(again["images"], event["images"])
    other = {**request, "changes": {**changes, "seed": 4}}
    different = serve("examples", {"image": image, "labels": labels}, **other)
    assert not np.array_equal(different["images"], event["images"])


def test_examples_of_nothing_drawn_are_an_error_in_words(serve):
    blank = np.zeros((32, 32), np.uint8)
    event = serve("examples", {"image": blank, "labels": blank}, axes="YX", changes={}, count=2)
    assert event["event"] == "error"
    assert "there is no label" in event["message"]


def test_examples_of_volumes_and_channels(serve):
    rng = np.random.default_rng(0)
    labels = np.zeros((12, 40, 40), np.uint8)
    labels[3:9, 8:24, 8:24] = 1
    image = rng.random((2, 12, 40, 40))
    changes = {"ndim": 3, "depth": 1, "patch": 16, "base_channels": 2}
    event = serve(
        "examples", {"image": image, "labels": labels}, axes="CZYX", changes=changes, count=2
    )
    assert event["images"].ndim == 4
    assert len(event["images"]) == 2
    assert event["classes"].shape == event["weights"].shape == event["images"].shape[1:]
