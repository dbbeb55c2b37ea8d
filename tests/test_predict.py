import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exact_network import exact
from seamless_unet.config import Normalization, UNetConfig
from seamless_unet.model_file import Model
from seamless_unet.model_header import ModelInfo
from seamless_unet.predict import Progress, predict, predict_tiles
from seamless_unet.stream import Stream
from seamless_unet.unet import UNet


def network(**changes):
    torch.manual_seed(0)
    net = UNet(UNetConfig(**{"depth": 2, "base_channels": 4, **changes})).eval()
    for module in net.modules():  # statistics that are not the trivial ones
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return net


@st.composite
def combinations(draw):
    """A network, an image size and a tile size for it."""
    ndim = draw(st.sampled_from([2, 2, 2, 3]))
    depth = draw(st.integers(1, 5) if ndim == 2 else st.sampled_from([1, 1, 1, 2]))
    wide = 1 if (ndim, depth) in ((2, 5), (3, 2)) else 3  # their halos make even small tiles slow
    net = network(
        ndim=ndim,
        depth=depth,
        base_channels=draw(st.integers(1, wide)),
        classes=draw(st.integers(1, 3)),
        padding=draw(st.sampled_from(["valid", "valid", "same"])),
        padding_mode=draw(st.sampled_from(["reflect", "zeros"])),
        upsampling=draw(st.sampled_from(["transposed", "linear"])),
        batch_norm=draw(st.booleans()),
    )
    largest = 2 * 2**depth + 12 if ndim == 2 else 10
    shape = draw(st.tuples(*[st.integers(1, largest)] * ndim))
    most_tiles = 3 if ndim == 2 else 2  # along an axis
    writes = [draw(st.integers(-(-size // most_tiles), size)) for size in shape]
    tile = tuple(map(net.geometry.read_size, writes))
    return net, shape, tile, draw(st.integers(0, 2**16))


@settings(max_examples=220, deadline=None, suppress_health_check=list(HealthCheck))
@given(combinations())
def test_the_result_does_not_depend_on_the_tiles(combination):
    net, shape, tile, seed = combination
    image = np.random.default_rng(seed).normal(500, 100, shape)
    whole = tuple(net.geometry.read_size(size) for size in shape)
    tiled, at_once = (predict(net, image, tile_shape=t) for t in (tile, whole))
    assert tiled.dtype == np.float32
    np.testing.assert_allclose(tiled, at_once, rtol=0, atol=1e-5)
    net = net.double()
    tiled, at_once = (predict(net, image, tile_shape=t) for t in (tile, whole))
    assert tiled.dtype == np.float64
    np.testing.assert_allclose(tiled, at_once, rtol=0, atol=1e-12)
    net = exact(net, seed)
    tiled, at_once = (predict(net, image, tile_shape=t) for t in (tile, whole))
    np.testing.assert_array_equal(tiled, at_once)


def test_networks_that_are_rounded_in_one_way_look_at_the_image():
    """Or the comparisons with them would prove little."""
    image = np.random.default_rng(0).random((40, 30))
    alive = [
        np.ptp(predict(exact(network(depth=3, batch_norm=seed % 2 == 0), seed), image)) > 1e-3
        for seed in range(20)
    ]
    assert sum(alive) > 12


@pytest.mark.parametrize("depth", [3, 4])
def test_tiles_with_symmetries_and_the_network_of_the_paper(depth):
    net = network(depth=depth).double()
    image = np.random.default_rng(0).random((130, 75))
    tiled = predict(net, image, tile_shape=net.geometry.read_size(30), symmetries=True)
    at_once = predict(net, image, tile_shape=net.geometry.read_size(130), symmetries=True)
    np.testing.assert_allclose(tiled, at_once, rtol=0, atol=1e-15)


def test_lists_and_budgets_that_are_none():
    net, image = network(), np.random.default_rng(0).random((20, 30))
    np.testing.assert_array_equal(predict(net, image.tolist()), predict(net, image))
    with pytest.raises(ValueError, match="memory=-1 must be a number of bytes above 0"):
        predict(net, image, memory=-1)


def test_numbers_of_numpy_and_long_doubles():
    net, image = network(), np.random.default_rng(0).random((50, 60))
    size = net.geometry.read_size(20)
    tiled = predict(net, image, tile_shape=size)
    for shape in (np.int64(size), np.array([size, size]), [size]):
        np.testing.assert_array_equal(predict(net, image, tile_shape=shape), tiled)
    np.testing.assert_allclose(predict(net, image.astype(np.longdouble)), tiled, atol=1e-5)


def test_tiles_of_a_deep_network_in_3d():
    net = exact(network(ndim=3, depth=3, base_channels=2))
    image = np.random.default_rng(0).random((9, 14, 5))
    tiled = predict(net, image, tile_shape=net.geometry.read_size(8))
    at_once = predict(net, image, tile_shape=net.geometry.read_size(16))
    np.testing.assert_array_equal(tiled, at_once)


def test_the_whole_is_the_mirrored_image_through_the_network():
    net = network()
    image = np.random.default_rng(0).random((21, 30)).astype(np.float32)
    fixed = Model(ModelInfo(net.config, Normalization(kind="fixed")), net)
    geometry = net.geometry
    reads = [geometry.read_size(size) for size in image.shape]
    pads = [(geometry.near, r - geometry.near - n) for r, n in zip(reads, image.shape, strict=True)]
    padded = torch.from_numpy(np.pad(image, pads, mode="reflect"))[None, None]
    with torch.inference_mode():
        expected = net(padded).softmax(dim=1)[0, :, :21, :30]
    np.testing.assert_allclose(predict(fixed, image), expected, atol=1e-6)


def test_572_is_a_legal_tile_of_the_paper_and_500_is_not():
    net = network(depth=4, base_channels=1)
    image = np.random.default_rng(0).random((40, 600))
    np.testing.assert_allclose(predict(net, image, tile_shape=572), predict(net, image), atol=1e-5)
    with pytest.raises(ValueError, match="nearest are 492 and 508"):
        predict(net, image, tile_shape=500)
    with pytest.raises(ValueError, match="needs one number or 2"):
        predict(net, image, tile_shape=(572, 572, 572))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2)])
def test_images_smaller_than_the_halo(shape):
    result = predict(network(), np.ones(shape, np.uint8))
    assert result.shape == (2, *shape)
    np.testing.assert_allclose(result.sum(axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("shape", [(24, 24), (37, 50), (31, 29), (3, 41)])
def test_symmetries_are_the_mean_over_turned_images_whatever_their_size(shape, padding):
    """Where the poolings begin depends on the end of an axis, unless it is a multiple of them."""
    image = np.random.default_rng(0).random(shape)
    net = network(padding=padding).double()
    result = predict(net, image, symmetries=True)
    expected = np.zeros_like(result)
    for mirror, quarters in itertools.product((False, True), range(4)):
        turned = np.rot90(image[:, ::-1] if mirror else image, quarters).copy()
        back = np.rot90(predict(net, turned), -quarters, axes=(1, 2))
        expected += (back[..., ::-1] if mirror else back) / 8
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-14)
    tiled = predict(net, image, symmetries=True, tile_shape=net.geometry.read_size(8))
    np.testing.assert_allclose(tiled, expected, rtol=0, atol=1e-14)
    assert abs(result - predict(net, image)).max() > 1e-4


def test_a_sigmoid_output_gives_background_and_foreground():
    result = predict(network(classes=1), np.random.default_rng(0).random((9, 9)))
    assert result.shape == (2, 9, 9)
    np.testing.assert_allclose(result.sum(axis=0), 1, rtol=1e-6)


def test_grey_values_are_measured_once_so_scale_does_not_matter():
    image = np.random.default_rng(0).integers(0, 1000, (40, 40))
    net = network()
    near = predict(net, image)
    np.testing.assert_allclose(near, predict(net, image * 7 + 100, tile_shape=44), atol=1e-4)


def test_wrong_channels_and_axes_are_refused_in_words():
    with pytest.raises(ValueError, match=r"has 2 channel\(s\) but the model was trained on 3"):
        predict(network(in_channels=3), np.zeros((2, 9, 9)))
    with pytest.raises(ValueError, match="2-D network needs"):
        predict(network(), np.zeros((2, 2, 9, 9)))
    with pytest.raises(ValueError, match="NaN"):
        predict(network(), np.full((9, 9), np.nan))


def test_progress_counts_tiles_and_cancelling_is_to_stop():
    net, image = network(), np.random.default_rng(0).random((60, 40))
    out = np.zeros((2, 60, 40), np.float32)
    events = predict_tiles(net, image, out, tile_shape=60)
    assert next(events) == Progress(1, 6)
    events.close()
    assert out[:, :20, :20].all()
    assert not out[:, 20:].any()


def test_out_of_memory_shrinks_the_tile_and_goes_on(monkeypatch):
    net, image = network(padding="same"), np.random.default_rng(0).random((70, 50))
    expected = predict(net, image)
    forward, sizes = net.forward, []

    def small_memory(x):
        sizes.append(tuple(x.shape[2:]))
        if x.shape[2] * x.shape[3] > 60 * 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(x)

    monkeypatch.setattr(net, "forward", small_memory)
    np.testing.assert_allclose(predict(net, image, tile_shape=112), expected, atol=1e-5)
    too_large = [y * x for y, x in sizes if y * x > 60 * 60]
    # it learns the limit: what failed once is not tried again, nor anything larger
    assert too_large == sorted(set(too_large), reverse=True)


def test_out_of_memory_at_a_border_tile_leaves_nothing_unwritten(monkeypatch):
    net = network(depth=1, padding="same")
    image = np.random.default_rng(0).random((34, 34))  # a tile of 32 and a rest of 2 pixels
    expected = predict(net, image)
    forward, calls = net.forward, []

    def once_too_little(x):
        calls.append(x.shape)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(x)

    monkeypatch.setattr(net, "forward", once_too_little)
    out = np.full((2, 34, 34), np.nan, np.float32)
    assert list(predict_tiles(net, image, out, tile_shape=48))[-1].done >= 4
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_out_of_memory_in_the_middle_of_a_stream_goes_on_in_smaller_slabs(monkeypatch):
    net = network()
    image = np.random.default_rng(0).random((90, 60))
    expected = predict(net, image, symmetries=True)
    push, pushes, failed = Stream.push, [], []

    def small_memory(stream, x):
        pushes.append(x.shape)
        if len(pushes) > 10 and x.shape[2] * x.shape[3] > 300:
            failed.append(tuple(x.shape[2:]))
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return push(stream, x)

    monkeypatch.setattr(Stream, "push", small_memory)
    monkeypatch.setattr("seamless_unet.tile_pass.slab_rows", lambda *a, **k: 16)
    out = np.full((2, 90, 60), np.nan, np.float32)
    events = list(predict_tiles(net, image, out, symmetries=True))
    np.testing.assert_allclose(out, expected, atol=1e-5)
    # first half the rows, then, where 4 is the least, half the width
    assert {16, 8, 4} <= {min(shape) for shape in failed}
    assert events[-1].done == events[-1].total


def test_out_of_memory_at_the_smallest_tile_is_an_error(monkeypatch):
    net = network(padding="same")

    def no_memory(x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(net, "forward", no_memory)
    with pytest.raises(torch.OutOfMemoryError):
        predict(net, np.zeros((30, 30)))


@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_less_precision_on_request_gives_nearly_the_same(precision, near):
    net, image = network(), np.random.default_rng(0).random((60, 40))
    exact, rough = predict(net, image), predict(net, image, precision=precision)
    assert rough.dtype == np.float32
    assert 0 < abs(exact - rough).max() < near
    with pytest.raises(ValueError, match="must be one of float32, bfloat16, float16"):
        predict(net, image, precision="double")


@pytest.mark.parametrize("symmetries", [False, True])
def test_slabs_of_any_size_give_the_same(monkeypatch, symmetries):
    net = exact(network(depth=3))
    image = np.random.default_rng(0).random((60, 75))
    expected = predict(net, image, symmetries=symmetries)
    for rows in (1, 13, 64):
        monkeypatch.setattr("seamless_unet.tile_pass.slab_rows", lambda *a, n=rows, **k: n)
        result = predict(net, image, symmetries=symmetries)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-15 if symmetries else 0)


def test_one_network_predicts_several_images_at_once():
    net = network(batch_norm=True)
    images = np.random.default_rng(0).random((6, 60, 50))
    expected = [predict(net, image) for image in images]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda image: predict(net, image), images))
    np.testing.assert_array_equal(results, expected)


def test_the_network_is_left_in_the_mode_it_was_in():
    net = network().train()
    predict(net, np.zeros((9, 9)))
    assert net.training
