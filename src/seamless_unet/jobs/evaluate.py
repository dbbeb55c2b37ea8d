"""Job of the Evaluate dock."""

from __future__ import annotations

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from seamless_unet.jobs.new_arrays import new_array
from seamless_unet.jobs.orders import Orders
from seamless_unet.jobs.remote import given_array


def evaluate(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Compare labels with true ones, piece by piece.

    ``truth``, ``predicted`` (see `given_array`), ``axes``, ``pixel_size`` (as far as it is known),
    ``ndim`` (how many of the last axes make a piece), ``iou``, ``output`` or ``zarr`` (a folder for
    what takes much room, that is not there yet): ``progress`` with a fraction, then ``evaluated``.
    Its ``objects`` are those of `seamless_unet.object_states`, with ``pixel`` counted in the whole;
    ``compared`` is the image of what is found, missed and invented; ``parts`` counts the connected
    parts of the foreground in both.
    """
    from scipy import ndimage as ndi

    from seamless_unet.metrics import combine, measure
    from seamless_unet.object_states import compared_image, object_states
    from seamless_unet.overlaps import find_overlaps

    arrays = {key: given_array(request, key, orders) for key in ("truth", "predicted")}
    axes, shape = request["axes"], arrays["truth"].shape
    looped = shape[: len(shape) - request["ndim"]]
    output = Path(request["output"]).with_name("compared.npy")
    target = Path(request["zarr"]) if request.get("zarr") else output
    evaluations, objects, parts = [], [], dict.fromkeys(arrays, 0)
    with new_array(target, shape, np.uint8, axes, request.get("pixel_size")) as compared:
        for number, index in enumerate(np.ndindex(looped)):
            yield {"event": "progress", "fraction": number / math.prod(looped)}
            piece = {key: np.asarray(array[index]) for key, array in arrays.items()}
            overlaps = find_overlaps(**piece)
            evaluations.append(measure(overlaps))
            rows = object_states(overlaps, iou=request["iou"])
            rows["pixel"] += number * evaluations[-1].pixels
            objects.append(rows)
            place = (*index, *[slice(None)] * request["ndim"])
            compared[place] = compared_image(overlaps, iou=request["iou"])
            for key, labels in piece.items():
                parts[key] += ndi.label(labels != 0)[1]
    paths = {"objects": str(output.with_name("objects.npy")), "compared": str(target)}
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
        "arrays": ["objects"] if request.get("zarr") else ["objects", "compared"],
    }
