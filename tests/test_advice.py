"""What is said about annotations that are hard to learn from."""

import numpy as np
import pytest

from cases import picture
from seamless_unet.advice import (
    constant_images,
    few_objects,
    find_problems,
    objects_in_pieces,
    one_number,
    partly_annotated,
    rare_classes,
    small_images,
    strokes_of_kinds,
    unlike_contrast,
)
from seamless_unet.config import TrainConfig
from seamless_unet.geometry import Geometry
from seamless_unet.meaning import Meaning
from seamless_unet.sample import Sample


def sample(labels, image=None, *, name="cells", source=0, annotated=None, annotation="objects"):
    labels = np.asarray(labels)
    image = (labels > 0) if image is None else image
    return Sample(
        image=np.asarray(image, np.float32)[np.newaxis],
        labels=labels,
        target=(labels > 0).astype(np.int16),
        weight=np.ones(labels.shape, np.float32) * (True if annotated is None else annotated),
        source=(source, 0),
        name=name,
        annotation=annotation,
    )


def said(problems):
    return [problem.what for problem in problems]


def test_one_number_for_all_objects():
    (problem,) = one_number(["cells", "film"])
    assert problem.what == (
        "All objects of cells, film have the same number, so every separate piece is taken as one "
        "object."
    )
    assert "(key M" in problem.advice
    assert list(one_number([])) == []


def test_an_object_may_appear_twice_in_a_slice_of_a_stack_but_not_in_an_image():
    twice = picture("""
        11..11
        ......
    """)
    planes = [sample(twice, name="stack Z=0"), sample(twice, name="stack Z=1")]
    assert said(objects_in_pieces(planes)) == []
    assert len(said(objects_in_pieces(planes[:1]))) == 1


def test_planes_of_a_volume_that_are_not_drawn_yet_part_nothing():
    volume = np.zeros((5, 6, 6), int)
    volume[[0, 4], 1:4, 1:4] = 1
    drawn = volume.any(axis=(1, 2), keepdims=True)
    assert said(objects_in_pieces([sample(volume, annotated=drawn)])) == []
    assert len(said(objects_in_pieces([sample(volume)]))) == 1


def test_an_image_without_anything_in_it():
    labels = np.eye(8, dtype=int)
    empty = sample(labels, np.zeros((8, 8)), name="empty", source=1)
    assert said(constant_images([sample(labels), empty])) == [
        "empty has the same grey value everywhere."
    ]
    assert said(constant_images([empty, sample(labels, name="next plane", source=1)])) == []


def test_slips_of_the_brush():
    torn = picture("""
        111...22
        111.....
        ......22
        1..333..
    """)
    (problem,) = said(objects_in_pieces([sample(torn)]))
    assert problem == "Objects 1, 2 of cells are drawn in several separate pieces."
    slip = np.zeros((20, 20), int)
    slip[2:12, 2:12] = 1
    slip[18, 18] = 1  # no second object
    assert said(objects_in_pieces([sample(slip)])) == [
        "Object 1 of cells is drawn in several separate pieces."
    ]


@pytest.mark.parametrize(
    ("values", "output", "what"),
    [
        ((0, 2, 3, 5), "classes", "with 2, 3 and 5 are taken as kinds of area, not as cells."),
        ((0, 1), "objects", None),
    ],
)
def test_strokes_of_a_few_numbers(values, output, what):
    problems = said(strokes_of_kinds(Meaning("scribbles", output, values)))
    assert problems == ([f"The strokes {what}"] if what else [])


def test_too_few_objects():
    one = np.zeros((5, 6), int)
    one[2:4, 2:4] = 5
    assert said(few_objects([sample(one)])) == ["Only one object is drawn."]
    assert said(few_objects([sample(one), sample(one, source=1)])) == []
    cut = picture("""
        11....
        ......
        .....2
        ..3...
    """)
    assert said(few_objects([sample(cut)])) == [
        "Every object that is drawn is cut off by the border of its image."
    ]
    assert said(few_objects([sample(cut), sample(one)])) == []
    assert said(few_objects([sample(np.zeros((5, 6), int))])) == []  # a region of background


def cells(labeled, shape=(60, 60)):
    """Bright squares, of which only some are labeled."""
    labels = np.zeros(shape, int)
    for number in range(16):
        y, x = divmod(number, 4)
        labels[15 * y + 3 : 15 * y + 11, 15 * x + 3 : 15 * x + 11] = number + 1
    noise = np.random.default_rng(0).normal(0, 0.2, shape)
    return np.where(labels <= labeled, labels, 0), (labels > 0) + noise


@pytest.mark.parametrize(("labeled", "problems"), [(4, 1), (9, 0), (16, 0), (0, 0)])
@pytest.mark.parametrize("sign", [1, -1])
def test_most_of_what_looks_like_an_object_is_not_labeled(labeled, problems, sign):
    labels, image = cells(labeled)
    found = said(partly_annotated([sample(labels, sign * image)]))
    assert len(found) == problems
    inside = np.zeros(labels.shape, bool)
    inside[:15] = True
    assert said(partly_annotated([sample(labels, sign * image, annotated=inside)])) == []


def test_grey_values_that_tell_nothing_are_not_judged():
    labels, _ = cells(4)
    noise = np.random.default_rng(1).normal(0, 1, labels.shape)
    assert said(partly_annotated([sample(labels, noise)])) == []


def test_rare_classes():
    assert said(rare_classes({"class 1": 99, "class 2": 100, "class 3": 10_001})) == [
        "Only 99 annotated pixels (1.0 %) are of the class 'class 1'.",
        "Only 100 annotated pixels (1.0 %) are of the class 'class 2'.",
    ]
    assert said(rare_classes({"background": 9_000, "rim": 60, "core": 50, "object": 40})) == []


def test_images_smaller_than_what_the_network_reads():
    geometry = Geometry(depth=3)
    assert geometry.near + geometry.far == 92
    exact, small = np.zeros((92, 92), int), np.zeros((92, 91), int)
    assert said(small_images([sample(exact), sample(np.zeros((3, 92, 92), int))], geometry)) == []
    (problem,) = said(small_images([sample(exact), sample(small, name="crop")], geometry))
    assert problem.startswith("crop: 92 x 91 pixels are less than the 92 that the network")


def test_objects_that_stand_out_in_another_way():
    labels, image = cells(16)
    pair = [sample(labels, image, name="a"), sample(labels, 1 - image, name="b", source=1)]
    assert said(unlike_contrast(pair)) == [
        "The objects are brighter than their surroundings in a, but darker in b."
    ]
    pair[1] = sample(labels, image / 10, name="faint", source=1)
    assert said(unlike_contrast(pair)) == ["The objects stand out much less in faint than in a."]
    pair[1] = sample(labels, image / 2, name="b", source=1)
    assert said(unlike_contrast(pair)) == []
    assert said(unlike_contrast(pair[:1])) == []


def test_a_good_annotation_is_left_alone_and_a_bad_one_is_not():
    labels, image = cells(16, shape=(100, 100))
    counts = {"background": 8976, "rim": 700, "core": 324}
    config = TrainConfig.preset(steps=1)
    assert find_problems([sample(labels, image)], counts, config) == []
    mask = sample(labels > 0, image)
    strokes = sample(labels > 0, -image, annotation="scribbles", source=1)
    found = said(find_problems([mask, strokes], counts, config))
    assert [what.split()[0] for what in found] == ["Object", "The"]
