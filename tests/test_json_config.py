import json
from dataclasses import dataclass
from typing import Literal

import pytest

from seamless_unet.json_config import JsonConfig


@dataclass(frozen=True)
class Leaf(JsonConfig):
    color: Literal["green", "brown"] = "green"
    size: Literal["small", "large"] = "small"


@dataclass(frozen=True)
class Tree(JsonConfig):
    leaf: Leaf = Leaf()
    heights: tuple[tuple[int, ...], ...] = ()
    names: dict | None = None


def test_nested_through_json_and_back():
    tree = Tree(Leaf("brown", "large"), ((1, 2), (3,)), {"en": "oak"})
    data = json.loads(json.dumps(tree.to_json()))
    assert data["leaf"] == {"color": "brown", "size": "large"}
    assert Tree.from_json(data) == tree
    assert Tree.from_json({}) == Tree()


def test_a_value_that_is_none_of_the_choices():
    with pytest.raises(ValueError, match="color='red' is not one of 'green', 'brown'"):
        Leaf("red")
    with pytest.raises(ValueError, match="size='huge' is not one of 'small', 'large'"):
        Tree.from_json({"leaf": {"size": "huge"}})


def test_a_key_of_a_newer_version_is_refused_at_any_depth():
    with pytest.raises(ValueError, match=r"unknown Tree key\(s\) age, root: .* newer version"):
        Tree.from_json({"root": 1, "age": 2})
    with pytest.raises(ValueError, match=r"unknown Leaf key\(s\) smell"):
        Tree.from_json({"leaf": {"smell": 1}})
