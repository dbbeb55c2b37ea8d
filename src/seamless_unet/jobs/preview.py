"""What a network that is learning makes of what the user looks at."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seamless_unet.axes import loop_axes, split
from seamless_unet.config import Normalization
from seamless_unet.jobs.orders import Orders
from seamless_unet.model_file import Model
from seamless_unet.model_header import ModelInfo
from seamless_unet.normalize import measure

if TYPE_CHECKING:
    from seamless_unet.train_state import TrainState

_FIRST = 3.0  # seconds of learning before which random weights show nothing
_PAUSE = 10.0  # seconds between two previews of the same view
_PART = 0.05  # of the time may go into previews
_ADVANCE = 5.0  # seconds on top of that for new views, which somebody is waiting for;
_WAIT = 5  # when they are used up, a new view waits so many times as long as a preview takes
_FILES = 3  # kept: the parent may still be about to read the last ones


class Previews:
    """Segments the latest view with the averaged weights; learning does not notice.

    A view is a request of the parent: ``image`` (a file, which is removed), its ``axes``, a
    ``number`` that comes back with the result and, where it is a part of a training image,
    ``whole``: the number of that pair, and ``index``: where along T and S, such as ``{"T": 3}``,
    so that it is normalized like the whole; else it is normalized on its own.
    """

    def __init__(self, request: dict[str, Any], orders: Orders, state: TrainState) -> None:
        self._request, self._orders, self._state = request, orders, state
        self._view: dict[str, Any] | None = None
        self._image: NDArray = np.empty(0)
        self._is_new = False
        self._began = self._last = time.monotonic()
        self._spent = self._cost = 0.0
        self._files: list[Path] = []
        self._measured: dict[Any, tuple[NDArray, NDArray]] = {}

    def update(self, *, validated: bool = False) -> Iterator[dict[str, Any]]:
        """Yield a preview if it is time for one: at the latest after a validation."""
        try:
            self._look()
            if self._view is None or not self._is_due(validated):
                return
            began = time.monotonic()
            with self._state.averaged() as network:
                event = self._preview(Model(self._state.info, network))
            self._last, self._is_new = time.monotonic(), False
            self._cost = self._last - began
            self._spent += self._cost
            yield event
        except (ValueError, OSError, EOFError, MemoryError, RuntimeError) as error:
            yield self._gave_up(error)

    def final(self, model: Model) -> Iterator[dict[str, Any]]:
        """Yield a preview of the model that the training has made."""
        try:
            self._look()
            if self._view is not None:
                yield {**self._preview(model), "final": True}
        except (ValueError, OSError, EOFError, MemoryError, RuntimeError) as error:
            yield self._gave_up(error)

    def _look(self) -> None:
        """Take the latest view, if there is a new one."""
        if view := self._orders.views.pop(self._request["id"], None):
            path = Path(view["image"])
            try:
                self._view, self._is_new, self._image = view, True, np.load(path)
            finally:
                path.unlink(missing_ok=True)

    def _is_due(self, validated: bool) -> bool:
        if not self._state.adapting and self._state.elapsed < _FIRST:
            return False
        now = time.monotonic()
        left = _PART * (now - self._began) - self._spent - self._cost
        if self._is_new:
            return left > -_ADVANCE or now - self._last > _WAIT * self._cost
        return left > 0 and (validated or now - self._last > _PAUSE)

    def _preview(self, model: Model) -> dict[str, Any]:
        from seamless_unet.stack import Segmented, segment_stack

        assert self._view is not None
        image, info = self._normalized(model.info)
        model = dataclasses.replace(model, info=info)
        *_, found = segment_stack(model, image, self._view["axes"])
        assert isinstance(found, Segmented)
        path = self._write(found.labels)
        return {
            "event": "preview",
            "labels": str(path),
            "arrays": ["labels"],
            "number": self._view["number"],
            "step": self._state.step,
            "objects": found.objects,
        }

    def _normalized(self, info: ModelInfo) -> tuple[NDArray, ModelInfo]:
        """Return the view normalized like the whole image, and what is left to do with it."""
        assert self._view is not None
        axes, whole = self._view["axes"], self._view.get("whole")
        if whole is None:
            return self._image, info
        index = self._view.get("index", {})
        key = (whole, *(index.get(axis, 0) for axis in "ST"))
        if key not in self._measured:
            self._measured[key] = measure(self._whole(whole, index, info), info.normalization)
        shape = [-1 if axis == "C" else 1 for axis in axes]
        channels = self._image.shape[axes.index("C")] if "C" in axes else 1
        offset, scale = self._measured[key]
        if channels != len(offset):
            return self._image, info  # segmenting it says what is wrong
        image = (self._image - offset.reshape(shape)) / scale.reshape(shape)
        return image, dataclasses.replace(info, normalization=Normalization("fixed"))

    def _whole(self, number: int, index: dict[str, int], info: ModelInfo) -> NDArray:
        """Return that part of a training image, (C, [Z,] Y, X), which was normalized as one."""
        axes = self._request["pairs"][number]["axes"]
        image = np.load(self._request[f"image {number}"], mmap_mode="r")
        ndim = 3 if "Z" in axes else info.network.ndim
        sizes = dict(zip(axes, image.shape, strict=True))
        wanted = (min(index.get(a, 0), sizes[a] - 1) for a in loop_axes(axes, ndim))
        return dict(split(image, axes, ndim))[tuple(wanted)]

    def _write(self, labels: NDArray[np.int32]) -> Path:
        assert self._view is not None
        folder = Path(self._request.get("output_folder") or Path(self._view["image"]).parent)
        count = int(self._files[-1].stem.split()[-1]) + 1 if self._files else 1
        self._files.append(folder / f"preview {count}.npy")
        np.save(self._files[-1], labels)
        while len(self._files) > _FILES:
            self._files.pop(0).unlink(missing_ok=True)
        return self._files[-1]

    def _gave_up(self, error: Exception) -> dict[str, Any]:
        """Forget a view that cannot be shown; the training goes on."""
        self._view = None
        return {"event": "warning", "message": f"There is no preview: {error}"}
