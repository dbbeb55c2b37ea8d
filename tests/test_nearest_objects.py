import sys

import numpy as np
import pytest
from scipy import ndimage as ndi

from cases import CASES
from seamless_unet import nearest_objects
from seamless_unet.nearest_objects import two_nearest


def discs(shape, count, radius, seed=0):
    """Scatter discs or balls, each the nearer part of its surroundings, some at the edges."""
    rng = np.random.default_rng(seed)
    seeds = np.zeros(shape, np.int32)
    seeds.flat[rng.choice(seeds.size, count, replace=False)] = np.arange(1, count + 1)
    distance, places = ndi.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(distance < radius, seeds[tuple(places)], 0)


def fibers(length, count, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.zeros((length, length), np.int32)
    y, x = np.indices(labels.shape) - length / 2
    for number in range(1, count + 1):
        angle, shift = rng.uniform(0, np.pi), rng.uniform(-length / 3, length / 3)
        labels[abs(y * np.cos(angle) + x * np.sin(angle) - shift) < 2] = number
    return labels


def assert_equal_to_brute_force(labels, reach, spacing=None):
    """Compare with one distance transform of the whole image per object."""
    ids = np.unique(labels[labels > 0])
    far = np.full((2, *labels.shape), np.inf)  # stand for objects that are not there
    each = [ndi.distance_transform_edt(labels != i, sampling=spacing) for i in ids]
    outside = labels <= 0
    for result, true in zip(
        two_nearest(labels, reach, spacing=spacing), np.sort([*each, *far], axis=0), strict=False
    ):
        assert result.dtype == np.float32
        near = outside & (true <= reach)
        np.testing.assert_allclose(result[near], true[near], rtol=3e-7)
        beyond = outside & ~near
        assert (result[beyond] >= true[beyond] * (1 - 3e-7)).all()


@pytest.mark.parametrize("reach", [0, 1.5, 40])
@pytest.mark.parametrize("name", CASES)
def test_named_cases(name, reach):
    assert_equal_to_brute_force(CASES[name], reach)


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(discs((90, 120), 60, 5), id="crowded"),
        pytest.param(discs((90, 120), 60, 99), id="no background"),
        pytest.param(discs((200, 150), 4, 12), id="sparse"),
        pytest.param(fibers(160, 7), id="long"),
        pytest.param(discs((160, 160), 50, 7) % 5, id="in pieces far apart"),
        pytest.param(np.pad(np.ones((30, 300), np.uint8), 30) * 200, id="one large"),
        pytest.param(np.where(discs((60, 60), 9, 6) > 3, 2**40, -1), id="negative and huge ids"),
    ],
)
def test_planes(labels):
    for reach in (4, 12.3):
        assert_equal_to_brute_force(labels, reach)


@pytest.fixture(params=["by boxes", "compiled"])
def way(request, monkeypatch):
    """Compute in volumes with numba, and as if it were not there."""
    if request.param == "by boxes":
        monkeypatch.setitem(sys.modules, "numba", None)
        monkeypatch.delitem(sys.modules, "seamless_unet.nearest_compiled", raising=False)
    nearest_objects._compiled.cache_clear()
    assert (nearest_objects._compiled() is not None) == (request.param == "compiled")
    yield request.param
    nearest_objects._compiled.cache_clear()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("spacing", [None, (3, 1, 1), (0.5, 0.2, 0.3)])
@pytest.mark.parametrize("objects", [25, 4])
def test_volumes(spacing, objects):
    labels = discs((14, 50, 60), 25, 5)
    labels[labels > 0] = labels[labels > 0] % objects + 1  # 4: each in pieces
    assert_equal_to_brute_force(labels, 6, spacing)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, ">i2"])
def test_volumes_of_any_integers_and_layout(dtype):
    labels = discs((9, 20, 30), 12, 4).transpose(2, 0, 1).astype(dtype)
    labels[labels == 1] = np.iinfo(dtype).max
    if np.dtype(dtype).kind == "i":
        labels[labels == 2] = -3
    before = labels.copy()
    assert_equal_to_brute_force(labels, 40)
    np.testing.assert_array_equal(labels, before)


@pytest.mark.usefixtures("way")
def test_volumes_without_objects_or_places():
    for shape in ((3, 4, 5), (0, 4, 5), (1, 1, 1)):
        for distance in two_nearest(np.zeros(shape, int), 9):
            assert distance.shape == shape
            assert np.isposinf(distance).all()


def test_an_image_without_objects_is_infinitely_far_from_them():
    for distance in two_nearest(np.zeros((3, 4), int), 9):
        assert np.isposinf(distance).all()
    one = two_nearest(np.array([[0, 0, 6]]), 9)
    np.testing.assert_array_equal(one, [[[2, 1, 0]], [[np.inf] * 3]])
