"""What dataclasses that are kept as JSON have in common."""

from __future__ import annotations

import dataclasses
import typing
from numbers import Integral
from typing import Any, Literal, Self


class JsonConfig:
    """Mixin for a frozen dataclass: it checks itself, and goes to JSON and back.

    A field whose type is such a dataclass is nested; a tuple becomes a list, and a tuple again.

    Raises
    ------
    ValueError
        If the value of a ``Literal`` field is none of its choices, or that of an ``int`` field no
        whole number.
    """

    def __post_init__(self) -> None:
        for name, hint in typing.get_type_hints(type(self)).items():
            value, choices = getattr(self, name), typing.get_args(hint)
            if typing.get_origin(hint) is Literal and value not in choices:
                raise ValueError(f"{name}={value!r} is not one of {', '.join(map(repr, choices))}")
            counts = hint is int or (hint == int | None and value is not None)
            if counts and not isinstance(value, Integral):
                raise ValueError(f"{name}={value!r} must be a whole number")

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON types."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Rebuild from ``to_json``'s dict.

        Raises
        ------
        ValueError
            If ``data`` has a key that this version does not know.
        """
        hints = typing.get_type_hints(cls)
        if unknown := sorted(set(data) - set(hints)):
            raise ValueError(
                f"unknown {cls.__name__} key(s) {', '.join(unknown)}: the file was written by a "
                "newer version; update napari-seamless-unet"
            )
        return cls(**{key: _built(hints[key], value) for key, value in data.items()})


def _built(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, JsonConfig):
        return hint.from_json(value)
    return _tuples(value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
