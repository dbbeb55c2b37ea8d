"""What only a GPU can show; skipped where there is none."""

import numpy as np
import pytest
import torch

from seamless_unet.config import TrainConfig, UNetConfig
from seamless_unet.model_file import load_model
from seamless_unet.predict import Progress, predict, predict_tiles
from seamless_unet.train import Finished, Step, train
from seamless_unet.unet import UNet

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

NETWORKS = {
    "the paper's, narrower": {"base_channels": 16},
    "batch norm": {"base_channels": 8, "depth": 3, "batch_norm": True},
    "one sigmoid, linear": {"base_channels": 8, "depth": 3, "upsampling": "linear", "classes": 1},
    "padded": {"base_channels": 8, "depth": 3, "padding": "same"},
    "volume": {"base_channels": 4, "depth": 2, "ndim": 3},
}


def network(**changes):
    torch.manual_seed(0)
    return UNet(UNetConfig(**changes)).eval()


def picture(net):
    shape = (300, 260) if net.config.ndim == 2 else (24, 50, 60)
    return np.random.default_rng(0).normal(500, 100, shape)


@pytest.fixture(params=NETWORKS)
def net(request):
    return network(**NETWORKS[request.param])


@pytest.mark.parametrize("symmetries", [False, True])
def test_tiles_on_the_gpu_leave_no_seam(net, symmetries):
    image = picture(net)
    smaller = tuple(net.geometry.read_size(size // 3) for size in image.shape)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        net = net.to(dtype)
        whole = predict(net, image, device="cuda", symmetries=symmetries)
        tiled = predict(net, image, device="cuda", symmetries=symmetries, tile_shape=smaller)
        np.testing.assert_allclose(tiled, whole, rtol=0, atol=tolerance)
        assert np.ptp(whole) > 0.1


def test_the_gpu_finds_what_the_cpu_finds(net):
    image = picture(net)
    on_cpu = predict(net, image, device="cpu")
    np.testing.assert_allclose(predict(net, image, device="cuda"), on_cpu, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("precision", "error"), [("bfloat16", 0.03), ("float16", 0.004)])
def test_lower_precision_errs_as_little_as_said(precision, error):
    from seamless_unet.image_io import read_image, sample_path

    image = np.asarray(read_image(sample_path("nuclei.tif")).data).squeeze()
    model = load_model("nuclei")
    exact, fast = (
        predict(model, image, device="cuda", precision=p) for p in ("float32", precision)
    )
    assert 0 < abs(fast - exact).max() <= error


def test_tiles_are_halved_where_the_gpu_is_full():
    net = network(base_channels=16)
    image = np.random.default_rng(0).random((1500, 1500))
    expected = predict(net, image, device="cuda")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        torch.cuda.set_per_process_memory_fraction(0.3 * 2**30 / total)
        out = np.empty((2, *image.shape), np.float32)
        events = list(predict_tiles(net, image, out, device="cuda", memory=2**40))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(events) > 1
    assert events[-1] == Progress(len(events), len(events))
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("ndim", [2, 3])
def test_it_learns_on_the_gpu(ndim):
    labels = np.kron(np.arange(1, 17).reshape(4, 4), np.pad(np.ones((16, 16), int), 4))
    labels = labels if ndim == 2 else np.stack([0 * labels] * 4 + [labels] * 24 + [0 * labels] * 4)
    image = (labels > 0) * 100 + np.random.default_rng(0).normal(0, 10, labels.shape)
    config = TrainConfig.preset(
        ndim=ndim, base_channels=8, depth=2, patch=44, steps=60, validation=0.3, start="scratch"
    )
    events = list(train(image, labels, config, device="cuda"))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    finished = events[-1]
    assert isinstance(finished, Finished)
    on_gpu = predict(finished.model, image, device="cuda")
    on_cpu = predict(finished.model, image, device="cpu")
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=0, atol=1e-4)
    if ndim == 2:  # 60 steps are few for a volume
        assert np.mean((on_gpu[0] < 0.5) == (labels > 0)) > 0.9
