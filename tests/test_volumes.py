import numpy as np
import pytest
import tifffile

from seamless_unet.config import TrainConfig
from seamless_unet.image_io import sample_path
from seamless_unet.train import train
from seamless_unet.volumes import choose_ndim, fitting_recipe


@pytest.fixture
def stack():
    """Return two columns of two objects each, one on the other, in 16 planes."""
    labels = np.zeros((16, 20, 30), np.uint16)
    for number, (z, x) in enumerate([(0, 2), (8, 2), (0, 16), (8, 16)], 1):
        labels[z : z + 8, 4:16, x : x + 12] = number
    return labels


def chosen(labels, axes="ZYX", changes=None, **given):
    many = labels if isinstance(labels, list) else [labels]
    return fitting_recipe("quick", changes or {}, many, many, axes=axes, **given).ndim


def test_objects_through_planes_are_volumes(stack):
    recipe = fitting_recipe("quick", {"minutes": 3}, [stack], [stack], axes="ZYX")
    assert recipe == TrainConfig.preset("quick", minutes=3, ndim=3)
    assert chosen(np.stack([stack, stack[::-1]]), "TZYX") == 3
    assert chosen(np.moveaxis(stack, 0, -1), "YXZ") == 3


def test_the_sample_stack_is_learned_as_volumes():
    labels = tifffile.imread(sample_path("nuclei_stack_labels.tif"))
    assert chosen(labels) == 3


def test_ids_that_begin_anew_in_every_plane_are_planes(stack):
    anew = stack + 4 * np.arange(16, dtype=np.uint16)[:, np.newaxis, np.newaxis]
    assert chosen(np.where(stack > 0, anew, 0)) == 2
    from_one_on = np.array(
        [np.where(plane > 0, (plane + z) % 4 + 1, 0) for z, plane in enumerate(stack)]
    )
    assert chosen(from_one_on) == 2


def test_where_planes_are_left_out_or_objects_cut_it_is_planes(stack):
    every_other, middle = stack.copy(), stack.copy()
    every_other[1::2] = 0
    assert chosen(every_other) == 2
    middle[:1], middle[15:] = 0, 0
    assert chosen(middle) == 2


def test_a_region_tells_which_planes_are_annotated(stack):
    padded = np.pad(stack, ((3, 3), (0, 0), (0, 0)))
    assert chosen(padded) == 2  # who knows how it goes on in the planes without anything
    region = np.ones(padded.shape, bool)
    assert chosen(padded, regions=[region]) == 3
    region[:4] = region[-4:] = False
    assert chosen(padded, regions=[region]) == 2


def test_objects_that_never_lie_on_one_another_are_planes(stack):
    assert chosen(np.where(stack > 2, 0, stack)) == 3
    assert chosen(np.where(stack % 2, stack, 0)) == 2


def columns(depths, *, crowded):
    """Return objects of so many planes, of which so many lie on another one, with space between."""
    labels = np.zeros((2 * max(depths), 12, 12 * len(depths)), int)
    for number, depth in enumerate(depths):
        labels[:depth, 2:10, 12 * number : 12 * number + 8] = number + 1
    for number in range(crowded // 2):
        depth = depths[number]
        labels[depth : 2 * depth, 2:10, 12 * number : 12 * number + 8] = 100 + number
    return labels


@pytest.mark.parametrize(
    ("depths", "crowded", "ndim"),
    [([7] * 7, 2, 3), ([6] * 7, 2, 2), ([7, 7, 7, 6, 6], 2, 3), ([7] * 8, 2, 2)],
)
def test_how_thick_and_how_crowded_objects_of_a_volume_are(depths, crowded, ndim):
    assert chosen(columns(depths, crowded=crowded)) == ndim


@pytest.mark.parametrize(("below", "ndim"), [(2, 3), (3, 2)])
def test_half_of_the_objects_of_a_volume_may_be_cut(below, ndim):
    labels = np.pad(columns([8] * below, crowded=4), ((1, 0), (0, 0), (0, 0)))
    region = np.ones(labels.shape, bool)
    region[0] = False  # of two or three objects, two others lie on these
    assert chosen(labels, regions=[region]) == ndim


def test_thin_objects_and_masks_are_planes(stack):
    assert chosen(stack[::2]) == 2
    assert chosen((stack > 0).astype(np.uint8)) == 2


def test_all_images_must_be_volumes(stack):
    assert chosen([stack, stack[0]], ["ZYX", "YX"]) == 2
    assert chosen(stack, "TYX") == 2
    assert chosen(stack, annotations=["scribbles"]) == 2
    assert chosen(np.zeros_like(stack)) == 2
    assert choose_ndim([]) == 2


def test_what_is_said_is_taken(stack):
    assert chosen(stack, changes={"ndim": 2}) == 2
    assert fitting_recipe("paper", {}, [stack], [stack], axes="ZYX").ndim == 2


def test_what_does_not_go_together_is_said(stack):
    with pytest.raises(ValueError, match="must have the same size"):
        fitting_recipe("quick", {}, [stack], [stack[1:]], axes="ZYX")
    with pytest.raises(ValueError, match="minutes=-1"):
        fitting_recipe("quick", {"minutes": -1}, [stack], [stack], axes="ZYX")


def test_labels_that_are_refused_later_are_no_error_here(stack):
    assert chosen(np.zeros(stack.shape, bool)) == 2
    assert chosen([stack, np.zeros(stack.shape, bool)], ["ZYX", "ZYX"]) == 3
    negative = stack.astype(int)
    negative[0, 0, 0] = -1
    assert chosen(negative, regions=[np.ones(stack.shape, bool)]) == 3
    assert chosen(np.zeros((0, 4, 4), int)) == 2


def test_going_on_without_a_recipe_is_as_it_began(stack):
    image = stack.astype(np.float32)
    planes = TrainConfig.preset("quick", minutes=5, ndim=2, base_channels=4, start="scratch")
    state = next(train(image, stack, planes, axes="ZYX")).state
    assert next(train(image, stack, axes="ZYX", state=state)).state.config.ndim == 2


def test_training_without_a_recipe_takes_the_one_that_fits(stack):
    state = next(train(stack.astype(np.float32), stack, axes="ZYX")).state
    assert state.config.ndim == 3
    assert state.info.axes == "ZYX"
