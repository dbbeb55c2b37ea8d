import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from seamless_unet.config import UNetConfig
from seamless_unet.predict import predict
from seamless_unet.tile_shape import choose_tile_shape, slab_rows
from seamless_unet.unet import UNet


@pytest.mark.parametrize("ndim", [2, 3])
def test_tiles_fit_the_memory_budget_and_cut_evenly(ndim):
    net = UNet(UNetConfig(ndim=ndim, depth=2, base_channels=8, padding="same"))
    shape = (300, 500, 700)[-ndim:]
    small = choose_tile_shape(shape, net, memory=40_000_000)
    large = choose_tile_shape(shape, net, memory=4_000_000_000)
    per_pixel = 8 * 8 * 4
    assert np.prod(small) * per_pixel <= 40_000_000 < np.prod(large) * per_pixel
    assert all(map(net.geometry.is_legal, small + large))


def test_a_tile_that_is_streamed_is_as_long_as_the_image_and_as_wide_as_memory_allows():
    net = UNet(UNetConfig(depth=2, base_channels=8))
    read = net.geometry.read_size
    assert choose_tile_shape((500, 7000), net, memory=10**9) == (read(500), read(7000))
    narrow, long = choose_tile_shape((500, 7000), net, memory=600_000)
    assert long == read(7000)
    assert narrow < read(500)
    assert net.geometry.is_legal(narrow)


def test_slabs_have_fewer_rows_where_an_image_is_wide_or_memory_scarce():
    net = UNet(UNetConfig(depth=2, base_channels=8))
    of_narrow, of_wide = (slab_rows((5000, x), 0, net, memory=10**9) for x in (500, 5000))
    assert of_narrow > of_wide > 0
    assert slab_rows((5000, 500), 0, net, memory=1_000_000) < of_narrow
    assert slab_rows((5000, 500), 0, net, memory=1) == net.geometry.step
    assert slab_rows((20, 10), 0, net, memory=10**9) == 20


def test_many_channels_and_many_classes_take_memory_too():
    image = (2000, 2000)
    few, channels, classes = (
        UNet(UNetConfig(depth=2, base_channels=4, in_channels=count, classes=kinds))
        for count, kinds in ((1, 2), (40, 2), (1, 60))
    )
    for many in (channels, classes):
        assert slab_rows(image, 0, many, memory=10**8) < slab_rows(image, 0, few, memory=10**8)
    few, many = (
        UNet(UNetConfig(depth=2, base_channels=4, padding="same", in_channels=count))
        for count in (1, 40)
    )
    large = np.prod(choose_tile_shape(image, few, memory=10**8))
    small = np.prod(choose_tile_shape(image, many, memory=10**8))
    assert small * 40 * (8 + 8 + 4) < 10**8 < large * 40 * (8 + 8 + 4)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_smallest_budget_still_predicts(ndim):
    net = UNet(UNetConfig(ndim=ndim, depth=2, base_channels=2))
    image = np.random.default_rng(0).random((9,) * ndim)
    torch.testing.assert_close(predict(net, image, memory=1), predict(net, image))


ADDED = """
import ctypes, pathlib, psutil, numpy as np
from seamless_unet import UNet, UNetConfig, predict
net = UNet(UNetConfig(depth=3, base_channels=16))
image = np.random.default_rng(0).random((900, 700), np.float32)
predict(net, image[:64, :64])  # what PyTorch loads once
ctypes.CDLL(None).malloc_trim(0)
pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
before = psutil.Process().memory_info().rss
result = predict(net, image, memory={budget})
status = pathlib.Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024 - before - result.nbytes)
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="tells no peak")
@pytest.mark.parametrize("budget", [40_000_000, 80_000_000])
def test_a_budget_is_what_prediction_adds_to_a_fresh_process(budget):
    command = [sys.executable, "-c", ADDED.format(budget=budget)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert 0.3 * budget < int(done.stdout) <= budget
