"""Job of the Evaluate dock."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from seamless_unet.jobs.orders import Orders


def evaluate(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Compare labels with true ones, piece by piece.

    ``truth``, ``predicted``, ``ndim`` (how many of the last axes make a piece), ``iou``:
    ``progress`` with a fraction, then ``evaluated``. Its ``objects`` are those of
    `seamless_unet.object_states`, with ``pixel`` counted in the whole; ``compared`` is the image
    of what is found, missed and invented; ``parts`` counts the connected parts of the foreground
    in both.
    """
    from scipy import ndimage as ndi

    from seamless_unet.metrics import combine, measure
    from seamless_unet.object_states import compared_image, object_states
    from seamless_unet.overlaps import find_overlaps

    truth, predicted = (np.load(request[key], mmap_mode="r") for key in ("truth", "predicted"))
    looped = truth.shape[: truth.ndim - request["ndim"]]
    paths = {key: str(Path(request["output"]).with_name(f"{key}.npy")) for key in _ARRAYS}
    compared = np.lib.format.open_memmap(paths["compared"], "w+", np.uint8, truth.shape)
    evaluations, objects, parts = [], [], {"truth": 0, "predicted": 0}
    for number, index in enumerate(np.ndindex(looped)):
        yield {"event": "progress", "fraction": number / max(1, np.prod(looped))}
        overlaps = find_overlaps(truth[index], predicted[index])
        evaluations.append(measure(overlaps))
        rows = object_states(overlaps, iou=request["iou"])
        rows["pixel"] += number * evaluations[-1].pixels
        objects.append(rows)
        compared[index] = compared_image(overlaps, iou=request["iou"])
        parts["truth"] += ndi.label(truth[index])[1]
        parts["predicted"] += ndi.label(predicted[index])[1]
    compared.flush()
    np.save(paths["objects"], np.concatenate(objects))
    yield {
        "event": "evaluated",
        "last": True,
        "overall": combine(evaluations).to_json(),
        "images": [
            {"index": list(index), **evaluation.to_json()}
            for index, evaluation in zip(np.ndindex(looped), evaluations, strict=True)
        ],
        "parts": parts,
        **paths,
        "arrays": _ARRAYS,
    }


_ARRAYS = ["objects", "compared"]
