import pytest

from seamless_unet.config import UNetConfig
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin.model_fit import linkable, mark, misfit, plan


def model(ndim=2, channels=("channel 1",), **about):
    network = UNetConfig(ndim=ndim, in_channels=len(channels))
    return ModelInfo(network, channels=channels, axes="ZYX"[-ndim:], **about)


@pytest.mark.parametrize(
    ("info", "axes", "channels"),
    [
        (model(), "YX", 1),
        (model(), "CTZYX", 3),  # one of them is chosen
        (model(channels=("a", "b")), "CYX", 2),
        (model(channels=("a", "b")), "TYX", 2),  # layers as channels
        (model(ndim=3), "ZYX", 1),
        (model(ndim=3), "TZCYX", 1),
    ],
)
def test_a_model_that_fits(info, axes, channels):
    assert misfit(info, axes, channels) == ""
    assert mark(info, axes, channels) == ""


def test_a_model_of_volumes_needs_depth():
    assert "say under Dimensions which of them is depth" in misfit(model(ndim=3), "TYX", 1)
    assert mark(model(ndim=3), "TYX", 1) == " (does not fit: needs depth)"


def test_a_model_needs_its_channels():
    info = model(channels=("nuclei", "membranes"))
    assert misfit(info, "CYX", 1) == (
        "This model takes 2 channels (nuclei, membranes), and this image has 1."
    )
    assert "open each as a layer of its own" in misfit(info, "ZYX", 1)
    assert mark(info, "ZYX", 1) == " (does not fit: 2 channels)"


@pytest.mark.parametrize(
    ("info", "axes", "expected"),
    [
        (model(), "YX", ""),
        (model(), "YXC", ""),
        (model(), "ZYX", "Plane by plane; cells are linked through depth."),
        (model(), "TYX", "Plane by plane; cells are linked through time."),
        (model(), "STYX", "Plane by plane; cells are linked through time."),
        (model(), "SYX", "Image by image."),
        (model(output="classes"), "TZYX", "Plane by plane."),
        (model(ndim=3), "ZYX", ""),
        (model(ndim=3), "CTZYX", "Each stack as a whole; cells are linked through time."),
        (model(ndim=3), "SZYX", "Each stack as a whole."),
        (model(ndim=3), "TYX", ""),
    ],
)
def test_how_a_model_goes_through_an_image(info, axes, expected):
    assert plan(info, axes, link=True) == expected


def test_cells_need_not_be_linked():
    text = "Plane by plane; cells are not linked through depth and time."
    assert plan(model(), "TZYX", link=False) == text
    assert linkable(model(), "TZYX") == "ZT"
    assert linkable(model(ndim=3), "TZYX") == "T"
    assert linkable(model(), "SYX") == linkable(model(output="classes"), "ZYX") == ""
