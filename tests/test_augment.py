import numpy as np
import pytest
import torch
from scipy import ndimage as ndi

from seamless_unet.augment import coordinates, elastic_displacement, resample, vary_grey
from seamless_unet.config import TrainConfig

STILL = TrainConfig(steps=1, elastic=0, zoom=0, rotate=False, flip=False, grey=0)


def changed(**changes):
    return TrainConfig(**{**STILL.to_json(), **changes})


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_without_any_change_a_patch_is_a_crop_with_mirrored_border(rng):
    image = rng.random((2, 12, 15), np.float32)
    where = coordinates((2, 3), (9, 9), STILL, rng)  # begins at row -2, column -1
    result = resample(torch.from_numpy(image), where, mode="cubic")
    padded = np.pad(image, [(0, 0), (2, 0), (1, 0)], mode="reflect")
    np.testing.assert_allclose(result, padded[:, :9, :9], atol=1e-5)


def test_a_volume_is_cropped_the_same_way(rng):
    volume = rng.random((1, 6, 7, 8), np.float32)
    where = coordinates((2, 3, 4), (3, 5, 3), STILL, rng)
    result = resample(torch.from_numpy(volume), where, mode="linear")
    np.testing.assert_allclose(result, volume[:, 1:4, 1:6, 3:6], atol=1e-5)


def test_image_and_labels_change_alike(rng):
    labels = np.zeros((1, 80, 80), np.float32)
    labels[0, 30:50, 20:60] = 1
    config = changed(elastic=5.0, zoom=0.2, rotate=True, flip=True)
    where = coordinates((40, 40), (60, 60), config, rng)
    smooth = resample(torch.from_numpy(labels), where, mode="linear")
    nearest = resample(torch.from_numpy(labels), where, mode="nearest")
    assert set(np.unique(nearest)) == {0, 1}
    assert nearest.mean() > 0.1
    assert ((smooth > 0.5) != (nearest > 0.5)).float().mean() < 0.01


def test_elastic_displacement_has_the_papers_spread_and_is_bicubic(rng):
    fields = np.stack([elastic_displacement((31, 41), 10.0, rng) for _ in range(300)])
    corners = fields[:, :, [0, 0, -1, -1, 15], [0, -1, 0, -1, 20]]
    assert corners.std() == pytest.approx(10, rel=0.05)
    assert abs(corners.mean()) < 1
    one = fields[0, 0]
    for axis in (0, 1):  # a cubic between grid points: its fourth difference vanishes
        half = one[:16, :21]
        assert abs(np.diff(half.astype(float), n=4, axis=axis)).max() < 1e-4
        assert abs(np.diff(half, n=2, axis=axis)).max() > 1e-3


def test_elastic_deformation_of_a_volume_stays_in_the_plane(rng):
    where = coordinates((5, 20, 20), (5, 20, 20), changed(elastic=10.0), rng)
    np.testing.assert_array_equal(where[0], np.arange(3, 8)[:, None, None] * np.ones((5, 20, 20)))
    assert abs(where[1, :, 1:] - where[1, :, :-1] - 1).max() > 0.1


def test_rotation_keeps_distances_and_zoom_stays_in_its_range(rng):
    for _ in range(20):
        y, x = coordinates((0, 0), (11, 11), changed(rotate=True, flip=True), rng)
        np.testing.assert_allclose(np.hypot(np.diff(y, axis=1), np.diff(x, axis=1)), 1, atol=1e-5)
    sizes = [
        np.diff(coordinates((0, 0), (3, 3), changed(zoom=0.5), rng)[0, :, 0])[0] for _ in range(200)
    ]
    assert 1 / 1.5 - 1e-6 <= min(sizes) < 0.75
    assert 1.35 < max(sizes) <= 1.5 + 1e-6


def test_mirroring_happens_on_every_axis(rng):
    places = (coordinates((0, 0, 0), (3, 3, 3), changed(flip=True), rng) for _ in range(60))
    signs = {
        tuple(np.sign(w[i].flat[-1] - w[i].flat[0]) for i in range(3))
        for w in (place.numpy() for place in places)
    }
    assert len(signs) == 8


def test_grey_values_change_and_places_do_not(rng):
    image = torch.from_numpy(ndi.gaussian_filter(rng.random((40, 40)), 3)[None].astype(np.float32))
    image = (image - image.min()) / (image.max() - image.min())
    assert vary_grey(image, 0, rng) is image
    results = [vary_grey(image, 0.5, rng) for _ in range(30)]
    means = [r.mean().item() for r in results]
    assert np.std(means) > 0.02
    correlations = [np.corrcoef(image.flatten(), r.flatten())[0, 1] for r in results]
    assert min(correlations) > 0.8


def test_a_volume_of_one_plane_can_be_read():
    where = torch.tensor(np.indices((1, 4, 4)), dtype=torch.float32)
    array = torch.rand(2, 1, 4, 4)
    for mode in ("nearest", "linear", "cubic"):
        torch.testing.assert_close(resample(array, where, mode=mode), array)


def test_same_seed_same_patch():
    config = changed(elastic=5.0, zoom=0.2, rotate=True, flip=True)
    one, two = (coordinates((3, 3), (20, 20), config, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
