"""Examples as a training draws them, to see what its settings do before it starts."""

from typing import Any

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox
from magicgui.widgets.bases import ValueWidget
from napari.layers import Image, Labels, Layer

from seamless_unet.config import TrainConfig
from seamless_unet.plugin import layers, look_layers
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.look import Look
from seamless_unet.plugin.pair_list import ANNOTATIONS

_QUICK = TrainConfig.preset("quick")


class ExampleRows:
    """The rows of the form about examples."""

    meaning = (
        "Pieces of the image as a training sees them: bent, turned and changed at random. If they "
        "look like no image of yours, they are changed too much."
    )

    def __init__(self) -> None:
        self.annotation = ComboBox(
            label="I drew",
            choices=ANNOTATIONS,
            tooltip="What the numbers in the labels layer mean; see the Train dock.",
        )
        self.elastic = FloatSpinBox(
            label="Bend (pixels)",
            value=_QUICK.elastic,
            min=0,
            max=100,
            tooltip="How far pixels are moved by bending (elastic deformation, its standard\n"
            "deviation): 4 in the quick recipe, 10 in the paper.",
        )
        self.zoom = FloatSpinBox(
            label="Change of size",
            value=_QUICK.zoom,
            min=0,
            max=2,
            step=0.05,
            tooltip="0.25 draws from 1.25 times smaller to 1.25 times larger.",
        )
        self.grey = FloatSpinBox(
            label="Change of grey",
            value=_QUICK.grey,
            min=0,
            max=1,
            step=0.1,
            tooltip="Brightness, contrast, sharpness and noise; 0 leaves grey values alone.",
        )
        self.turn = CheckBox(
            value=True,
            text="Turn and mirror",
            tooltip="By any angle. Switch it off where up is always up.",
        )
        self.count = SpinBox(
            label="Examples", value=9, min=1, max=36, tooltip="How many pieces to show."
        )
        self.seed = SpinBox(
            label="Draw number",
            value=0,
            min=0,
            max=10**6,
            tooltip="The same number draws the same examples, another one others.",
        )
        self.rows: list[ValueWidget] = [
            *(self.annotation, self.elastic, self.zoom, self.grey),
            *(self.turn, self.count, self.seed),
        ]

    @property
    def kept(self) -> dict[str, ValueWidget]:
        """What is the same for the next image, by name."""
        names = ("annotation", "elastic", "zoom", "grey", "turn", "count", "seed")
        return {name: getattr(self, name) for name in names}

    def look(self, viewer: Any, image: Image, axes: str, labels: Labels) -> Look:
        """Ask for examples of an image and what was drawn on it.

        Raises
        ------
        ValueError
            If it was drawn on another image.
        """
        layers.check_same_place(image, axes, labels)
        given = ("annotation", "elastic", "zoom", "grey", "seed")
        changes = {name: getattr(self, name).value for name in given}
        changes |= {"rotate": self.turn.value, "flip": self.turn.value}
        request = {"request": "examples", "axes": axes, "changes": changes}

        def show(event: Event) -> tuple[list[Layer], str]:
            added = look_layers.add_examples(
                viewer, event["images"], event["classes"], event["weights"], image
            )
            viewer.reset_view()
            return added, "Done: right of the image. A hidden layer has their weights."

        arrays = {
            "image": layers.full_data(image),
            "labels": layers.without_channels(image, axes, layers.full_data(labels)),
        }
        return Look(request | {"count": self.count.value}, arrays, "Drawing examples ...", show)
