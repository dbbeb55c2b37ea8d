import json

import numpy as np
import pytest
import tifffile

from seamless_unet.image_io import read_image, write_image
from seamless_unet.metadata import Metadata, read_metadata


class LaterSeries:
    """A series as of tifffile 2026.5 on: with all its axes, and without a way to ask for fewer."""

    def __init__(self, series):
        self._series = series
        self.shape, self.axes = series.get_shape(squeeze=False), series.get_axes(squeeze=False)

    def __getattr__(self, name):
        if name in ("get_shape", "get_axes"):
            raise AttributeError(name)
        return getattr(self._series, name)


class LaterList(list):
    """What a file has of them: to be called for series with all their axes."""

    def __call__(self, *, squeeze):
        return [LaterSeries(series) for series in self if not squeeze]


@pytest.fixture(autouse=True, params=["the installed tifffile", "tifffile from 2026.5 on"])
def either_tifffile(request, monkeypatch):
    """Python 3.11 gets the last tifffile before 2026.5, later versions of Python later ones."""
    if request.param != "the installed tifffile" and hasattr(tifffile.TiffPageSeries, "get_shape"):
        series_of = tifffile.TiffFile.series.func
        monkeypatch.setattr(
            tifffile.TiffFile, "series", property(lambda tif: LaterList(series_of(tif)))
        )


def numbers(*shape):
    return np.zeros(shape, np.uint8)


def about(shape, axes, channels=(), **pixel_size):
    return Metadata(shape, axes, pytest.approx(pixel_size), channels)


def test_our_own_files(tmp_path):
    size = {"Z": 2.0, "Y": 0.25, "X": 0.5}
    path = write_image(tmp_path / "a.tif", numbers(3, 5, 7), axes="ZYX", pixel_size=size)
    assert read_metadata(path) == about((3, 5, 7), "ZYX", **size)
    path = write_image(tmp_path / "b.tif", numbers(3, 5, 7), axes="SYX")
    assert read_metadata(path) == about((3, 5, 7), "SYX")


def test_ome_tiff(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "TCYX", "PhysicalSizeX": 300, "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(path, numbers(2, 3, 8, 9), metadata=metadata, ome=True)
    assert read_metadata(path) == about((2, 3, 8, 9), "TCYX", X=0.3)


@pytest.mark.parametrize(
    ("names", "known"),
    [(["DAPI", "GFP"], ("DAPI", "GFP")), (["DAPI", "DAPI"], ()), (["DAPI", ""], ())],
)
def test_names_of_channels_in_ome_tiff(tmp_path, names, known):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": names}}
    tifffile.imwrite(path, numbers(2, 8, 9), metadata=metadata, ome=True)
    assert read_metadata(path) == about((2, 8, 9), "CYX", known)


def test_imagej_tiff(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        numbers(4, 2, 8, 9),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 1.5},
    )
    assert read_metadata(path) == about((4, 2, 8, 9), "ZCYX", Z=1.5, Y=0.5, X=0.25)


def test_colors(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", numbers(8, 9, 3), photometric="rgb")
    assert read_metadata(tmp_path / "a.tif") == about((8, 9, 3), "YXC")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


AXES = [
    {"name": "c", "type": "channel"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


def datasets(*factors):
    return [
        {
            "path": str(number),
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 200 * factor, 0.25 * factor]},
                {"type": "translation", "translation": [0, 1, 1]},
            ],
        }
        for number, factor in enumerate(factors)
    ]


def test_ome_zarr_04(tmp_path):
    folder = tmp_path / "a.zarr"
    multiscales = [{"axes": AXES, "datasets": datasets(1, 2)}]
    channels = [{"label": "DAPI", "color": "0000FF"}, {"label": "Cy5"}]
    write_json(folder / ".zattrs", {"multiscales": multiscales, "omero": {"channels": channels}})
    write_json(folder / "0" / ".zarray", {"shape": [2, 40, 60]})
    write_json(folder / "1" / ".zarray", {"shape": [2, 20, 30]})
    names = ("DAPI", "Cy5")
    assert read_metadata(folder) == about((2, 40, 60), "CYX", names, Y=0.2, X=0.25)
    assert read_metadata(folder / "1") == about((2, 20, 30), "CYX", names, Y=0.4, X=0.5)


def test_ome_zarr_05_with_a_scale_for_all_arrays(tmp_path):
    folder = tmp_path / "a.zarr"
    whole = [{"type": "scale", "scale": [5, 2, 2]}]
    multiscale = {"axes": AXES, "datasets": datasets(1), "coordinateTransformations": whole}
    write_json(folder / "zarr.json", {"attributes": {"ome": {"multiscales": [multiscale]}}})
    write_json(folder / "0" / "zarr.json", {"shape": [2, 40, 60]})
    assert read_metadata(folder) == about((2, 40, 60), "CYX", Y=0.4, X=0.5)


def test_an_old_ome_zarr_without_axes(tmp_path):
    folder = tmp_path / "a.zarr"
    write_json(folder / ".zattrs", {"multiscales": [{"datasets": [{"path": "0"}]}]})
    write_json(folder / "0" / ".zarray", {"shape": [1, 2, 3, 40, 60]})
    assert read_metadata(folder) == about((1, 2, 3, 40, 60), "TCZYX")


def test_a_zarr_array_by_itself(tmp_path):
    named, plain = tmp_path / "a.zarr", tmp_path / "b.zarr"
    write_json(named / "zarr.json", {"shape": [4, 5, 6], "dimension_names": ["t", "y", "x"]})
    write_json(plain / ".zarray", {"shape": [4, 5, 6]})
    assert read_metadata(named) == about((4, 5, 6), "TYX")
    assert read_metadata(plain) == about((4, 5, 6), "")


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.zarr/zarr.json", "a.zarr/.zattrs"])
def test_what_is_damaged_or_unknown_says_nothing(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{")
    assert read_metadata(tmp_path / name.split("/")[0]) is None
    assert read_metadata(tmp_path / "gone.tif") is None


@pytest.mark.parametrize("nonsense", [0.65, [1, 2], None, {"Y": "wide", "X": 0.5}])
def test_a_pixel_size_that_is_none_does_not_cost_the_image(tmp_path, nonsense):
    path = tmp_path / "a.tif"
    metadata = {"axes": "ZYX", "pixel_size": nonsense, "spacing": None}
    tifffile.imwrite(path, numbers(5, 8, 9), metadata=metadata)
    known = {"X": 0.5} if isinstance(nonsense, dict) else {}
    assert read_metadata(path) == about((5, 8, 9), "ZYX", **known)
    assert read_image(path).pixel_size == known


def test_an_ome_tiff_whose_description_is_in_another_file(tmp_path):
    xmlns = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    words = f'<?xml version="1.0"?><OME xmlns="{xmlns}"><BinaryOnly MetadataFile="a.ome"/></OME>'
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers(8, 9), description=words, metadata=None)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        assert tif.is_ome
    image = read_image(tmp_path / "a.ome.tif")
    assert (image.data.shape, image.axes, image.pixel_size) == ((8, 9), "YX", {})
