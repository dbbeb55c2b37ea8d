"""What is in a TIFF file: pixels, and what it says about them."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from seamless_unet.axes import in_words
from seamless_unet.metadata import tiff_axes, tiff_frame_interval, tiff_pixel_size, tiff_series

_CUT_OFF = "invalid page offset|TiffTag 270 .*invalid value offset"  # as tifffile logs it
_TOLERANT = (6, 7)  # JPEG, whose decoder makes something up where data are missing


class _UnreadableError(Exception):
    """Why a file cannot be read, in words that say what to do."""


class TiffContent(NamedTuple):
    """What a file holds, and says: see `seamless_unet.image_io.Image`.

    Its axes may have letters of tifffile's own.
    """

    data: NDArray
    axes: str
    pixel_size: dict[str, float]
    frame_interval: float | None


def read_tiff(path: str | os.PathLike[str]) -> TiffContent:
    """Read a file; several images of one shape are stacked along S.

    Raises
    ------
    FileNotFoundError, ValueError
        As `seamless_unet.image_io.read_image`.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give a TIFF file")
    with _complaints() as complaints:
        try:
            with tifffile.TiffFile(path) as tif:
                pieces = [_read_series(tif, series) for series in tiff_series(tif)]
                said = tiff_pixel_size(tif), tiff_frame_interval(tif)
        except OSError:
            raise
        except _UnreadableError as error:
            raise ValueError(f"cannot read {path}: {error}") from error
        except tifffile.TiffFileError as error:
            raise ValueError(f"{path} is not a TIFF file, or is damaged: {error}") from error
        except Exception as error:
            raise ValueError(f"cannot read {path}, it may be damaged: {error}") from error
    if any(re.search(_CUT_OFF, text) for text in complaints):
        raise ValueError(f"cannot read {path}: its end is missing; copy or save it again")
    data, axes = pieces[0]
    if len(pieces) > 1:
        if len({(piece.shape, piece.dtype, axes) for piece, axes in pieces}) > 1:
            shapes = ", ".join(in_words(piece.shape) for piece, _ in pieces)
            raise ValueError(f"{path} holds different images ({shapes}): save them as single files")
        data, axes = np.stack([piece for piece, _ in pieces]), "S" + axes
    return TiffContent(data, axes, *said)


def _read_series(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[NDArray, str]:
    pages = [page for page in series.pages if page is not None]
    if len(pages) < len(series.pages):
        raise _UnreadableError("some of its planes are missing, or in other files that are")
    first = pages[0].parent
    if first is not tif:
        raise _UnreadableError(f"it is a part of the image in {first.filename}: give that file")
    if any(page.compression in _TOLERANT and _ends_early(page) for page in pages):
        raise _UnreadableError("its end is missing; copy or save it again")
    shape, axes = tiff_axes(tif, series)
    try:
        return series.asarray().reshape(shape), axes
    except MemoryError as error:
        words = f"{in_words(shape)} pixels are more than fit into memory, if that is true"
        raise _UnreadableError(words) from error


def _ends_early(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    return max(ends, default=0) > page.parent.filehandle.size


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what tifffile only logs, such as a file that ends early."""
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        logger.removeHandler(handler)
