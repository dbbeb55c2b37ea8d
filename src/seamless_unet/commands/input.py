"""Images as the commands take them."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from seamless_unet.image_io import Image, read_image


def read_chosen(path: Path, args: argparse.Namespace) -> Image:
    """Read an image with the axes, the channels and the pixel size that the command line names.

    Raises
    ------
    ValueError
        If it has no such channels; else as `read_image`.
    """
    image = read_image(path, axes=args.axes)
    if args.pixel_size:
        sizes = {axis: size for axis, size in args.pixel_size.items() if axis in image.axes}
        image = dataclasses.replace(image, pixel_size=image.pixel_size | sizes)
    if not args.channels:
        return image
    at = image.axes.find("C")
    count = image.data.shape[at] if at >= 0 else 1
    if max(args.channels) > count:
        raise ValueError(f"{path} has {count} channel(s): --channels must be from 1 to {count}")
    if at < 0:
        return image
    data = np.take(image.data, np.array(args.channels) - 1, axis=at)
    if len(args.channels) > 1:
        return dataclasses.replace(image, data=data)
    return dataclasses.replace(image, data=data.squeeze(at), axes=image.axes.replace("C", ""))
