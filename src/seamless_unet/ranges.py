"""Numbers that are out of range are refused, with their names."""

from __future__ import annotations

from typing import Any

WIDEST_GAP = 100  # pixels between objects; wider ones would take minutes to close


def check_settings(
    *, threshold: float | None, seed_threshold: float | None = None, **pixels: float | None
) -> None:
    """Refuse settings of `seamless_unet.segment.segment` that are out of range; ``None`` is not.

    Raises
    ------
    ValueError
        With the name of what is.
    """
    for name, value in {"threshold": threshold, "seed_threshold": seed_threshold}.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{name}={value} must be between 0 and 1")
    for name, value in pixels.items():
        if value is not None and not value >= 0:
            raise ValueError(f"{name}={value} pixels must be at least 0")
    if (pixels.get("grow") or 0) > WIDEST_GAP:
        raise ValueError(f"grow={pixels['grow']} pixels must be at most {WIDEST_GAP}")


def check_least(config: Any, *names: str, minimum: float = 1) -> None:
    """Refuse attributes that are below a minimum; ValueError as above."""
    for name in names:
        if not getattr(config, name) >= minimum:
            raise ValueError(f"{name}={getattr(config, name)} must be at least {minimum}")


def check_below_one(config: Any, *names: str) -> None:
    """Refuse attributes that are not from 0 to below 1; ValueError as above."""
    for name in names:
        if not 0 <= getattr(config, name) < 1:
            raise ValueError(f"{name}={getattr(config, name)} must be at least 0 and below 1")
