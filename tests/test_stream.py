import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_network import exact
from seamless_unet.config import UNetConfig
from seamless_unet.packed import can_pack, packed_steps, plain_steps
from seamless_unet.stream import Stream
from seamless_unet.unet import UNet


def streamed(network, steps, image, *, axis, rows):
    """Push an image in slabs of so many rows, the last size again and again."""
    stream = Stream(network, steps, axis)
    results, start = [], 0
    while start < image.shape[axis]:
        size = min(rows[min(len(rows) - 1, start)], image.shape[axis] - start)
        logits = stream.push(image.narrow(axis, start, size))
        start += size
        if logits is not None:
            results.append(logits)
    return torch.cat(results, axis)


@st.composite
def cases(draw):
    ndim = draw(st.sampled_from([2, 2, 3]))
    config = UNetConfig(
        ndim=ndim,
        depth=draw(st.integers(1, 4 if ndim == 2 else 2)),
        base_channels=draw(st.integers(1, 3)),
        in_channels=draw(st.integers(1, 2)),
        upsampling=draw(st.sampled_from(["transposed", "linear"])),
        batch_norm=draw(st.booleans()),
    )
    torch.manual_seed(draw(st.integers(0, 2**16)))
    network = UNet(config).eval()
    sizes = [network.geometry.read_size(draw(st.integers(1, 20))) for _ in range(ndim)]
    image = torch.randn(draw(st.integers(1, 2)), config.in_channels, *sizes)
    rows = draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    return network, image, draw(st.integers(2, ndim + 1)), rows


@settings(max_examples=60, deadline=None)
@given(cases())
@torch.inference_mode()
def test_slabs_of_any_size_along_any_axis_give_the_whole(case):
    network, image, axis, rows = case
    whole = network(image)
    if can_pack(network):
        packed = streamed(network, packed_steps(network), image, axis=axis, rows=rows)
        torch.testing.assert_close(packed, whole, rtol=1e-5, atol=1e-4)
    network, image = exact(network), image.double()
    plain = streamed(network, plain_steps(network), image, axis=axis, rows=rows)
    torch.testing.assert_close(plain, network(image), rtol=0, atol=0)


@torch.inference_mode()
def test_rows_come_as_soon_as_they_are_complete_and_nothing_is_kept_but_the_halo():
    network = UNet(UNetConfig(depth=2, base_channels=2)).eval()
    geometry = network.geometry
    stream = Stream(network, plain_steps(network), 2)
    image = torch.randn(1, 1, 400, geometry.read_size(4))
    pushed = returned = 0
    for start in range(0, 400, 8):
        logits = stream.push(image[:, :, start : start + 8])
        pushed += 8
        returned += 0 if logits is None else logits.shape[2]
        assert returned == geometry.output_size(pushed)
    waiting = sum(part.shape[2] for skips in stream._skips for part in skips._waiting)
    kept = sum(part.shape[2] for part in stream._kept.values())
    assert waiting + kept < 2 * geometry.near + 8 * 2


def test_an_image_smaller_than_the_halo_gives_nothing():
    network = UNet(UNetConfig(depth=1, base_channels=2)).eval()
    assert Stream(network, plain_steps(network), 2).push(torch.zeros(1, 1, 15, 40)) is None


@pytest.mark.parametrize("axis", [2, 3])
@torch.inference_mode()
def test_the_slab_that_was_pushed_is_not_written_to(axis):
    network = UNet(UNetConfig(depth=1, base_channels=2)).eval()
    image = torch.randn(1, 1, 40, 40)
    before = image.clone()
    streamed(network, plain_steps(network), image, axis=axis, rows=[7])
    streamed(network, packed_steps(network), image, axis=axis, rows=[7])
    assert torch.equal(image, before)
