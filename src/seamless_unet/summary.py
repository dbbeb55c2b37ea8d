"""What a training is going to use, in figures and in words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Drawn:
    """How many objects are drawn on one image, and how many of its planes are annotated."""

    name: str
    objects: int
    planes: int


@dataclass(frozen=True)
class Summary:
    """What a training is going to use, to be shown before it starts.

    ``annotated`` counts planes or volumes, which ``ndim`` tells; ``grey`` are the means of each
    channel's normalized pixels, of those to learn from and of those held back.
    """

    images: int
    ndim: int
    annotated: int
    left_out: tuple[str, ...]
    output: str
    objects: int
    class_pixels: dict[str, int]
    validation: str
    training_pixels: int
    validation_pixels: int
    pairs: tuple[Drawn, ...]
    grey: tuple[tuple[float, ...], tuple[float, ...]]
    start: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON types."""
        return dataclasses.asdict(self)

    def text(self) -> str:
        """Describe it in a few lines."""
        pixels = ", ".join(f"{name} {count:,}" for name, count in self.class_pixels.items())
        part = "volume" if self.ndim == 3 else "part"
        counted = [_counted(self.images, "image"), _counted(self.annotated, f"annotated {part}")]
        if self.objects:
            counted.append(_counted(self.objects, "object"))
        lines = [
            f"Learning from {', '.join(counted)}.",
            f"Annotated pixels: {pixels}.",
            f"Held back to measure the score: {self.validation} "
            f"({self.validation_pixels:,} of {self.validation_pixels + self.training_pixels:,} "
            "annotated pixels).",
        ]
        if self.start:
            lines.append(f"Starts from {self.start}.")
        if self.left_out:
            shown = ", ".join(self.left_out[:5]) + (", ..." if len(self.left_out) > 5 else "")
            lines.append(f"Left out because nothing is drawn there: {shown}.")
        return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
