"""Border weights of drawn cells, as a training counts them."""

from typing import Any

from magicgui.widgets import CheckBox, FloatSpinBox
from magicgui.widgets.bases import ValueWidget
from napari.layers import Labels, Layer

from seamless_unet.config import TrainConfig
from seamless_unet.plugin import comparison, layers, look_layers
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.look import Look
from seamless_unet.plugin.view import current_view

_QUICK = TrainConfig.preset("quick")
_PLANE, _STACK = [("the plane in view", 0), ("every plane", 2)], [("the stack as a volume", 3)]


class WeightRows:
    """The rows of the form about border weights."""

    meaning = (
        "How much each pixel counts in training: most in the narrow gaps between cells, so that "
        "they are kept apart (Eq. 2 of the U-Net paper)."
    )

    def __init__(self) -> None:
        self._stack = False  # whether the labels have more than one plane
        self.part = Choice(
            label="Weigh",
            choices=lambda _: [*_PLANE, *_STACK] if self._stack else _PLANE[:1],
            tooltip="Training on planes weighs each by itself.\n"
            "As a volume, cells above and below count as neighbors, too.",
        )
        self.w0 = FloatSpinBox(
            label="Weight of gaps",
            value=_QUICK.border_weight,
            min=0,
            max=1000,
            tooltip="How much more the narrowest gaps between cells count (w0 in the paper).",
        )
        self.sigma = FloatSpinBox(
            label="Reach (pixels)",
            value=_QUICK.border_sigma,
            min=0.5,
            max=100,
            tooltip="Gaps much wider than twice this count no more than others (sigma).",
        )
        self.balance = CheckBox(
            text="Balance with background",
            tooltip="All cells together weigh as much as all background, as in the paper (w_c).",
        )
        self.rows: list[ValueWidget] = [self.part, self.w0, self.sigma, self.balance]

    @property
    def kept(self) -> dict[str, ValueWidget]:
        """What is the same for the next labels, by name."""
        return {"w0": self.w0, "sigma": self.sigma, "balance": self.balance}

    def follow(self, labels: Labels | None) -> None:
        """Offer what the dimensions of the labels allow."""
        self._stack = labels is not None and len(comparison.compared_dimensions(labels)) > 2
        self.part.reset_choices()

    def look(self, viewer: Any, labels: Labels) -> Look:
        """Ask for the weights of labels."""
        axes = comparison.axis_letters(labels)
        view = current_view(viewer, labels, axes) if self.part.value == 0 else None
        request = {
            "request": "border_weights",
            "ndim": self.part.value or 2,
            "w0": self.w0.value,
            "sigma": self.sigma.value,
            "gap": _QUICK.gap,
            "class_balance": self.balance.value,
        }

        def show(event: Event) -> tuple[list[Layer], str]:
            weights = event["weights"]
            weights = comparison.expanded(weights, labels) if view is None else view.expand(weights)
            place = layers.placement(labels, axes) if view is None else view.placement
            layer = look_layers.add_weights(viewer, weights, place, labels.name)
            return [layer], f"Done. The largest weight is {weights.max():.1f}."

        data = comparison.compared_data(labels) if view is None else view.data
        return Look(request, {"labels": data}, "Weighing the pixels ...", show)
