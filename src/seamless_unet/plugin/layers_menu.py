"""What napari's layers menu offers: the Segment dock for a layer, or its result at once."""

import napari

from seamless_unet.plugin import layers
from seamless_unet.plugin.docks import raised_dock
from seamless_unet.plugin.segment_widget import SegmentWidget


def segment_cells(layer: napari.layers.Layer, viewer: napari.Viewer) -> None:
    """Open or raise the Segment dock, with the active layer chosen if it is an image."""
    _opened(layer, viewer)


def segment_shown(layer: napari.layers.Layer, viewer: napari.Viewer) -> None:
    """Segment the plane that is shown at once: of the active image, or the topmost visible one."""
    shown = [each for each in layers.in_viewer(viewer, napari.layers.Image) if each.visible]
    image = layer if isinstance(layer, napari.layers.Image) else next(iter(shown), layer)
    widget = _opened(image, viewer)
    if widget.job is None and isinstance(image, napari.layers.Image):
        if "shown" in widget.part.choices:
            widget.part.value = "shown"
        widget.start_button.click()


def _opened(layer: napari.layers.Layer, viewer: napari.Viewer) -> SegmentWidget:
    widget = raised_dock(viewer, SegmentWidget, "Segment")
    if widget.is_free() and isinstance(layer, napari.layers.Image):
        widget.image.value = layer
    return widget
