"""Jobs of the Segment dock."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from seamless_unet.axes import split
from seamless_unet.disk_space import check_room
from seamless_unet.jobs.new_arrays import in_ome_order, new_array, stored_size
from seamless_unet.jobs.orders import Orders
from seamless_unet.jobs.remote import given_array
from seamless_unet.model_file import Model, load_model

if TYPE_CHECKING:
    from seamless_unet.pieces import Layout, Measured, Piece, Predicted
    from seamless_unet.predict import Progress

# pixels a side: with fewer, the convolutions of a large image are not ready
_WARM_UP = {2: 256, 3: 32}

Targets = dict[str, tuple[Path, tuple[int, ...], DTypeLike, str]]  # path, shape, dtype, axes


def segment(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Segment an image.

    ``image`` (see `given_array`), ``axes``, ``plane`` (which one of a stack, whose grey values are
    measured as a whole; ``None`` takes all of them), ``model``, ``device``, ``label_axes`` (those
    of the labels, one pixel long along any that a piece does not have; without it the image's but
    C), ``output`` (where to write them) or ``zarr`` (a folder for them, empty or not there yet),
    ``pixel_size`` (to be written there), ``options`` (keywords of `segment_stack`): ``progress``
    with a fraction and, once that is known, ``seconds_left``; with ``zarr`` a ``plane`` whenever
    one, or a volume, is final on the disk; then ``segmented``. Nothing is left of ``zarr`` unless
    it comes to that.
    """
    from seamless_unet.device import choose_device
    from seamless_unet.found_pieces import SegmentConfig, scratch_size
    from seamless_unet.pieces import layout
    from seamless_unet.scratch import scratch_folder
    from seamless_unet.stack import segment_pieces

    model = cached_model(request["model"])
    yield {"event": "progress", "fraction": 0.0}
    options = dict(request["options"])
    pixel_size, probabilities = options.pop("pixel_size", None), options.pop("probabilities", False)
    image, axes, measured = given_array(request, "image", orders), request["axes"], None
    if request.get("plane") is not None:
        image, axes, measured = _plane(image, axes, request["plane"], model)
    plan = layout(model.info, image.shape, axes)
    items = segment_pieces(
        model,
        image,
        plan,
        SegmentConfig(**options),
        pixel_size=pixel_size,
        device=choose_device(request["device"]),
        probabilities=probabilities,
        measured=measured,
    )
    path = Path(request.get("zarr") or request["output"])
    targets = _targets(path, plan, request.get("label_axes", plan.label_axes), probabilities)
    temporary = (scratch_folder(), scratch_size(plan, model.info, pixel_size))
    check_room([temporary, *((t[0].parent, stored_size(*t[:3])) for t in targets.values())])
    objects = yield from _write(items, plan, targets, request.get("pixel_size"))
    where = {"zarr": str(path), "arrays": []} if request.get("zarr") else {"arrays": [*targets]}
    yield {
        "event": "segmented",
        "last": True,
        "axes": targets["labels"][3],
        "objects": objects,
        **{key: str(target[0]) for key, target in targets.items()},
        **({"probability_axes": targets["probabilities"][3]} if probabilities else {}),
        **where,
    }


def _plane(image: Any, axes: str, plane: int, model: Model) -> tuple[Any, str, Measured]:
    """Return a plane of a stack, its axes, and what `measure` finds in the stack."""
    from seamless_unet.normalize import measure

    ((_, volume),) = split(image, axes, 3)  # C, Z, Y, X
    offset, scale = measure(volume, model.info.normalization)
    return volume[:, plane], "CYX", (offset[:, 0], scale[:, 0])


def _targets(path: Path, plan: Layout, label_axes: str, probabilities: bool) -> Targets:
    """Return the arrays to be written: labels, and perhaps the probabilities beside them."""
    sides = dict(zip(plan.label_axes, plan.label_shape, strict=True))
    shape = tuple(sides.get(axis, 1) for axis in label_axes)
    targets: Targets = {"labels": (path, shape, np.int32, label_axes)}
    if probabilities:
        sides = dict(zip(plan.probability_axes, plan.probability_shape, strict=True))
        axes = in_ome_order(plan.probability_axes)
        beside = path.with_name(f"{path.stem} certainty{path.suffix}")
        shape = tuple(sides[axis] for axis in axes)
        targets["probabilities"] = (beside, shape, np.float32, axes)
    return targets


def _write(
    items: Iterator[Progress | Predicted | Piece],
    plan: Layout,
    targets: Targets,
    pixel_size: Mapping[str, float] | None,
) -> Generator[dict[str, Any], None, int | None]:
    """Write all pieces to new arrays, say what is final, and return the number of objects."""
    from seamless_unet.pieces import Piece, Predicted, put

    left = _seconds_left()
    axes = {key: target[3] for key, target in targets.items()}
    objects = None
    with contextlib.ExitStack() as stack:
        arrays = {
            key: stack.enter_context(new_array(*target, pixel_size))
            for key, target in targets.items()
        }
        for item in items:
            if isinstance(item, Predicted):
                piece, its = item.probabilities, "C" + plan.spatial
                put(arrays["probabilities"], axes["probabilities"], item.index, piece, its)
            elif isinstance(item, Piece):
                index = plan.index_along(axes["labels"], item.index)
                put(arrays["labels"], axes["labels"], index, item.labels, plan.spatial)
                objects = item.objects
                if (
                    targets["labels"][0].suffix != ".npy"
                ):  # others look at a file when it is complete
                    yield {"event": "plane", "index": item.index, "objects": objects}
            else:
                yield {"event": "progress", **left(item.done / item.total)}
    return objects


def _seconds_left() -> Callable[[float], dict[str, float]]:
    """Return a function from a fraction to what ``progress`` says, timed from its first call."""
    first: list[float] = []

    def left(fraction: float) -> dict[str, float]:
        now = time.monotonic()
        first[:] = first or [fraction, now]
        done = fraction - first[0]
        known = {"seconds_left": (now - first[1]) / done * (1 - fraction)} if done else {}
        return {"fraction": fraction, **known}

    return left


def warm(request: dict[str, Any], orders: Orders) -> Generator[dict[str, Any], None, None]:
    """Be ready to segment with a ``model`` on a ``device``, unless a request is waiting: ``warm``.

    It segments a little noise: all that is slow the first time has happened then.
    """
    from seamless_unet.device import choose_device
    from seamless_unet.stack import segment_stack

    if orders.requests.empty():
        model = cached_model(request["model"])
        network = model.info.network
        shape = (network.in_channels, *(_WARM_UP[network.ndim],) * network.ndim)
        noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        axes = "C" + "ZYX"[-network.ndim :]
        for _ in segment_stack(model, noise, axes, device=choose_device(request["device"])):
            pass
    yield {"event": "warm", "last": True}


def cached_model(name: str) -> Model:
    """Return a model that is read once, and again if its file was replaced."""
    path = Path(name)
    try:
        modified = path.stat().st_mtime_ns
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"The model '{path.stem}' is gone: it was renamed or deleted meanwhile."
        ) from error
    return _read(path, modified)


@functools.lru_cache(maxsize=2)
def _read(path: Path, modified: int) -> Model:
    """Read a model once; ``modified`` makes a file that was replaced count as another."""
    return load_model(path)
