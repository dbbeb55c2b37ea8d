"""A dock of the plugin, opened by something else than the Plugins menu."""

from typing import Any, TypeVar

from napari.plugins import menu_item_template

Dock = TypeVar("Dock")


def raised_dock(viewer: Any, kind: type[Dock], title: str) -> Dock:
    """Return the widget in the dock of this title, which is in sight now.

    Parameters
    ----------
    viewer
        Whose dock: the one that the Plugins menu opened, if it did.
    kind
        Of the widget.
    title
        As in the manifest.
    """
    name = menu_item_template.format("Seamless U-Net", title)  # as the Plugins menu has it
    docks = viewer.window.dock_widgets
    if name not in docks:
        viewer.window.add_dock_widget(kind(viewer), name=name)  # type: ignore[call-arg]
    widget = docks[name]
    dock = widget.parent()
    dock.show()
    dock.raise_()
    return widget
