"""How large the pixels of an image are beside those that a model learned from, in words."""

from collections.abc import Mapping

Sizes = Mapping[str, float]  # micrometre per pixel, by axis
_WORTH_SAYING = 0.05  # relative difference
_WORTH_DOING = 0.15


def worth_saying(image: Sizes, model: Sizes, axes: str) -> bool:
    """Whether a user should know that the pixels differ; ``axes`` are those of the model.

    >>> worth_saying({"Y": 0.5, "X": 0.5}, {"Y": 0.32, "X": 0.32}, "YX")
    True
    """
    return _difference(image, model, axes) > _WORTH_SAYING


def worth_doing(image: Sizes, model: Sizes, axes: str) -> bool:
    """Whether the image should be resized to the model's pixels unless a user says otherwise."""
    return _difference(image, model, axes) > _WORTH_DOING


def comparison(image: Sizes, model: Sizes, axes: str) -> str:
    """Say how the pixels differ.

    >>> comparison({"Y": 0.5, "X": 0.5}, {"Y": 0.32, "X": 0.32}, "YX")
    '0.5 → 0.32 µm'
    >>> comparison({"Z": 2, "Y": 0.5, "X": 0.5}, {"Z": 1, "Y": 0.32, "X": 0.32}, "ZYX")
    '0.5 → 0.32 µm, depth 2 → 1 µm'
    """
    known = [axis for axis in axes if axis in image and axis in model]
    pairs = {axis: f"{image[axis]:.3g} → {model[axis]:.3g} µm" for axis in known}
    if pairs.get("Y") == pairs.get("X"):
        pairs.pop("Y", None)
        names = {"X": "", "Z": "depth "}
    else:
        names = {"X": "x ", "Y": "y ", "Z": "depth "}
    return ", ".join(names[axis] + pairs[axis] for axis in "XYZ" if axis in pairs)


def known_sizes(image: Sizes, model: Sizes, axes: str) -> str:
    """Say what is known about the pixels of both.

    >>> known_sizes({}, {"Y": 0.5, "X": 0.5}, "YX")
    'unknown; the model expects 0.5 µm'
    """
    own, expected = _words(image, axes), _words(model, axes)
    return f"{own or 'unknown'}; the model expects {expected}" if expected else own or "unknown"


def _difference(image: Sizes, model: Sizes, axes: str) -> float:
    """Return the largest relative difference; 0 unless both know their pixels in a plane."""
    known = [axis for axis in axes if axis in image and axis in model]
    ratios = [image[axis] / model[axis] for axis in known] if {"Y", "X"} <= set(known) else []
    return max((max(ratio, 1 / ratio) - 1 for ratio in ratios), default=0.0)


def _words(sizes: Sizes, axes: str) -> str:
    return " x ".join(dict.fromkeys(f"{sizes[a]:.3g} µm" for a in axes if a in sizes))
