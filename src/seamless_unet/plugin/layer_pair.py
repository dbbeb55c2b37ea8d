"""An image layer and the labels that the user drew on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari.layers import Image, Labels, Shapes

from seamless_unet.plugin import layers
from seamless_unet.plugin.region import region_mask


@dataclass(frozen=True, eq=False)
class LayerPair:
    """An image layer and the labels drawn on it.

    Parameters
    ----------
    image, axes
        The layer and what its dimensions are.
    labels, annotation
        The layer and what its numbers mean, as in `TrainConfig`.
    region
        Shapes around what is annotated completely; ``None`` where the labels themselves tell.
    """

    image: Image
    axes: str
    labels: Labels
    annotation: str
    region: Shapes | None = None


def pairs_request(pairs: Sequence[LayerPair]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a training and a check are told of pairs, and the arrays that go with it.

    Where several pairs are of the same image, a region belongs to the last one only: what was
    drawn there before does not count any more.

    Raises
    ------
    ValueError
        If a region encloses nothing, or two images have the same channels in another order.
    """
    _check_channel_order(pairs)
    described: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {}
    for number, (pair, region) in enumerate(zip(pairs, _regions(pairs), strict=True)):
        described.append(
            {
                "name": pair.image.name,
                "axes": pair.axes,
                "annotation": pair.annotation,
                "region": region is not None,
            }
        )
        arrays[f"image {number}"] = layers.full_data(pair.image)
        arrays[f"labels {number}"] = _labels(pair)
        if region is not None:
            arrays[f"region {number}"] = region
    first = pairs[0].image, pairs[0].axes
    about = {"pixel_size": layers.pixel_size(*first), "channels": layers.channel_names(*first)}
    return {"pairs": described, **about}, arrays


def _check_channel_order(pairs: Sequence[LayerPair]) -> None:
    """Refuse images that have a channel of one name in different places."""
    known: dict[str, tuple[int, Image]] = {}
    for pair in pairs:
        names = layers.channel_names(pair.image, pair.axes)
        for place, name in enumerate(names):
            first, other = known.setdefault(name.lower(), (place, pair.image))
            if place != first and other is not pair.image:
                raise ValueError(
                    f"The channel '{name}' is number {first + 1} in the image '{other.name}' but "
                    f"number {place + 1} in '{pair.image.name}', and a model is told channels by "
                    "their order: learn from one of the two, or save both with their channels in "
                    "the same order."
                )


def _regions(pairs: Sequence[LayerPair]) -> list[Any]:
    """Return a bool array, of any library, for every pair that has a region."""
    own = [
        None
        if p.region is None
        else layers.without_channels(p.image, p.axes, region_mask(p.region, p.labels))
        for p in pairs
    ]
    regions: list[Any] = []
    for number, pair in enumerate(pairs):
        region: Any = own[number]
        for later, other in zip(pairs[number + 1 :], own[number + 1 :], strict=True):
            if later.image is pair.image and other is not None:
                region = (_annotated_planes(pair) if region is None else region) & ~other
        regions.append(region)
    return regions


def _labels(pair: LayerPair) -> Any:
    return layers.without_channels(pair.image, pair.axes, layers.full_data(pair.labels))


def _annotated_planes(pair: LayerPair) -> Any:
    """Return where the labels of a pair without a region tell something; not computed yet.

    A plane of objects without any is not annotated, and in a region it would be.
    """
    import dask.array as da

    labels = layers.in_dask(_labels(pair))
    if pair.annotation != "objects":
        return da.ones_like(labels, dtype=bool)
    return da.broadcast_to((labels > 0).any(axis=(-2, -1), keepdims=True), labels.shape)
