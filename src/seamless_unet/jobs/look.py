"""Jobs of the Look inside dock."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.jobs.new_arrays import new_array
from seamless_unet.jobs.orders import Orders
from seamless_unet.jobs.remote import given_array

_FRAME = 2  # pixels around every example


def border_weights(
    request: dict[str, Any], orders: Orders
) -> Generator[dict[str, Any], None, None]:
    """Weigh the pixels of labels by Eq. 2, piece by piece.

    ``labels`` (see `given_array`), ``ndim`` (how many of the last axes make a piece), ``w0``,
    ``sigma``, ``gap``, ``class_balance``: ``progress`` with a fraction, then ``weighed`` with
    ``weights``.
    """
    from seamless_unet.weight_map import separate_touching, weight_map

    labels = given_array(request, "labels", orders)
    looped = labels.shape[: labels.ndim - request["ndim"]]
    settings = {key: request[key] for key in ("w0", "sigma", "class_balance")}
    path = Path(request["output"])
    with new_array(path, labels.shape, np.float32) as weights:
        for number, index in enumerate(np.ndindex(looped)):
            yield {"event": "progress", "fraction": number / math.prod(looped)}
            apart = separate_touching(np.asarray(labels[index]), gap=request["gap"])
            weights[index] = weight_map(apart, **settings)
    yield {"event": "weighed", "last": True, "weights": str(path), "arrays": ["weights"]}


def features(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Show what a network sees in a part of an image, the liveliest maps first.

    ``image`` (a path, or what `remote_array` takes), ``axes`` (of one plane or stack), ``plane``
    (which one of a stack, for a network that sees planes), ``region`` (start and stop per axis
    that the network sees), ``model``, ``level``, ``device``: ``seen`` with ``maps`` (those that
    are not the same everywhere), ``numbers`` (which maps of the network these are), ``count``
    (how many it has), ``offset`` and ``scale`` as of `seamless_unet.features.FeatureMaps`.
    """
    from seamless_unet.axes import split
    from seamless_unet.device import choose_device
    from seamless_unet.features import feature_maps
    from seamless_unet.jobs.segment import cached_model
    from seamless_unet.normalize import measure

    yield {"event": "progress", "fraction": 0.0}
    model, axes = cached_model(request["model"]), request["axes"]
    ndim = model.network.config.ndim
    image: Any = given_array(request, "image", orders)
    ((_, piece),) = split(image, axes, 3 if "Z" in axes else ndim)
    offset, scale = measure(piece, model.info.normalization)
    if piece.ndim > 1 + ndim:  # a stack is normalized as one image, as in prediction
        piece, offset, scale = piece[:, request["plane"]], offset[:, 0], scale[:, 0]
    found = feature_maps(
        model,
        np.asarray(piece),
        request["level"],
        region=[slice(*side) for side in request["region"]],
        measured=(offset, scale),
        device=choose_device(request["device"]),
    )
    spread = found.maps.std(axis=tuple(range(1, found.maps.ndim)))
    numbers = np.argsort(-spread, kind="stable")[: np.count_nonzero(spread)]
    if not len(numbers):
        raise ValueError("No map shows anything here: move to a place with more in it.")
    np.save(request["output"], found.maps[numbers])
    yield {
        "event": "seen",
        "last": True,
        "maps": request["output"],
        "arrays": ["maps"],
        "numbers": numbers.tolist(),
        "count": len(spread),
        "offset": found.offset,
        "scale": found.scale,
    }


def examples(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Draw examples as a training does, and lay them out on sheets.

    ``image``, ``labels``, ``axes``, ``changes`` (of `TrainConfig`), ``count``: ``drawn`` with
    ``images`` (C, [Z,] Y, X), ``classes`` and ``weights`` ([Z,] Y, X).
    """
    from seamless_unet.config import TrainConfig
    from seamless_unet.dataset import make_dataset
    from seamless_unet.model_info import network_config
    from seamless_unet.patches import Patches
    from seamless_unet.unet import network_geometry

    yield {"event": "progress", "fraction": 0.0}
    config = TrainConfig.preset("quick", **request["changes"], batch_size=request["count"])
    image, labels = (np.load(request[key], mmap_mode="r") for key in ("image", "labels"))
    dataset = make_dataset([image], [labels], config, axes=request["axes"])
    yield {"event": "progress", "fraction": 0.5}
    geometry = network_geometry(network_config(dataset, config))
    drawn = Patches(dataset.training, config, geometry).draw(np.random.default_rng(config.seed))
    images, classes, weights = (part.numpy() for part in drawn)
    lost = [(a - b) // 2 for a, b in zip(images.shape[2:], classes.shape[1:], strict=True)]
    inner = tuple(slice(n, n + size) for n, size in zip(lost, classes.shape[1:], strict=True))
    images = images[(slice(None), slice(None), *inner)]  # without the context around it
    sheets = {
        "images": np.stack([_sheet(channel) for channel in images.swapaxes(0, 1)]),
        "classes": _sheet(classes.astype(np.uint8)),
        "weights": _sheet(weights),
    }
    paths = {key: str(Path(request["output"]).with_name(f"{key}.npy")) for key in sheets}
    for key, path in paths.items():
        np.save(path, sheets[key])
    yield {"event": "drawn", "last": True, **paths, "arrays": list(paths)}


def _sheet(examples: NDArray) -> NDArray:
    """Lay (N, [Z,] Y, X) out in rows and columns, in a frame of 0: ([Z,] Y, X).

    >>> _sheet(np.arange(1, 4).reshape(3, 1, 1))[2:-2, 2:-2]
    array([[1, 0, 0, 0, 0, 2],
           [0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0],
           [3, 0, 0, 0, 0, 0]])
    """
    columns = math.ceil(math.sqrt(len(examples)))
    missing = -len(examples) % columns
    around = [(_FRAME, _FRAME)] * 2
    framed = np.pad(examples, [(0, missing), *[(0, 0)] * (examples.ndim - 3), *around])
    rows = [np.concatenate(list(row), axis=-1) for row in np.split(framed, len(framed) // columns)]
    return np.concatenate(rows, axis=-2)
