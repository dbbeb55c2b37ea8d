from unittest.mock import Mock

import pytest

from seamless_unet.plugin.choice import Choice


@pytest.fixture
def choice(qapp):
    """Return a choice out of ``words``, a dict from values to words."""

    def make(words):
        choice = Choice(choices=lambda _: [(text, value) for value, text in words.items()])
        changed = Mock()
        choice.changed.connect(changed)
        return choice, changed

    return make


def test_a_value_stays_chosen_when_its_words_change(choice):
    words = {1: "one", 2: "two", 3: "three"}
    combo, changed = choice(words)
    assert combo.value == 1
    combo.value = 2
    changed.reset_mock()
    words[2] = "two (does not fit)"
    combo.reset_choices()
    assert (combo.value, combo.current_choice) == (2, "two (does not fit)")
    changed.assert_not_called()


def test_a_value_that_is_gone_gives_way_to_the_first(choice):
    words = {1: "one", 2: "two", 3: "three"}
    combo, changed = choice(words)
    combo.value = 3
    changed.reset_mock()
    del words[3]
    combo.reset_choices()
    assert combo.value == 1
    changed.assert_called_once_with(1)
    words.clear()
    combo.reset_choices()
    assert combo.value is None
    assert combo.choices == ()


def test_the_list_is_in_the_order_given(choice):
    words = {2: "two"}
    combo, _ = choice(words)
    words.clear()
    words.update({1: "one", 2: "two"})
    combo.reset_choices()
    assert combo.choices == (1, 2)
    assert combo.value == 2


def test_what_nobody_has_chosen_is_refused_once(choice):
    words = {1: "one", 2: "two", 3: "three"}
    combo, _ = choice(words)
    combo.check_not_lost("The region")
    combo.value = 2
    del words[2]
    combo.reset_choices()
    with pytest.raises(ValueError, match="The region that was chosen, 'two', is gone, and 'one' h"):
        combo.check_not_lost("The region")
    combo.check_not_lost("The region")  # the user has been told
    combo.value = 3
    del words[3]
    words[4] = "four"
    combo.reset_choices()
    combo.value = 4  # chosen anew
    combo.check_not_lost("The region")


def test_what_takes_the_place_of_a_replacement_is_refused_too(choice):
    words = {1: "one", 2: "two", 3: "three"}
    combo, _ = choice(words)
    combo.value = 3
    del words[3]
    combo.reset_choices()
    combo.give_way(2)
    assert combo.is_lost
    with pytest.raises(ValueError, match="'three', is gone, and 'two' has taken its place"):
        combo.check_not_lost("The layer")
    combo.give_way(1)  # nothing was lost
    combo.check_not_lost("The layer")


def test_what_was_chosen_meanwhile_is_not_refused(choice):
    words = {1: "one", 2: "two", 3: "three", 4: "four"}
    combo, _ = choice(words)
    combo.value = 4
    del words[4]
    combo.reset_choices()
    combo.value = 2
    combo.value = 1  # what had taken its place
    combo.check_not_lost("The layer")


def test_what_was_chosen_is_named_though_its_replacement_is_gone_too(choice):
    words = {1: "one", 2: "two", 3: "three"}
    combo, _ = choice(words)
    combo.value = 3
    for value in (3, 1):
        del words[value]
        combo.reset_choices()
    with pytest.raises(ValueError, match="'three', is gone, and 'two' has taken its place"):
        combo.check_not_lost("The layer")


def test_what_is_called_otherwise_stays_chosen(choice):
    words = {1: "one", 2: "two"}
    combo, changed = choice(words)
    combo.value = 2
    changed.reset_mock()
    del words[2]
    words[3] = "three"
    combo.follow(2, 3)
    assert combo.value == 3
    changed.assert_not_called()
    combo.check_not_lost("The model")
