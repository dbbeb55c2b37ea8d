"""An image and the labels drawn on it, as given, and cut into samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from seamless_unet.annotation import classify
from seamless_unet.axes import check_axes, in_words, label_axes, loop_axes, split
from seamless_unet.config import Annotation, Normalization, TrainConfig
from seamless_unet.meaning import Meaning
from seamless_unet.normalize import measure, normalized
from seamless_unet.runs import with_small_ids
from seamless_unet.sample import Sample

_LARGEST = np.iinfo(np.int32).max
_SLIP = 0.1  # of the largest piece: what is smaller, and alone with it, is a slip of the brush


@dataclass(frozen=True, eq=False)
class Pair:
    """An image and its labels.

    Parameters
    ----------
    image, axes
        An array of any axes, such as ``"ZCYX"``.
    labels
        Integers of the image's shape without C.
    annotation
        What they mean; see `TrainConfig`.
    region
        bool, of the labels' shape: where something is annotated at all, and where all of it is
        unless the annotation is scribbles; ``None`` where the labels themselves tell.
    name
        For people.

    Raises
    ------
    ValueError
        If they do not go together.
    """

    image: NDArray
    axes: str
    labels: NDArray
    annotation: Annotation
    region: NDArray[np.bool_] | None
    name: str

    def __post_init__(self) -> None:
        check_axes(self.axes, self.image.shape, name=self.name)
        if not np.issubdtype(self.labels.dtype, np.integer) and self.labels.dtype != bool:
            raise ValueError(
                f"labels of {self.name} must be whole numbers, got {self.labels.dtype}: "
                "they look like an image or probabilities"
            )
        sizes = zip(self.image.shape, self.axes, strict=True)
        expected = tuple(size for size, axis in sizes if axis != "C")
        if self.labels.shape != expected:
            raise ValueError(
                f"{self.name} is {in_words(self.image.shape, self.axes)} but its labels are "
                f"{in_words(self.labels.shape)}: they must have the same size{self._channels()}"
            )
        if self.region is not None and self.region.shape != expected:
            raise ValueError(
                f"the labels of {self.name} are {in_words(expected)} but its region is "
                f"{in_words(self.region.shape)}: they must have the same size"
            )
        if self.region is not None and self.region.dtype != bool:
            raise ValueError(
                f"the region of {self.name} must be bool, got {self.region.dtype}: "
                "give the region > 0"
            )
        highest = self.annotated_labels().max(initial=0)
        if self.annotation != "objects" and highest > _LARGEST:
            raise ValueError(
                f"the labels of {self.name} have values up to {highest}: classes and "
                f"scribbles can be 0 to {_LARGEST}"
            )

    def _channels(self) -> str:
        """Return what to do where one dimension is likely to be that of channels."""
        for place in (len(self.axes) - 1, 0):
            if self.image.shape[:place] + self.image.shape[place + 1 :] == self.labels.shape:
                kept = "ZYX"[-self.labels.ndim :]
                return f"; if one dimension is channels, say axes={kept[:place]}C{kept[place:]}"
        return ""

    def annotated_labels(self) -> NDArray:
        """Return the labels that count: a flat array if there is a region."""
        return self.labels if self.region is None else self.labels[self.region]

    @cached_property
    def is_mask(self) -> bool:
        """Whether whole objects are drawn, but all with one number, which tells none apart."""
        return self.annotation == "objects" and is_mask(self.annotated_labels())


def read_pairs(
    images: Sequence[NDArray],
    labels: Sequence[NDArray],
    config: TrainConfig,
    *,
    axes: str | Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    annotations: Sequence[Annotation] | None = None,
    regions: Sequence[NDArray[np.bool_] | None] | None = None,
) -> list[Pair]:
    """Put together what belongs together; the parameters are those of `make_dataset`."""
    count = len(images)
    if count != len(labels):
        raise ValueError(f"{count} image(s) but {len(labels)} label image(s): give pairs")
    if not images:
        raise ValueError("there is no image to learn from")
    given = {
        "axes": axes if axes is not None else list(map(_default_axes, images)),
        "annotations": annotations if annotations is not None else config.annotation,
        "regions": regions if regions is not None else [None] * count,
        "names": names if names is not None else [f"image {n}" for n in range(1, count + 1)],
    }
    for what, values in given.items():
        if isinstance(values, str):
            given[what] = [values] * count
        elif len(values) != count:
            raise ValueError(f"{count} image(s) but {len(values)} {what}: give one for each image")
    return [
        Pair(image, axis.upper(), drawn, annotation, region, name)
        for image, drawn, axis, annotation, region, name in zip(
            images, labels, *given.values(), strict=True
        )
    ]


def cut(
    pair: Pair, number: int, meaning: Meaning, config: TrainConfig, normalization: Normalization
) -> Iterator[Sample]:
    """Cut a pair into samples that weigh 1 where they are annotated, one after the other.

    Where all objects have the same number (a mask), each connected piece is taken as an object.

    Parameters
    ----------
    number
        Of the pair.
    meaning
        Of its labels.
    normalization
        How to prepare the image: all planes of a stack alike.
    """
    stack, mask = "Z" in pair.axes, pair.is_mask
    loop = loop_axes(pair.axes, 3 if stack else config.ndim)
    for index, image, labels, region in _pieces(pair, 3 if stack else config.ndim):
        try:
            offset, scale = measure(image, normalization)
        except ValueError as error:
            raise ValueError(f"{pair.name}: {error}") from error
        planes = range(image.shape[1]) if stack and config.ndim == 2 else [None]
        for z in planes:
            place = dict(zip(loop, index, strict=True)) | ({} if z is None else {"Z": z})
            # copies, or a few planes would keep all of their stack
            flat = (labels if z is None else labels[z]).copy()
            if mask:
                flat = pieces_apart(flat)
            inside = region if region is None or z is None else region[z]
            pixels = image if z is None else image[:, z : z + 1]
            target, annotated = classify(
                flat,
                meaning,
                gap=config.gap,
                rim=config.rim,
                region=inside,
                depth_known=config.names_start,
            )
            yield Sample(
                image=normalized(pixels, offset, scale).reshape(len(image), *flat.shape),
                labels=flat if inside is None else _reaching_into(inside, flat),
                target=target,
                weight=annotated.astype(np.float32),
                source=(number, place.get("S", 0)),
                name=" ".join([pair.name, *(f"{axis}={i}" for axis, i in place.items())]),
                annotation=meaning.annotation,
            )


_Piece = tuple[tuple[int, ...], NDArray, NDArray, NDArray[np.bool_] | None]


def _pieces(pair: Pair, ndim: int) -> Iterator[_Piece]:
    """Yield index along the other axes, image (C, [Z,] Y, X), labels and region ([Z,] Y, X)."""
    axes = label_axes(pair.axes)
    images = split(pair.image, pair.axes, ndim)
    drawn = split(_with_small_ids(pair), axes, ndim)
    if pair.region is None:
        for (index, image), (_, labels) in zip(images, drawn, strict=True):
            yield index, image, labels[0], None
    else:
        regions = split(pair.region, axes, ndim)
        for (index, image), (_, labels), (_, region) in zip(images, drawn, regions, strict=True):
            yield index, image, labels[0], region[0]


def _with_small_ids(pair: Pair) -> NDArray[np.int32]:
    """Return the labels as int32; objects with huge ids, as trackers give them, get others."""
    labels = pair.labels
    if pair.annotation != "objects":
        return labels.astype(np.int32)
    if pair.is_mask:  # beyond a region there may be other numbers
        return (labels == pair.annotated_labels().max()).astype(np.int32)
    if labels.dtype.kind == "i" and labels.min(initial=0) < 0:  # beyond a region
        labels = np.maximum(labels, 0)
    return with_small_ids(labels).astype(np.int32)


def is_mask(labels: NDArray) -> bool:
    """Return whether all that is labelled has one number, which tells no objects apart."""
    drawn = labels[labels > 0]
    return drawn.size > 0 and drawn.min() == drawn.max()


def pieces_apart(labels: NDArray) -> NDArray:
    """Return a mask with a number for each piece, unless all but one are slips of the brush."""
    apart, _ = ndi.label(labels, output=np.int32)  # connected by their faces, as in `segment`
    sizes = np.bincount(apart.ravel())[1:]
    several = len(sizes) > 1 and sizes.sum() - sizes.max() >= _SLIP * sizes.max()
    return apart if several else labels


def _reaching_into(region: NDArray[np.bool_], labels: NDArray) -> NDArray:
    """Return the labels without the objects that lie outside a region altogether."""
    return np.where(np.isin(labels, np.unique(labels[region])), labels, 0)


def _default_axes(image: NDArray) -> str:
    if not 2 <= image.ndim <= 3:
        raise ValueError(f"an image of shape {image.shape} needs axes, such as TZYX")
    return "ZYX"[-image.ndim :]
