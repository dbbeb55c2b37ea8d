"""What dataclasses that are kept as JSON have in common."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, Self


class JsonConfig:
    """Mixin for a frozen dataclass: it checks itself, and goes to JSON and back.

    A field whose type is such a dataclass is nested; a tuple becomes a list, and a tuple again.

    Raises
    ------
    ValueError
        If the value of a field is not of its type: none of the choices of a ``Literal``, no whole
        number, no number, no text, and so on.
    """

    def __post_init__(self) -> None:
        for name, hint in typing.get_type_hints(type(self)).items():
            if needed := _unmet(hint, value := getattr(self, name)):
                raise ValueError(f"{name}={value!r} {needed}")

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON types."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from ``to_json``'s dict.

        Raises
        ------
        ValueError
            If ``data`` has a key that this version does not know, lacks one, or is no dict.
        """
        if not isinstance(data, dict):
            raise ValueError(f"{data!r} is no {cls.__name__}")
        hints = typing.get_type_hints(cls)
        if unknown := sorted(set(data) - set(hints)):
            raise ValueError(
                f"unknown {cls.__name__} key(s) {', '.join(unknown)}: the file was written by a "
                "newer version; update napari-seamless-unet"
            )
        try:
            return cls(**{key: _built(hints[key], value) for key, value in data.items()})
        except (TypeError, OverflowError) as error:  # a field is missing, or beyond all numbers
            raise ValueError(str(error)) from error


def _built(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, JsonConfig):
        return hint.from_json(value)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _unmet(hint: Any, value: Any) -> str:
    """Return in words what a type demands that a value is not, and nothing where it is.

    >>> _unmet(int, 2), _unmet(int, 2.0), _unmet(tuple[str, ...], ("a", 1))
    ('', 'must be a whole number', 'must be a list, and 1 in it must be text')
    """
    origin, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is Literal:
        chosen = any(value is choice or value == choice for choice in inner)
        return "" if chosen else f"is not one of {', '.join(map(repr, inner))}"
    if isinstance(hint, type) and issubclass(hint, JsonConfig):
        return "" if isinstance(value, hint) else f"must be a {hint.__name__}"
    if origin in (types.UnionType, typing.Union):
        unmet = [_unmet(each, value) for each in inner]
        return "" if "" in unmet else unmet[0]
    if origin is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return "must be a list"
        items = ((item, _unmet(inner[0], item)) for item in value)
        return next(
            (f"must be a list, and {item!r} in it {must}" for item, must in items if must), ""
        )
    must, holds = _CHECKS.get(origin, ("", None))
    return "" if holds is None or holds(value) else must


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"  # numpy's


_CHECKS: dict[Any, tuple[str, Any]] = {
    bool: ("must be true or false", _is_truth),
    int: ("must be a whole number", lambda v: isinstance(v, Integral) and not _is_truth(v)),
    float: ("must be a number", lambda v: isinstance(v, Real) and not _is_truth(v)),
    str: ("must be text", lambda v: isinstance(v, str)),
    dict: ("must be a table of keys and values", lambda v: isinstance(v, dict)),
    types.NoneType: ("must be none", lambda v: v is None),
}
