"""What a model that is learning finds in the plane that the user looks at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from seamless_unet.checkpoint import kept_request
from seamless_unet.plugin import layers
from seamless_unet.plugin.job import Event, Job
from seamless_unet.plugin.view import View, current_view
from seamless_unet.plugin.worker import Worker
from seamless_unet.plugin.world import camera

_MOST_PIXELS = 768 * 768
_SETTLED = 300  # milliseconds without a movement, after which the user is looking


class Preview(QObject):
    """Follows the sliders and the camera, tells a training where the user looks, shows the result.

    Its layer is made for one training. It is only ever its data that change, and once the user
    removed it, it stays away.
    """

    def __init__(self, viewer: Any, worker: Worker) -> None:
        super().__init__()
        self.viewer = viewer
        self.worker = worker
        self.layer: Labels | None = None
        self.shown: tuple[Image, str, View, NDArray] | None = None  # what the layer is made of
        self._images: Mapping[int, tuple[Image, str]] = {}
        self._asked: dict[int, tuple[Image, str, View]] = {}  # by the number of the question
        self._job: Job | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLED)
        self._timer.timeout.connect(self._ask)

    def begin(
        self, job: Job, images: Mapping[int, tuple[Image, str]], *, name: str, ndim: int = 2
    ) -> None:
        """Start to follow.

        Parameters
        ----------
        job
            The training.
        images
            Those it learns from and their dimensions, by their number in its request.
        name
            Of the model.
        ndim
            2 if it looks at planes, 3 if at volumes.
        """
        self.forget()
        self._job, self._images, self._name, self._ndim = job, images, name, ndim
        for signal in self._signals():
            signal.connect(self._moved)
        self._ask()

    def forget(self) -> None:
        """Follow no more, and leave the layer to the user."""
        self.end()
        self.layer = self.shown = None

    def end(self) -> None:
        """Follow no more; the layer stays."""
        self._timer.stop()
        if self._job is not None:
            for signal in self._signals():
                signal.disconnect(self._moved)
        self._job = None
        self._images = {}  # or images that are removed would stay in memory
        self._asked.clear()
        if self.layer is not None:
            self.layer.editable = True

    def _signals(self) -> list[Any]:
        dims, layers = self.viewer.dims.events, self.viewer.layers.events
        shown = [image.events.visible for image, _ in self._images.values()]
        moved = [dims.current_step, dims.order, camera(self.viewer).events.center]
        return [*moved, layers.removed, layers.reordered, *shown]

    def _moved(self, event: Any = None) -> None:
        self._timer.start()

    def _ask(self) -> None:
        """Let the training know what the user looks at, if it is something else by now."""
        number = self._looked_at()
        if number is None or self._job is None or self._job.done:
            return
        image, axes = self._images[number]
        if layers.full_data(image).ndim != len(axes):
            return  # somebody has put other data into the layer
        view = current_view(self.viewer, image, axes, ndim=self._ndim, most_pixels=_MOST_PIXELS)
        last = next(reversed(self._asked.values()), None)
        if last is not None and last[0] is image and last[2].region == view.region:
            return
        request = {"request": "view", "axes": view.axes, "whole": number, "index": view.index}
        asked = self.worker.tell(self._job, request, {"image": view.data})
        self._asked[asked] = (image, axes, view)

    def _looked_at(self) -> int | None:
        """Return which image lies on top of the others."""
        order = {layer: place for place, layer in enumerate(self.viewer.layers)}
        there = [
            (image.visible, order[image], -number)
            for number, (image, _) in self._images.items()
            if image in order
        ]
        return -max(there)[2] if there else None

    def show(self, event: Event) -> None:
        """Put a ``preview`` event's labels into the layer."""
        asked = self._asked.get(event["number"])
        if asked is None:
            return
        for older in [number for number in self._asked if number < event["number"]]:
            del self._asked[older]
        view = asked[2]
        labels = view.expand(event["labels"])
        self.shown = (*asked, labels)
        if self.layer is None:
            self.layer = self._add(labels, view)
        elif self.layer in self.viewer.layers:
            _replace(self.layer, labels, view)

    def hide(self) -> None:
        """Make the layer invisible."""
        if self.layer is not None:
            self.layer.visible = False

    def _add(self, labels: NDArray, view: View) -> Labels:
        """Add the layer below what the user is working on, and leave that selected."""
        selected, active = set(self.viewer.layers.selection), self.viewer.layers.selection.active
        shows = {layers.ONLY_SHOWS: True}
        layer = self.viewer.add_labels(
            labels, name=f"preview: {self._name}", metadata=shows, **view.placement
        )
        layer.editable = False  # the next preview would wipe out what is painted
        layer.contour = 2  # what the user drew, and the image, remain visible
        self.viewer.layers.selection = selected
        self.viewer.layers.selection.active = active
        return layer


def learned_from(viewer: Any, folder: Path) -> dict[int, tuple[Image, str]]:
    """Return the layers that an interrupted training learns from, as `Preview.begin` takes them.

    A layer is taken for an image if it has its name and its size; those not open are left out.

    Parameters
    ----------
    viewer
        Whose layers.
    folder
        The training's checkpoint.

    Raises
    ------
    ValueError, OSError
        If the checkpoint is damaged.
    """
    request = kept_request(folder)
    images = {}
    for number, pair in enumerate(request["pairs"]):
        shape = np.load(request[f"image {number}"], mmap_mode="r").shape
        for layer in layers.in_viewer(viewer, Image):
            if layer.name == pair["name"] and tuple(layers.full_data(layer).shape) == shape:
                images[number] = (layer, pair["axes"])
    return images


def _replace(layer: Labels, labels: NDArray, view: View) -> None:
    layer.data = labels
    layer.editable = False  # new data make it editable
    for name in ("units", "axis_labels"):
        if view.placement.get(name, getattr(layer, name)) != getattr(layer, name):
            setattr(layer, name, view.placement[name])
    for name in ("scale", "rotate", "shear", "translate"):  # of another image, perhaps
        if not np.array_equal(getattr(layer, name), view.placement[name]):
            setattr(layer, name, view.placement[name])
    if not np.array_equal(layer.affine.affine_matrix, view.placement["affine"].affine_matrix):
        layer.affine = view.placement["affine"]
