"""Docks that were closed while their job went on: opened again, they are the same as before."""

from typing import Any
from weakref import WeakSet

from qtpy.QtWidgets import QScrollArea, QWidget

_closed: WeakSet[Any] = WeakSet()  # widgets that are worth keeping


class Reopening(type(QScrollArea)):  # type: ignore[misc]
    """The type of docks: making one gives back that of the viewer which was closed, if any.

    napari makes a new widget whenever a dock is opened, and the job, its bar, its curve, the form
    it was started from and what can be done with its result belong to the one before.
    """

    def __call__(cls, napari_viewer: Any, **keywords: Any) -> Any:
        """Make a widget, or take the closed one of this kind."""
        viewer = _unwrapped(napari_viewer)
        for widget in _closed:
            if type(widget) is cls and _unwrapped(widget.viewer) is viewer:
                _closed.discard(widget)
                widget.reset_choices()  # there may be other layers by now
                return widget
        return super().__call__(napari_viewer, **keywords)


def keep(widget: QWidget) -> None:
    """Give this widget back when its dock is opened again."""
    _closed.add(widget)


def _unwrapped(viewer: Any) -> Any:
    """Return a viewer itself: napari gives docks a proxy, and each another one."""
    return getattr(viewer, "__wrapped__", viewer)
