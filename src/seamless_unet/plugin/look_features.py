"""Feature maps of a model: what it computes on its way from the image to the cells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from magicgui.widgets.bases import ValueWidget
from napari.layers import Image, Layer

from seamless_unet.model_file import read_info
from seamless_unet.plugin import layers, look_layers, models
from seamless_unet.plugin.channel_rows import suggested
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.look import Look
from seamless_unet.plugin.segment_input import channel_choices, model_input
from seamless_unet.plugin.view import View, current_view

_MOST_PIXELS = 512**2  # of the image that are looked at
_FEWER = (
    "make a layer of each channel (a click with the right button on the image layer, then Split "
    "Stack or Split RGB)"
)
_MORE = (
    "make one layer of all channels (select their layers, a click with the right button on them, "
    "then Merge to Stack, and choose what its dimensions are)"
)


class FeatureRows:
    """The rows of the form about feature maps."""

    meaning = (
        "What a model computes on its way from the image to the cells, for the part in view. "
        "A new slider goes through the maps, the liveliest first."
    )

    def __init__(self) -> None:
        self._depth = 0  # of the model; 0 where there is none
        self.model = Choice(
            label="Model",
            choices=lambda _: models.choices(),
            tooltip="A model that comes with the plugin, or one that you trained.",
        )
        self.level = Choice(
            label="Level",
            choices=lambda _: levels(self._depth),
            tooltip="On its way down a network sees more and more of what is around a pixel;\n"
            "on its way up it says more and more exactly where things are.",
        )
        self.model.changed.connect(self.follow)
        self.rows: list[ValueWidget] = [self.model, self.level]
        self.follow()

    @property
    def kept(self) -> dict[str, ValueWidget]:
        """What is the same for the next image, by name; the model first: it has the levels."""
        return {"model": self.model, "level": self.level}

    def follow(self, *_: Any) -> None:
        """Offer the levels that the model has."""
        try:
            depth = read_info(self.model.value).network.depth if self.model.value else 0
        except (ValueError, OSError):
            depth = 0
        if depth != self._depth:
            self._depth = depth
            self.level.reset_choices()

    def look(self, viewer: Any, image: Image, axes: str, *, device: str) -> Look:
        """Ask for the maps of a level.

        Raises
        ------
        ValueError, OSError
            If there is no model, it cannot be read, or the image does not fit it.
        """
        if self.level.value is None:
            raise ValueError(
                "There is no model to look into: train one in the Train dock, or choose another."
            )
        self.model.check_not_lost("The model")
        info = read_info(self.model.value)
        _check_channels(layers.channels(image, axes), info.network.in_channels)
        # grey values are normalized by the whole plane or stack, as for a prediction
        whole = current_view(viewer, image, axes, ndim=3 if "Z" in axes else 2)
        named = suggested(info.channels, channel_choices(viewer, image, axes))  # as in Segment
        data, given_axes = model_input(image, axes, named if "C" in axes else (), whole.index)
        view = current_view(
            *(viewer, image, axes),
            ndim=info.network.ndim,
            most_pixels=_MOST_PIXELS,
            channels_too=True,  # the maps have a slider of their own
        )
        region = _region(view, info.network.ndim)
        request = {
            "request": "features",
            "axes": given_axes,
            "plane": view.index.get("Z"),
            "region": region,
            "model": self.model.value,
            "level": self.level.value,
            "device": device,
        }
        show = self._show(viewer, image, view, region)
        return Look(request, {"image": data}, "Looking inside ...", show)

    def _show(
        self, viewer: Any, image: Image, view: View, region: list[tuple[int, int]]
    ) -> Callable[[Event], tuple[list[Layer], str]]:
        """Return what shows the maps, named after what is chosen now."""
        where = self.level.current_choice.split(":")[0]
        name = f"{Path(self.model.value).stem} features of {image.name}, {where}"

        def show(event: Event) -> tuple[list[Layer], str]:
            offset = [at - side[0] for at, side in zip(event["offset"], region, strict=True)]
            layer = look_layers.add_features(
                viewer, event["maps"], view, offset=offset, scale=event["scale"], name=name
            )
            layer.metadata["features"] = event["numbers"]  # of the network, from 0
            shown = f"{len(event['numbers'])} of the {event['count']} maps show something"
            return [layer], f"Done: {shown} here."

        return show


def _check_channels(has: int, takes: int) -> None:
    if has != takes:
        raise ValueError(
            f"The image has {has} channel{'s' * (has > 1)} but the model takes {takes}: choose "
            f"another model, or {_FEWER if has > takes else _MORE}."
        )


def _region(view: View, ndim: int) -> list[tuple[int, int]]:
    """Return where the view begins and ends along each axis that the network sees."""
    sides = dict(zip(view.axes, view.data.shape, strict=True))
    return [(view.corner[axis], view.corner[axis] + sides[axis]) for axis in "ZYX"[-ndim:]]


def levels(depth: int) -> list[tuple[str, int]]:
    """Return the levels of a network of a depth in words, in the order of its way.

    >>> levels(1)[1:]
    [('deepest: 1/2 size, widest view', 1), ('up 1: full size, decision', 2)]
    """
    named = []
    for level in range(2 * depth + 1 if depth else 0):
        row = min(level, 2 * depth - level)
        size = "full size" if row == 0 else f"1/{2**row} size"
        way = "deepest" if level == depth else f"{'down' if level < depth else 'up'} {row + 1}"
        special = {0: ", fine detail", depth: ", widest view", 2 * depth: ", decision"}
        named.append((f"{way}: {size}{special.get(level, '')}", level))
    return named
