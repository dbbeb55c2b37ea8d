"""A dock of the plugin, opened by something else than the Plugins menu."""

from typing import Any, TypeVar

from napari.plugins import menu_item_template

Dock = TypeVar("Dock")


def raised_dock(viewer: Any, kind: type[Dock], title: str) -> Dock:
    """Return the widget in the dock of this title, which is in sight now.

    Parameters
    ----------
    viewer
        Whose dock: the one that is open, whoever opened it.
    kind
        Of the widget.
    title
        As in the manifest.
    """
    name = menu_item_template.format("Seamless U-Net", title)  # as the Plugins menu has it
    docks = viewer.window.dock_widgets
    widget: Any = next((dock for dock in docks.values() if isinstance(dock, kind)), None)
    if widget is None:
        widget = kind(viewer)  # type: ignore[call-arg]
        viewer.window.add_dock_widget(widget, name=name)
    dock = widget.parent()
    dock.show()
    dock.raise_()
    return widget
