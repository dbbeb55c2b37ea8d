"""File > Open Sample: small images that come with the package, and their labels."""

from typing import Any

from seamless_unet.image_io import Image, read_image, read_labels, sample_path

LayerData = tuple[Any, dict[str, Any], str]


def nuclei() -> list[LayerData]:
    """Touching nuclei, one image."""
    return _sample("nuclei")


def nuclei_stack() -> list[LayerData]:
    """Nuclei in a z-stack."""
    return _sample("nuclei_stack")


def nuclei_time() -> list[LayerData]:
    """Nuclei that move, over time."""
    return _sample("nuclei_time")


def membranes() -> list[LayerData]:
    """Cells between dark membranes."""
    return _sample("membranes")


def _sample(name: str) -> list[LayerData]:
    image = read_image(sample_path(f"{name}.tif"))
    labels = read_labels(sample_path(f"{name}_labels.tif"), like=image)
    return [
        (image.data, {**_place(image), "colormap": "gray"}, "image"),
        (labels.data, {**_place(labels), "opacity": 0.4}, "labels"),
    ]


def _place(image: Image) -> dict[str, Any]:
    return {
        "name": image.name.replace("_", " "),
        "axis_labels": tuple(image.axes.lower()),
        "scale": tuple(image.pixel_size.get(axis, 1.0) for axis in image.axes),
        "units": tuple("um" if axis in image.pixel_size else "pixel" for axis in image.axes),
    }
