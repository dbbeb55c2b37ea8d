"""What makes learning from an annotation harder than it has to be, and what to do about it.

Nothing here is an error: whoever knows better may train all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.measure import label

from seamless_unet.config import TrainConfig
from seamless_unet.geometry import Geometry
from seamless_unet.meaning import OBJECT_PARTS, Meaning
from seamless_unet.sample import Sample, evenly, grey_values

_LOOKED_AT = 2**22  # pixels; to look at more would take longer than it tells
_TOO_LARGE = 2**26  # pixels of one volume, of which a part would not tell
_FEW_PIXELS, _SMALL_PART = 100, 0.01
_CLEAR = 0.75  # of an object's pixels must be on its side of the grey values halfway
_CONTRAST = 0.1  # of an image's range: less may be chance
_UNLIKE = 4.0  # times the contrast


@dataclass(frozen=True)
class Problem:
    """One sentence that says what is wrong, and one that says what to do."""

    what: str
    advice: str


def find_problems(
    samples: Sequence[Sample], class_pixels: Mapping[str, int], config: TrainConfig
) -> list[Problem]:
    """Look for what usually goes wrong in an annotation.

    Parameters
    ----------
    samples
        All that is annotated.
    class_pixels
        How many pixels of each class, by its name.
    config
        Its ``depth`` tells what the network reads.
    """
    looked_at = [s for s in evenly(samples, _LOOKED_AT) if s.labels.size < _TOO_LARGE]
    whole = [sample for sample in looked_at if sample.annotation == "objects"]
    return [
        *objects_in_pieces(whole),
        *few_objects(whole),
        *partly_annotated(whole),
        *rare_classes(class_pixels),
        *small_images(samples, Geometry(config.depth)),
        *constant_images(samples),
        *(unlike_contrast(looked_at) if "background" in class_pixels else ()),
    ]


def objects_in_pieces(samples: Sequence[Sample]) -> Iterator[Problem]:
    """Find slips of the brush, and objects that share a number with another one."""
    for sample in samples:
        # of a volume's slices and a film's frames: there, an object may well appear twice
        if sum(other.source == sample.source for other in samples) > 1:
            continue
        if not sample.annotated.any(axis=(-2, -1)).all():  # what parts them may not be drawn yet
            continue
        torn = [str(number) for number, sizes in _pieces(sample).items() if len(sizes) > 1]
        if torn:
            one = len(torn) == 1
            yield Problem(
                f"{'Object' if one else 'Objects'} {_shortened(torn)} of {sample.name} "
                f"{'is' if one else 'are'} drawn in several separate pieces.",
                "Erase what was drawn by a slip, and give pieces that are objects of their own "
                "another number.",
            )


def one_number(names: Sequence[str]) -> Iterator[Problem]:
    """Say what is made of images whose objects all have the same number, if there are any."""
    if names:
        yield Problem(
            f"All objects of {_shortened(names)} have the same number, so every separate piece is "
            "taken as one object.",
            "Where objects touch, give each a number of its own (key M before drawing the next "
            "one).",
        )


def strokes_of_kinds(meaning: Meaning) -> Iterator[Problem]:
    """Say that strokes of a few numbers are taken as kinds of area, if they are."""
    if meaning.annotation == "scribbles" and meaning.output == "classes":
        *most, last = map(str, meaning.class_values[1:])
        yield Problem(
            f"The strokes with {', '.join(most)} and {last} are taken as kinds of area, "
            "not as cells.",
            "To find cells, draw on all of them with 2.",
        )


def few_objects(samples: Sequence[Sample]) -> Iterator[Problem]:
    """Find annotations of a single object, or of none that is seen whole."""
    total = touching = 0
    for sample in samples:
        ends = [np.take(sample.labels, (0, -1), axis=axis) for axis in (-2, -1)]
        total += len(_ids(sample.labels))
        touching += len(set(_ids(ends[0]) + _ids(ends[1])))
    if total == 1 and sum(len(sizes) for s in samples for sizes in _pieces(s).values()) == 1:
        yield Problem(
            "Only one object is drawn.",
            "Draw ten or more, of all the looks that they have.",
        )
    elif total and touching == total:
        yield Problem(
            "Every object that is drawn is cut off by the border of its image.",
            "Draw some that lie in the image as a whole, or take a larger image.",
        )


def partly_annotated(samples: Sequence[Sample]) -> Iterator[Problem]:
    """Find images where most of what looks like the objects is not labeled."""
    found = [s for s in samples if s.annotated.all() and _unlabeled_alike(s) > 1]
    if found:
        yield Problem(
            f"More than half of what looks like the objects in {_names(found)} is not labeled, "
            "and is learned as background.",
            "Label all of them in a part of the image and choose that part as the region, or draw "
            "strokes instead.",
        )


def _unlabeled_alike(sample: Sample) -> float:
    """Return how many unlabeled pixels look like the objects, for each labeled one."""
    labeled, best = sample.labels > 0, 0.0
    if labeled.all() or not labeled.any():
        return best
    for channel in sample.image:
        smooth = ndi.gaussian_filter(channel, 1.0)  # noise alone shall not look like an object
        inside, outside = np.median(smooth[labeled]), np.median(smooth[~labeled])
        alike = (smooth - (inside + outside) / 2) * np.sign(inside - outside) > 0
        # they may differ in something else than in their grey values
        if inside != outside and alike[labeled].mean() > _CLEAR:
            best = max(best, float(np.count_nonzero(alike & ~labeled) / np.count_nonzero(labeled)))
    return best


def rare_classes(class_pixels: Mapping[str, int]) -> Iterator[Problem]:
    """Find classes with next to no pixels; the parts of objects count as one class."""
    counts: dict[str, int] = {}
    for name, count in class_pixels.items():
        name = "object" if name in OBJECT_PARTS[1:] else name
        counts[name] = counts.get(name, 0) + count
    total = sum(counts.values())
    for name, count in counts.items():
        if count < max(_FEW_PIXELS, _SMALL_PART * total):
            part = f"{100 * count / total:.1f} %" if total else "none"
            yield Problem(
                f"Only {count:,} annotated pixels ({part}) are of the class {name!r}.",
                "Draw more of it, or annotate less of the others.",
            )


def small_images(samples: Sequence[Sample], geometry: Geometry) -> Iterator[Problem]:
    """Find images that are smaller than what the network looks at around a pixel."""
    context = geometry.near + geometry.far
    small = [sample for sample in samples if min(sample.labels.shape[-2:]) < context]
    if small:
        height, width = small[0].labels.shape[-2:]
        yield Problem(
            f"{_names(small)}: {height} x {width} pixels are less than the {context} that the "
            "network looks at around every pixel; the rest is mirrored.",
            "Take a larger part of the image, or a smaller pixel size if the objects are tiny.",
        )


def constant_images(samples: Sequence[Sample]) -> Iterator[Problem]:
    """Find images that show nothing, such as those of a channel that was not recorded."""
    for _, group in itertools.groupby(samples, key=lambda sample: sample.source):
        planes = list(group)
        if all(np.ptp(plane.image) == 0 for plane in planes):
            yield Problem(
                f"{planes[0].name} has the same grey value everywhere.",
                "Look whether it is the right image, and the right channel of it.",
            )


def unlike_contrast(samples: Sequence[Sample]) -> Iterator[Problem]:
    """Find images in which the objects stand out in another way than in the others."""
    contrasts: list[tuple[float, str]] = []
    for _, group in itertools.groupby(samples, key=lambda sample: sample.source):
        planes = list(group)
        inside, outside = (grey_values(planes, foreground) for foreground in (True, False))
        if inside.shape[-1] and outside.shape[-1]:
            differences = np.median(inside, axis=1) - np.median(outside, axis=1)
            strongest = float(differences[np.argmax(np.abs(differences))])
            contrasts.append((strongest, planes[0].name))
    if len(contrasts) < 2:
        return
    (low, dark), (high, bright) = min(contrasts), max(contrasts)
    strengths = [(abs(value), name) for value, name in contrasts]
    (weak, faint), (strong, clear) = min(strengths), max(strengths)
    if low < -_CONTRAST and high > _CONTRAST:
        yield Problem(
            f"The objects are brighter than their surroundings in {bright}, but darker in {dark}.",
            "Train on one kind of image at a time, or annotate several of each kind.",
        )
    elif strong > _UNLIKE * weak:
        yield Problem(
            f"The objects stand out much less in {faint} than in {clear}.",
            "Look whether very bright spots or an empty border hide them, and crop these away.",
        )


def _pieces(sample: Sample) -> dict[int, list[int]]:
    """Return the sizes of each object's connected pieces, by its number."""
    pieces, count = label(sample.labels, return_num=True)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    numbers = np.zeros(count + 1, sample.labels.dtype)
    numbers[pieces] = sample.labels
    found: dict[int, list[int]] = {}
    for number, size in zip(numbers[1:].tolist(), sizes[1:].tolist(), strict=True):
        found.setdefault(number, []).append(size)
    return found


def _ids(labels: NDArray) -> list[int]:
    return np.unique(labels[labels > 0]).tolist()


def _names(samples: Sequence[Sample]) -> str:
    return _shortened([sample.name for sample in samples])


def _shortened(words: Sequence[str], most: int = 3) -> str:
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")
