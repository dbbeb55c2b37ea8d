import dataclasses

import numpy as np
import pytest

from seamless_unet.annotation import classify
from seamless_unet.config import TrainConfig
from seamless_unet.meaning import read_meaning, read_meanings


def config(annotation, **changes):
    return TrainConfig(steps=1, annotation=annotation, **changes)


def test_few_scribble_values_are_classes_and_many_are_objects():
    few, many = np.arange(0, 5)[None], np.arange(0, 40)[None]
    meaning = read_meaning([few], config("scribbles"))
    assert (meaning.output, meaning.class_values) == ("classes", (0, 2, 3, 4))
    np.testing.assert_array_equal(classify(few, meaning)[0], [[0, 0, 1, 2, 3]])
    assert read_meaning([many], config("scribbles")).output == "objects"
    chosen = read_meaning([few], config("scribbles", scribble_values="object"))
    assert chosen.class_values == (0, 1)
    np.testing.assert_array_equal(classify(few, chosen)[0], [[0, 0, 1, 1, 1]])


@pytest.mark.parametrize(
    ("annotation", "labels", "message"),
    [
        ("objects", [[0, 0]], "there is no label: draw at least one object"),
        ("objects", [[1, 2]], "no background to learn from"),
        ("classes", [[2, 2]], "one class only, 2"),
        ("scribbles", [[0, 1]], "one class only, 1: scribble background with 1"),
        ("scribbles", [[0, 2, 3]], "values 2, 3 but no background"),
        ("classes", [[-1, 2]], "must not be negative, got -1"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_words(annotation, labels, message):
    with pytest.raises(ValueError, match=message):
        read_meaning([np.array(labels)], config(annotation))


def test_scribbles_among_whole_objects_do_not_tell_rim_from_core():
    whole, strokes = np.array([[0, 1, 5]]), np.array([[0, 1, 2, 2]])
    settings = config("scribbles")
    _, (first, second) = read_meanings([whole, strokes], ["objects", "scribbles"], settings)
    assert first.class_names == second.class_names == ("background", "rim", "core")
    target, annotated = classify(strokes, second)
    np.testing.assert_array_equal(target, [[0, 0, 3, 3]])
    np.testing.assert_array_equal(annotated, [[False, True, True, True]])
    # without a rim there is nothing to tell apart, and one kind of stroke is enough
    _, (_, second) = read_meanings(
        [whole, strokes // 2 * 2], ["objects", "scribbles"], config("objects", rim=0)
    )
    np.testing.assert_array_equal(classify(strokes, second)[0], [[0, 0, 1, 1]])


def test_where_nothing_is_drawn_nothing_is_said_of_what_labels_mean():
    empty, whole, strokes = np.zeros((1, 4), int), np.array([[0, 1, 5]]), np.array([[0, 1, 2, 3]])
    kinds = ["objects", "scribbles"]
    settings = config("objects")
    meaning, (blank, of_classes) = read_meanings([empty, strokes], kinds, settings)
    assert of_classes == meaning == read_meaning([strokes], config("scribbles"))
    assert blank == dataclasses.replace(of_classes, annotation="objects")
    _, annotated = classify(empty, blank)
    assert not annotated.any()
    meaning, (whole_objects, blank) = read_meanings([whole, empty], kinds, settings)
    assert whole_objects == meaning == read_meaning([whole], settings)
    assert not classify(empty, blank)[1].any()
    with pytest.raises(ValueError, match="there is no label"):
        read_meanings([empty, empty], kinds, settings)


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (["objects", "classes"], "one model learns one of the two"),
        (["scribbles", "classes"], "one model learns one of the two"),
        (["scribbles", "objects"], "have the values 2, 3 for several classes, but the labels of"),
    ],
)
def test_what_one_model_cannot_learn_is_refused_in_words(annotations, message):
    labels = [np.array([[0, 1, 2, 3]]), np.array([[0, 1, 2]])]
    with pytest.raises(ValueError, match=message):
        read_meanings(labels, annotations, config("objects"))
