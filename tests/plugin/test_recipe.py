import pytest

from seamless_unet.plugin.recipe import Recipe


@pytest.fixture
def recipe(qapp):
    recipe = Recipe()
    recipe.begin.reset_choices()
    return recipe


def test_what_nobody_chose_is_left_to_the_preset(recipe):
    changes = {"minutes": 5, "annotation": "objects"}
    assert recipe.request("objects", "YX") == {"preset": "quick", "changes": changes}
    assert recipe.learned_before() == ([], [])


def test_from_scratch(recipe):
    recipe.begin.value = "scratch"
    changes = {"minutes": 5, "annotation": "scribbles", "start": "scratch"}
    assert recipe.request("scribbles", "YX")["changes"] == changes
    assert recipe.learned_before() == ([], [])


def test_from_a_model_it_takes_over_what_must_be_the_same(threshold_model, library, qapp):
    path = str(library / "threshold.safetensors")
    recipe = Recipe()
    recipe.begin.reset_choices()
    recipe.begin.value = path
    changes = recipe.request("objects", "YX")["changes"]
    assert changes.pop("start") == path
    assert changes.pop("depth") == threshold_model.info.network.depth
    assert changes["rim"] == 0


def test_a_model_that_cannot_be_read(threshold_model, library, qapp):
    path = library / "threshold.safetensors"
    recipe = Recipe()
    recipe.begin.reset_choices()
    recipe.begin.value = str(path)
    path.write_bytes(b"broken")
    with pytest.raises(ValueError, match="threshold"):
        recipe.learned_before()
    with pytest.raises(ValueError, match="threshold"):
        recipe.request("objects", "YX")


def test_stacks_are_learned_as_the_user_says_where_there_are_any(recipe):
    chosen = []
    recipe.stacks.changed.connect(chosen.append)
    recipe.stacks.value = 3
    recipe.stacks.value = "auto"
    assert "ndim" not in recipe.request("objects", "TZYX")["changes"]
    recipe.stacks.value = 3
    assert chosen == [3, "auto", 3]
    assert recipe.not_applicable("TZYX") == []
    assert recipe.request("objects", "TZYX")["changes"]["ndim"] == 3
    assert recipe.not_applicable("TYX") == [recipe.stacks]
    assert "ndim" not in recipe.request("objects", "TYX")["changes"]
