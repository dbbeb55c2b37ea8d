"""The layers that one run of the Segment dock adds: labels, and how certain the model is."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.layers import Labels, Shapes
from qtpy.QtCore import QTimer

from seamless_unet.axes import label_axes
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin import stored
from seamless_unet.plugin.job import Event
from seamless_unet.plugin.layers import AXES

_COLORMAPS = ("magenta", "green", "cyan", "yellow", "red", "blue")
_LOOKING = ("pan_zoom", "transform")  # modes of a layer in which nobody draws
_REFRESH = 500  # milliseconds at least between two looks at labels that are still being made
_SHARE = 0.05  # of the time at most, that napari is busy with them: in 3-D it reads all of them


@dataclass(frozen=True)
class Place:
    """Where results belong.

    Parameters
    ----------
    image, model
        Names, for those of the layers.
    axes
        Of the layers; see `layers.placed_axes`.
    keywords
        Of ``add_labels`` and ``add_image``.
    """

    image: str
    model: str
    axes: str
    keywords: dict[str, Any]


class Result:
    """The layers of one run.

    Parameters
    ----------
    viewer, place
        Where they are added.
    info
        Of the model.
    folder
        The OME-Zarr image that the labels are written to; ``None`` if they come all at once.
    certainty
        Whether the certainty is written beside it.
    """

    def __init__(
        self, viewer: Any, place: Place, info: ModelInfo, folder: Path | None, *, certainty: bool
    ) -> None:
        self.folder = folder
        self.folders: set[Path] = set()  # all that is written to the disk
        if folder is not None:
            self.folders = {folder, stored.certainty_folder(folder)} if certainty else {folder}
        self._viewer, self._place, self._info = viewer, place, info
        self._labels: Labels | None = None
        self._refresh = QTimer()
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(_REFRESH)
        self._refresh.timeout.connect(self._look_again)

    def grow(self) -> None:
        """Show what is new in the folder, soon."""
        if self._labels is None:
            with _painting_goes_on(self._viewer.layers):
                self._labels = self._add_labels()
            self._labels.editable = False  # the rest of it is still being written
        elif not self._refresh.isActive():
            self._refresh.start()

    def finish(self, event: Event) -> None:
        """Show all that a ``segmented`` event brings."""
        self._refresh.stop()
        with _painting_goes_on(self._viewer.layers):
            if self._labels is None:
                self._labels = self._add_labels(event.get("labels"))
            else:
                self._labels.editable = not self._labels.multiscale  # napari paints on one size
                self._look_again()
            if event.get("probabilities") is not None:
                self._add_certainty(event["probabilities"], event["probability_axes"])

    def drop(self) -> None:
        """Keep nothing: remove the layer, and what a process that was killed left on the disk."""
        self._refresh.stop()
        if self._labels is not None and self._labels in self._viewer.layers:
            self._viewer.layers.remove(self._labels)
        stored.remove(self.folders)

    def _add_labels(self, array: Any = None) -> Labels:
        levels = [array] if self.folder is None else stored.open_levels(self.folder, "r+")
        place = self._place
        labels = self._viewer.add_labels(
            **stored.layer_data(levels),
            name=f"{place.image} {place.model}",
            metadata={AXES: place.axes},
            **place.keywords,
        )
        if self._info.output == "classes":  # napari shows them where the pointer is
            values, names = self._info.class_values, self._info.classes
            labels.features = {"index": values, "finds": names}
        return labels

    def _add_certainty(self, probabilities: Any, axes: str) -> None:
        """Add images of what the model is certain of, below the labels."""
        levels = [probabilities]
        if isinstance(probabilities, str):
            levels = stored.open_levels(probabilities, "r")
        parts = [certainties(self._info, level, axes, self._place.axes) for level in levels]
        for number, same in enumerate(zip(*parts, strict=True)):
            what = same[0][0]
            image = self._viewer.add_image(
                **stored.layer_data([array for _, array in same]),
                name=f"{self._place.model} certainty of {what or self._place.image}",
                colormap=_COLORMAPS[number % len(_COLORMAPS)],
                contrast_limits=(0, 1),
                blending="additive",
                **self._place.keywords,
            )
            order = self._viewer.layers
            if self._labels in order:
                order.move(order.index(image), order.index(self._labels))
        if self._labels in self._viewer.layers:  # or the user has removed it
            self._viewer.layers.selection.active = self._labels

    def _look_again(self) -> None:
        if self._labels is not None:
            began = time.perf_counter()
            self._labels.refresh()
            seconds = time.perf_counter() - began
            self._refresh.setInterval(max(_REFRESH, round(1000 * seconds / _SHARE)))


@contextlib.contextmanager
def _painting_goes_on(layers: Any) -> Iterator[None]:
    """Leave the layer selected that somebody draws on, whatever is added."""
    selected, active = set(layers.selection), layers.selection.active
    yield
    draws = isinstance(active, Labels | Shapes) and str(active.mode) not in _LOOKING
    if draws and active in layers:
        layers.selection = selected
        layers.selection.active = active


def certainties(
    info: ModelInfo, probabilities: Any, axes: str, wanted: str
) -> list[tuple[str, Any]]:
    """Return what a user wants to see of probabilities, as (name, array from 0 to 1).

    One array of the foreground, without a name, for a model that finds objects; one for each
    kind of area, but for the background, for one that finds those.

    Parameters
    ----------
    probabilities, axes
        numpy or zarr; C are the classes.
    wanted
        The axes of the arrays, in any order; they are one pixel long along others than those.
    """
    import dask.array as da

    rest = label_axes(axes)
    order = [rest.index(axis) for axis in wanted if axis in rest]
    place = tuple(slice(None) if axis in rest else None for axis in wanted)
    # napari reads a plane at a time; of a stored one, only those chunks that are in view
    plane = tuple(-1 if axis in "YX" else 1 for axis in axes)
    lazy = da.from_array(probabilities, getattr(probabilities, "chunks", plane), name=False)

    def one(number: int) -> Any:
        return lazy[(slice(None),) * axes.index("C") + (number,)].transpose(order)[place]

    if info.output == "objects":  # whatever is not background: the rim of a cell and its core
        return [("", 1 - one(0))]
    return [(name, one(k)) for k, name in enumerate(info.classes) if name != "background"]
