"""The rows of a form that say what was drawn, and a list of further images with labels."""

from itertools import chain
from typing import Any

from magicgui.widgets import ComboBox
from magicgui.widgets.bases import ValueWidget
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QGroupBox, QPushButton, QVBoxLayout, QWidget

from seamless_unet.plugin import layer_metadata, layers
from seamless_unet.plugin.choice import Choice
from seamless_unet.plugin.fields import labelled, put_in_tab_order
from seamless_unet.plugin.layer_pair import LayerPair
from seamless_unet.plugin.panel import layer_combo
from seamless_unet.plugin.words import words

ANNOTATIONS = [("whole cells", "objects"), ("kinds of area", "classes"), ("strokes", "scribbles")]
_MEANINGS = {
    "objects": "Every cell is filled with a number of its own; 0 is background. "
    "Images of a stack without any label are left out.",
    "classes": "Every pixel has the number of its kind of area; 0 is one of the kinds.",
    "scribbles": "1 is drawn on background, 2 and up on cells or kinds; 0 says nothing.",
}


class Drawing:
    """What was drawn on an image: the labels, what they mean, and where all of it is drawn."""

    def __init__(self, viewer: Any) -> None:
        self.labels = layer_combo(
            viewer,
            Labels,
            label="Labels",
            tooltip="The labels layer that you drew on the image.",
        )
        self.annotation = ComboBox(
            label="I drew",
            choices=ANNOTATIONS,
            tooltip="What the numbers in the labels layer mean.",
        )
        self.meaning = words()
        self.region = Choice(
            label="Region",
            choices=lambda _: [
                ("the whole image", None),
                *((shapes.name, shapes) for shapes in layers.in_viewer(viewer, Shapes)),
            ],
            tooltip="Did you draw all cells in a part of the image only? Put a rectangle, an\n"
            "ellipse or a polygon around it in a shapes layer, and choose that layer here.",
        )
        self.rows: list[ValueWidget | QWidget] = [
            *(self.labels, self.annotation, self.meaning, self.region)
        ]
        self.annotation.changed.connect(self._annotation_changed)
        self._annotation_changed(self.annotation.value)

    def _annotation_changed(self, annotation: str) -> None:
        self.meaning.setText(_MEANINGS[annotation])

    def check_not_lost(self) -> None:
        """Refuse, once, labels or a region that nobody has chosen; see `Choice`."""
        self.labels.check_not_lost("The layer of labels")
        self.region.check_not_lost("The region")

    def pair(self, image: Image | None, axes: str | None) -> LayerPair:
        """Return what is chosen.

        Raises
        ------
        ValueError
            With words, if something is missing or does not belong together.
        """
        if image is None:
            raise ValueError("Open an image first: File > Open, or File > Open Sample.")
        if axes is None:
            raise ValueError("This image has too many dimensions; choose a part of it.")
        if self.labels.value is None:
            raise ValueError("Draw labels first: the labels button is above the layer list.")
        layers.check_same_place(image, axes, self.labels.value)
        chosen = self.labels.value, self.annotation.value, self.region.value
        return LayerPair(image, axes, *chosen)


class _Box(QGroupBox):
    """One further image, its labels, and a button that takes them off the list."""

    def __init__(self, viewer: Any) -> None:
        super().__init__("Also learn from")
        self.image = layer_combo(
            viewer, Image, label="Image", tooltip="Another image layer to learn from."
        )
        self.axes = Choice(
            label="Dimensions",
            choices=lambda _: [] if self.image.value is None else self._axes_choices(),
            tooltip="What the sliders below the image go through.",
        )
        self.drawing = Drawing(viewer)
        self.drawing.meaning.hide()  # it is there once already
        self.remove = QPushButton("Remove this image from the list")
        self.combos = [
            *(self.image, self.axes, self.drawing.labels, self.drawing.annotation),
            self.drawing.region,
        ]
        form = QFormLayout(self)
        form.setContentsMargins(6, 6, 6, 6)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for combo in self.combos:
            form.addRow(labelled(combo), combo.native)
        form.addRow(self.remove)
        self.image.changed.connect(self._image_changed)
        layer_metadata.signals.arrived.connect(self._arrived)
        self._image_changed()

    def _axes_choices(self) -> list[tuple[str, str]]:
        return layers.axes_choices(self.image.value)

    def _image_changed(self, *_: Any) -> None:
        """Show the likeliest dimensions of another image: the same may be wrong for it."""
        self.axes.reset_choices()
        if self.axes.choices:
            self.axes.value = self.axes.choices[0]
        self._guess = self.axes.value

    def _arrived(self) -> None:
        """Follow a file that was slow to say its dimensions, unless somebody did."""
        if self.axes.value == self._guess:
            self._image_changed()

    def reset_choices(self) -> None:
        for combo in self.combos:
            combo.reset_choices()


class PairList(QWidget):
    """Further images with labels; none at first."""

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.boxes: list[_Box] = []
        self.add_button = QPushButton("Add another image with labels ...")
        self.add_button.setToolTip("Learn from several images, each with labels of its own.")
        self.add_button.clicked.connect(self._add_clicked)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.add_button)

    def add(self, pair: LayerPair | None = None) -> None:
        """Add an image to choose, or a pair that is known already."""
        box = _Box(self.viewer)
        if pair is not None:
            values = (pair.image, pair.axes, pair.labels, pair.annotation, pair.region)
            for combo, value in zip(box.combos, values, strict=True):
                combo.value = value
        for combo in box.combos:
            combo.changed.connect(lambda _: self.changed.emit())
        box.remove.clicked.connect(lambda: self._remove(box))
        self.boxes.append(box)
        self._column.insertWidget(self._column.count() - 1, box)
        box.show()  # now, or the form would be laid out without it
        fields = [[*(c.native for c in box.combos), box.remove] for box in self.boxes]
        put_in_tab_order(self, [*chain.from_iterable(fields), self.add_button])
        self.changed.emit()

    def _add_clicked(self) -> None:
        self.add()

    def _remove(self, box: _Box) -> None:
        self.boxes.remove(box)
        box.hide()
        box.deleteLater()
        self.changed.emit()

    def check_not_lost(self) -> None:
        """Refuse, once, layers that nobody has chosen; see `Choice`."""
        for box in self.boxes:
            box.image.check_not_lost("The image")
            box.drawing.check_not_lost()

    def pairs(self) -> list[LayerPair]:
        """Return what is chosen; ValueError with words if that cannot be learned from."""
        self.reset_choices()  # an image may have other dimensions by now
        return [box.drawing.pair(box.image.value, box.axes.value) for box in self.boxes]

    def reset_choices(self) -> None:
        """Follow the viewer's layer list."""
        for box in self.boxes:
            box.reset_choices()
