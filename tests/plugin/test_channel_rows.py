import numpy as np
import pytest
from napari.layers import Image

from seamless_unet.plugin.channel_rows import ChannelRows, suggested

NUMBERS = [("1", 0), ("2", 1), ("3", 2)]


@pytest.fixture
def rows(qtbot):
    rows = ChannelRows()
    qtbot.addWidget(rows)
    return rows


def test_nothing_is_asked_at_first(rows):
    assert rows.value == []
    assert rows.isHidden()


def test_channels_are_suggested_in_order_and_chosen(rows):
    rows.ask(["channel 1", "channel 2"], NUMBERS)
    assert [combo.label for combo in rows.combos] == ["Channel 1", "Channel 2"]
    assert rows.value == [0, 1]
    rows.combos[0].value = 2
    rows.ask(["channel 1", "channel 2"], NUMBERS)
    assert rows.value == [2, 1]
    rows.ask(["channel 1", "channel 2"], NUMBERS[:2])
    assert rows.value == [0, 1]
    rows.ask(["DAPI"], NUMBERS)
    assert [combo.label for combo in rows.combos] == ["Channel"]
    assert rows.value == [0]
    rows.ask([], [])
    assert rows.value == []
    assert rows.isHidden()


def test_a_layer_that_was_chosen_and_is_gone_is_said_once(rows):
    images = [Image(np.zeros((2, 2)), name=name) for name in "abc"]
    choices = [(image.name, image) for image in images]
    rows.ask(["first", "second"], choices)
    rows.combos[1].value = images[2]
    rows.ask(["first", "second"], choices[:2])
    assert rows.value == images[:2]
    with pytest.raises(ValueError, match="The layer 'c', which was chosen as a channel, is gone"):
        rows.check_not_lost()
    rows.check_not_lost()
    rows.combos[0].value = images[1]
    rows.ask(["first", "second"], choices[::2])
    rows.combos[0].value = images[2]  # and so somebody has chosen
    rows.check_not_lost()


@pytest.mark.parametrize(
    ("names", "words", "numbers"),
    [
        (["dapi", "GFP"], ["GFP", "DAPI"], [1, 0]),
        (["nuclei"], ["GFP", "all nuclei", "Nuclei"], [2]),
        (["channel 1", "channel 2"], ["DAPI", "GFP"], [0, 1]),
        (["channel 1", "channel 2"], ["Channel 0", "Channel 1", "Channel 2"], [0, 1]),
        (["Channel 1", "Channel 2"], ["Channel 0", "Channel 1", "Channel 2"], [1, 2]),
        (["GFP", "channel 2"], ["DAPI", "GFP"], [1, 0]),
        (["a", "b", "c"], ["x", "y"], [0, 1, 1]),
        ([], ["x"], []),
    ],
)
def test_what_is_suggested(names, words, numbers):
    assert suggested(names, list(zip(words, range(9), strict=False))) == numbers


def test_names_that_arrive_late_say_which_channels(rows):
    rows.ask(["DAPI", "GFP"], NUMBERS)
    assert rows.value == [0, 1]
    rows.ask(["DAPI", "GFP"], [("GFP", 0), ("DAPI", 1), ("Cy5", 2)])
    assert rows.value == [1, 0]


def test_a_choice_is_not_taken_over_to_a_channel_of_another_name(rows):
    rows.ask(["DAPI", "GFP"], [("DAPI", 0), ("GFP", 1), ("Cy5", 2)])
    rows.combos[1].value = 2
    rows.ask(["DAPI", "GFP"], [("DAPI", 0), ("GFP", 1), ("Cy5", 2), ("bright", 3)])
    assert rows.value == [0, 2]
    rows.ask(["DAPI", "GFP"], [("Cy5", 0), ("DAPI", 1), ("GFP", 2)])
    assert rows.value == [1, 2]


def test_a_layer_stays_chosen_when_it_is_renamed(rows):
    layers = [Image(np.zeros((4, 4))) for _ in range(2)]
    rows.ask(["nuclei"], list(zip(["a", "b"], layers, strict=True)))
    rows.combos[0].value = layers[1]
    rows.ask(["nuclei"], list(zip(["a", "c"], layers, strict=True)))
    assert rows.value == [layers[1]]


def test_layers_of_the_same_name_are_suggested(rows):
    layers = [Image(np.zeros((4, 4)), name=name) for name in ("Membranes", "cell nuclei", "other")]
    choices = [(layer.name, layer) for layer in layers]
    rows.ask(["nuclei", "membranes"], choices)
    assert rows.value == [layers[1], layers[0]]
    rows.combos[1].value = layers[2]
    rows.ask(["nuclei", "membranes"], choices[1:])
    assert rows.value == [layers[1], layers[2]]
