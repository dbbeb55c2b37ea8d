"""Jobs of the Segment dock."""

from __future__ import annotations

import functools
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from seamless_unet.jobs.orders import Orders
from seamless_unet.model_file import Model, load_model


def segment(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Segment an image.

    ``image``, ``axes``, ``model``, ``device``, ``output`` (where to write the labels), ``options``
    (keywords of `segment_stack`): ``progress`` with a fraction, then ``segmented``.
    """
    from seamless_unet.stack import Segmented, segment_stack
    from seamless_unet.train import choose_device

    model = cached_model(request["model"])
    yield {"event": "progress", "fraction": 0.0}
    image = np.load(request["image"], mmap_mode="r")
    device = choose_device(request["device"])
    for item in segment_stack(model, image, request["axes"], device=device, **request["options"]):
        if isinstance(item, Segmented):
            np.save(request["output"], item.labels)
            yield {
                "event": "segmented",
                "last": True,
                "labels": request["output"],
                "arrays": ["labels"],
                "objects": item.objects,
            }
        else:
            yield {"event": "progress", "fraction": item.done / item.total}


def warm(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Be ready to segment with a ``model`` on a ``device``, unless a request is waiting: ``warm``.

    It segments next to nothing: all that is slow the first time has happened then.
    """
    from seamless_unet.stack import segment_stack
    from seamless_unet.train import choose_device

    if orders.requests.empty():
        model = cached_model(request["model"])
        network = model.info.network
        nothing = np.zeros((network.in_channels, *(8,) * network.ndim), np.uint8)
        axes = "C" + "ZYX"[-network.ndim :]
        for _ in segment_stack(model, nothing, axes, device=choose_device(request["device"])):
            pass
    yield {"event": "warm", "last": True}


def cached_model(name: str) -> Model:
    """Return a model that is read once, and again if its file was replaced."""
    path = Path(name)
    return _read(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _read(path: Path, modified: int) -> Model:
    """Read a model once; ``modified`` makes a file that was replaced count as another."""
    return load_model(path)
