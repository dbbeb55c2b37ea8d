import json
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
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


@dataclass(frozen=True)
class Kinds(JsonConfig):
    truth: bool = False
    count: int = 0
    size: float = 0.5
    name: str | None = None
    sizes: tuple[float, ...] = ()
    table: dict[str, int] = field(default_factory=dict)
    leaf: Leaf = Leaf()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": 1}, "truth=1 must be true or false"),
        ({"count": 2.0}, "count=2.0 must be a whole number"),
        ({"count": True}, "count=True must be a whole number"),
        ({"size": "1"}, "size='1' must be a number"),
        ({"name": 3}, "name=3 must be text"),
        ({"sizes": "12"}, "sizes='12' must be a list"),
        (
            {"sizes": [1, None]},
            r"sizes=\(1, None\) must be a list, and None in it must be a number",
        ),
        ({"table": [1]}, r"table=\(1,\) must be a table of keys and values"),
        ({"leaf": "green"}, "'green' is no Leaf"),
    ],
)
def test_a_value_of_another_type_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Kinds.from_json(change)


def test_values_of_the_right_types():
    kinds = Kinds(np.True_, np.int8(3), 1, "a", (1, np.float32(2)), {"a": 1})
    assert Kinds(sizes=[1, 2]).sizes == [1, 2]
    assert kinds.count == 3
    with pytest.raises(ValueError, match="leaf='green' must be a Leaf"):
        Kinds(leaf="green")


def test_a_key_of_a_newer_version_is_refused_at_any_depth():
    with pytest.raises(ValueError, match=r"unknown Tree key\(s\) age, root: .* newer version"):
        Tree.from_json({"root": 1, "age": 2})
    with pytest.raises(ValueError, match=r"unknown Leaf key\(s\) smell"):
        Tree.from_json({"leaf": {"smell": 1}})
