"""What the files that layers came from say about them, read once, in a thread."""

import contextlib
import threading
import weakref

from napari.layers import Layer
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from seamless_unet.metadata import Metadata, read_metadata

_PATIENCE = 0.03  # seconds that a look into a file may keep the window waiting


class Arrivals(QObject):
    """Tells the docks that a slow file was read; there is only `signals`."""

    arrived = Signal()


signals = Arrivals()
_known: "weakref.WeakKeyDictionary[Layer, tuple[str, Metadata | None]]" = (
    weakref.WeakKeyDictionary()
)


def layer_metadata(layer: Layer) -> Metadata | None:
    """Return what the file that a layer came from says about it.

    The file is read once for each layer. If that takes long, as on a network drive, ``None`` is
    returned for now, and ``signals.arrived`` comes when asking again gives the answer.
    """
    path = layer.source.path
    if path is None:
        return None
    if layer not in _known or _known[layer][0] != path:
        _known[layer] = (path, None)
        late = threading.Event()
        reader = threading.Thread(target=_read, args=(weakref.ref(layer), path, late), daemon=True)
        reader.start()
        reader.join(_PATIENCE)
        late.set()
    return _known[layer][1]


def _read(reference: "weakref.ref[Layer]", path: str, late: threading.Event) -> None:
    metadata = read_metadata(path)
    if layer := reference():
        _known[layer] = (path, metadata)
    if metadata is not None and late.is_set():
        with contextlib.suppress(RuntimeError):  # Qt is already gone while Python ends
            signals.arrived.emit()
