"""A small picture of what a model was trained on, kept in its file."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIDE = 96  # pixels of the picture
_WIDEST = 256  # pixels of the image that it shows
_OUTLINE = (240, 161, 60)


def thumbnail(image: NDArray, labels: NDArray) -> str:
    """Draw a part of an image with the outlines of what is labelled in it.

    Parameters
    ----------
    image
        (C, [Z,] Y, X), of any numbers. Three channels are shown in color, else the first.
    labels
        ([Z,] Y, X), 0 where nothing is labelled. The plane with most of them is shown.

    Returns
    -------
    str
        A square PNG of at most 96 pixels a side, base64.
    """
    if labels.ndim == 3:
        plane = int(np.count_nonzero(labels, axis=(1, 2)).argmax())
        image, labels = image[:, plane], labels[plane]
    pixels = np.ix_(*_sampled(labels))
    colors = np.stack(
        [_grey(channel[pixels]) for channel in (image if len(image) == 3 else [image[0]] * 3)],
        axis=-1,
    )
    colors[_outlines(labels[pixels])] = _OUTLINE
    return base64.b64encode(_png(colors)).decode()


def _sampled(labels: NDArray) -> list[NDArray[np.intp]]:
    """Return rows and columns of a square around the middle of the labels, every n-th."""
    side = min(*labels.shape, _WIDEST)
    steps = np.linspace(0, side - 1, min(side, _SIDE)).astype(int)
    found = np.nonzero(labels)
    middles = [
        int(np.median(where)) if len(where) else n // 2
        for where, n in zip(found, labels.shape, strict=True)
    ]
    return [
        np.clip(middle - side // 2, 0, n - side) + steps
        for middle, n in zip(middles, labels.shape, strict=True)
    ]


def _grey(channel: NDArray) -> NDArray[np.uint8]:
    low, high = np.percentile(channel, (1, 99.8))
    scaled = (channel.astype(np.float64) - low) / max(high - low, 1e-12)
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def _outlines(labels: NDArray) -> NDArray[np.bool_]:
    outlines = np.zeros(labels.shape, bool)
    outlines[1:] |= labels[1:] != labels[:-1]
    outlines[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    return outlines


def _png(colors: NDArray[np.uint8]) -> bytes:
    """Encode (Y, X, 3) as the PNG specification (ISO/IEC 15948) has it."""
    height, width, _ = colors.shape
    rows = b"".join(b"\0" + row.tobytes() for row in colors)  # 0: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
