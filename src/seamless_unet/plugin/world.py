"""Between the pixels of a layer and the world that a viewer shows.

The world has the smallest of the units of all layers (napari 0.9); a layer's own transformations
know its own units only.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray


def to_pixel(viewer: Any, layer: Layer, point: Sequence[float]) -> NDArray[np.float64]:
    """Return where in a layer a point of the viewer's world lies, in pixels.

    It has at least as many dimensions as the layer, whose are the last ones.
    """
    return np.asarray(
        layer.world_to_data(np.asarray(point)[-layer.ndim :] / per_unit(viewer, layer))
    )


def to_world(viewer: Any, layer: Layer, pixel: Sequence[float]) -> NDArray[np.float64]:
    """Return the point of the viewer's world at which a pixel of a layer lies."""
    return np.asarray(layer.data_to_world(pixel)) * per_unit(viewer, layer)


def per_unit(viewer: Any, layer: Layer) -> NDArray[np.float64]:
    """Return how many units of the viewer's world make one of a layer's, along its dimensions."""
    units = getattr(viewer.layers, "units", None) or ()
    return ratios(layer.units, units)


def ratios(units: Sequence[Any], smaller: Sequence[Any]) -> NDArray[np.float64]:
    """Return how many of other units make one of these; 1 where one is no part of the other.

    The last ones are of the same dimensions.

    >>> from pint import get_application_registry
    >>> um, nm, pixel = map(get_application_registry().Unit, ("um", "nm", "pixel"))
    >>> ratios([pixel, um, um], [nm, um])
    array([   1., 1000.,    1.])
    """
    found = np.ones(len(units))
    for i in range(1, 1 + min(len(units), len(smaller))):
        if units[-i] != smaller[-i] and units[-i].is_compatible_with(smaller[-i]):
            found[-i] = (1 * units[-i]).to(smaller[-i]).magnitude
    return found


def camera(viewer: Any) -> Any:
    """Return a viewer's camera, which napari 0.9 moved."""
    return getattr(viewer, "scene", viewer).camera
