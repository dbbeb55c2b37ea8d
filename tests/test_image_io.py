import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from seamless_unet import image_io
from seamless_unet.image_io import (
    Image,
    file_stem,
    read_image,
    read_labels,
    sample_path,
    tiff_files,
    write_image,
    written_here,
)
from seamless_unet.metadata import read_metadata

SIZE = {"Z": 1.5, "Y": 0.25, "X": 0.5}


def numbers(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("YX", (5, 7)),
        ("YX", (1, 1)),
        ("YX", (5, 1)),
        ("ZYX", (4, 5, 7)),
        ("ZYX", (1, 5, 7)),
        ("TYX", (3, 5, 7)),
        ("STYX", (2, 3, 5, 7)),
        ("CYX", (3, 5, 7)),
        ("SYX", (3, 5, 7)),
        ("YXC", (5, 7, 3)),
        ("SYXC", (4, 5, 7, 3)),
        ("YXS", (5, 7, 3)),
        ("CYXS", (2, 5, 7, 3)),
        ("ZCYX", (4, 2, 5, 7)),
        ("TZCYX", (2, 4, 3, 5, 7)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_reading_back_gives_the_same_axes_scale_and_values(tmp_path, axes, shape, dtype):
    data = numbers(*shape, dtype=dtype)
    path = write_image(tmp_path / "a.tif", data, axes=axes, pixel_size=SIZE, frame_interval=2.5)
    image = read_image(path)
    assert (image.axes, image.name) == (axes, "a")
    assert image.pixel_size == pytest.approx({a: SIZE[a] for a in axes if a in SIZE})
    assert image.frame_interval == (2.5 if "T" in axes else None)
    assert image.data.dtype == dtype
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd", "packbits"])
def test_compressed_files_are_read(tmp_path, compression):
    tifffile.imwrite(tmp_path / "a.tif", numbers(20, 30), compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, numbers(20, 30))


def test_a_dimension_of_one_pixel_that_nobody_named_is_dropped(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", numbers(1, 20, 30))
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.data.shape) == ("YX", (20, 30))
    assert read_image(tmp_path / "a.tif", axes="ZYX").data.shape == (1, 20, 30)
    assert read_image(tmp_path / "a.tif", axes="YX").data.shape == (20, 30)
    tifffile.imwrite(tmp_path / "a.tif", numbers(3, 1, 20, 30))
    with pytest.raises(ValueError, match=r"\(3, 20, 30\).*give axes"):
        read_image(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif", axes="TYX").data.shape == (3, 20, 30)


def test_channels_in_colour_are_refused_in_words(tmp_path):
    data, metadata = numbers(2, 20, 30, 3, dtype=np.uint8), {"axes": "CYXS"}
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", metadata=metadata, ome=True)
    with pytest.raises(ValueError, match=r"a\.tif has channels, each of them in colour"):
        read_image(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif", axes="TYXC").data.shape == (2, 20, 30, 3)


def test_labels_with_one_pixel_for_all_channels(tmp_path):
    """As napari saves those of an image with channels after time."""
    film = Image(numbers(3, 2, 20, 30), "TCYX", {}, "film")
    tifffile.imwrite(tmp_path / "a.tif", numbers(3, 1, 20, 30))
    labels = read_labels(tmp_path / "a.tif", like=film)
    assert (labels.axes, labels.data.shape) == ("TYX", (3, 20, 30))
    labels = read_labels(tmp_path / "a.tif", axes="TCYX")
    assert (labels.axes, labels.data.shape) == ("TYX", (3, 20, 30))
    with pytest.raises(ValueError, match="labels have no channels"):
        read_labels(write_image(tmp_path / "b.tif", numbers(2, 20, 30), axes="CYX"))


@pytest.mark.parametrize("frames", [3, 4])  # as many as slices, and not
def test_labels_whose_dimensions_come_in_another_order(tmp_path, frames):
    """As Fiji, whose stacks are TZYX, saves those of an OME-TIFF in another order."""
    film = Image(numbers(2, 3, frames, 20, 30), "CZTYX", {}, "film")
    drawn = numbers(3, frames, 20, 30)
    in_order = drawn.transpose(1, 0, 2, 3).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", in_order, imagej=True, metadata={"axes": "TZYX"})
    labels = read_labels(tmp_path / "a.tif", like=film)
    assert labels.axes == "ZTYX"
    np.testing.assert_array_equal(labels.data, drawn)
    if frames == 3:  # somebody said the order, which the files say wrongly
        labels = read_labels(tmp_path / "a.tif", like=film, axes="CZTYX")
        np.testing.assert_array_equal(labels.data, in_order)
    tifffile.imwrite(tmp_path / "b.tif", drawn, photometric="minisblack")  # says nothing
    np.testing.assert_array_equal(read_labels(tmp_path / "b.tif", like=film).data, drawn)


def test_what_is_unknown_stays_unknown(tmp_path):
    image = read_image(write_image(tmp_path / "a.tif", numbers(3, 5, 7), axes="TYX"))
    assert (image.pixel_size, image.frame_interval) == ({}, None)


@pytest.mark.parametrize(
    ("kind", "said", "seconds"),
    [
        ("ome", {"TimeIncrement": 1.5, "TimeIncrementUnit": "min"}, 90),
        ("ome", {"TimeIncrement": 250, "TimeIncrementUnit": "ms"}, 0.25),
        ("ome", {"TimeIncrement": 4}, 4),
        ("ome", {"TimeIncrement": 4, "TimeIncrementUnit": "reference frame"}, None),
        ("imagej", {"finterval": 30.0}, 30),
        ("imagej", {"finterval": 2.0, "tunit": "min"}, 120),
        ("imagej", {"finterval": 2.0, "tunit": "hours"}, 7200),
        ("imagej", {"finterval": 2.0, "tunit": "seconds"}, 2),
        ("imagej", {"finterval": 2.0, "tunit": "Seconds"}, 2),
        ("imagej", {"finterval": 2000.0, "tunit": "usec"}, 0.002),
        ("imagej", {"finterval": 2.0, "tunit": "S"}, None),
        ("imagej", {"finterval": 2.0, "tunit": "fortnights"}, None),
        ("imagej", {"finterval": 0.0, "tunit": "sec"}, None),
        ("imagej", {"finterval": 2.0, "tunit": 1}, None),
        ("ome", {"TimeIncrement": "inf"}, None),
    ],
)
def test_the_frame_interval_of_a_film(tmp_path, kind, said, seconds):
    metadata = {"axes": "TYX", **said}
    tifffile.imwrite(tmp_path / "a.tif", numbers(3, 5, 7), metadata=metadata, **{kind: True})
    assert read_image(tmp_path / "a.tif").frame_interval == seconds


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (np.array([[0, 65535]], np.int32), np.uint16),
        (np.array([[0, 65536]], np.int64), np.uint32),
        (np.array([[-1, 65536]], np.int64), np.int32),
        (np.array([[False, True]]), np.uint8),
        (np.array([[0.5, 1.5]], np.float16), np.float32),
    ],
)
def test_values_are_stored_in_a_type_that_others_read(tmp_path, values, stored):
    image = read_image(write_image(tmp_path / "a.tif", values, axes="YX"))
    assert image.data.dtype == stored
    np.testing.assert_array_equal(image.data, values)


def test_ome_is_what_other_programs_find(tmp_path):
    path = write_image(tmp_path / "a.tif", numbers(4, 5, 7), axes="ZYX", pixel_size=SIZE)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeZ"], pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (
        1.5,
        0.25,
        0.5,
    )


def test_imagej_stack_brings_axes_and_pixel_size(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        numbers(4, 5, 7),
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": "ZYX", "spacing": 1.5, "unit": "um"},
    )
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.pixel_size) == ("ZYX", {"Z": 1.5, "Y": 0.5, "X": 0.25})


def test_ome_in_nanometres(tmp_path):
    about = {"axes": "YX", "PhysicalSizeX": 500.0, "PhysicalSizeXUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers(5, 7), ome=True, metadata=about)
    image = read_image(tmp_path / "a.ome.tif")
    assert (image.name, image.pixel_size) == ("a", {"X": 0.5})


@pytest.mark.parametrize(
    ("unit", "size"),
    [("micrometers", 0.5), ("Micron", 0.5), ("millimetres", 500), ("inches", 12700), ("nm", 5e-4)],
)
def test_units_as_people_write_them(tmp_path, unit, size):
    about = {"axes": "YX", "unit": unit}
    tifffile.imwrite(
        tmp_path / "a.tif", numbers(5, 7), imagej=True, resolution=(2, 2), metadata=about
    )
    assert read_image(tmp_path / "a.tif").pixel_size == pytest.approx({"Y": size, "X": size})


@pytest.mark.parametrize("unit", ["pixel", "", "furlong", "Mm"])
def test_an_unknown_unit_is_no_pixel_size(tmp_path, unit):
    about = {"axes": "YX", "unit": unit}
    tifffile.imwrite(
        tmp_path / "a.tif", numbers(5, 7), imagej=True, resolution=(2, 2), metadata=about
    )
    assert read_image(tmp_path / "a.tif").pixel_size == {}


def test_resolution_per_centimetre_is_a_pixel_size_and_per_inch_is_not(tmp_path):
    known = {"CENTIMETER": {"Y": 2.0, "X": 1.0}, "MILLIMETER": {"Y": 0.2, "X": 0.1}, "INCH": {}}
    for unit, expected in known.items():
        path = tmp_path / f"{unit}.tif"
        tifffile.imwrite(path, numbers(5, 7), resolution=(10000, 5000), resolutionunit=unit)
        assert read_image(path).pixel_size == pytest.approx(expected)


@pytest.mark.parametrize("metadata", [{}, {"pixel_size": 0.5}])
@pytest.mark.parametrize("planar", [False, True])
def test_colors_are_channels(tmp_path, planar, metadata):
    shape, axes = ((3, 5, 7), "CYX") if planar else ((5, 7, 3), "YXC")
    colors = numbers(*shape, dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colors, photometric="rgb", metadata=metadata)
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.data.shape) == (axes, shape)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_separate_images_are_not_taken_for_colors(tmp_path, count):
    path = tmp_path / "a.tif"
    photometric = "minisblack" if count == 2 else "rgb"  # what tifffile guessed for many years
    data = numbers(count, 5, 7, dtype=np.uint8)
    tifffile.imwrite(path, data, photometric=photometric, metadata={"axes": "SYX"})
    assert read_image(path).axes == "SYX"


def test_equal_images_in_one_file_are_separate_images(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for value in (1, 2):
            tif.write(np.full((5, 7), value, np.uint8))
    image = read_image(tmp_path / "a.tif")
    assert (image.axes, image.data[:, 0, 0].tolist()) == ("SYX", [1, 2])


def test_different_images_in_one_file_are_refused(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(numbers(5, 7))
        tif.write(numbers(6, 7))
    with pytest.raises(ValueError, match=r"different images \(5 x 7, 6 x 7\): save them"):
        read_image(tmp_path / "a.tif")


def test_a_preview_beside_the_image_is_none(tmp_path):
    image = numbers(50, 70)
    for about in (None, {"axes": "YX", "pixel_size": {"Y": 2.0, "X": 2.0}}):
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            small = {"resolution": (500, 500), "resolutionunit": "CENTIMETER"}
            tif.write(image[::10, ::10], subfiletype=1, metadata=about and {"axes": "YX"}, **small)
            full = {"resolution": (5000, 5000), "resolutionunit": "CENTIMETER"}
            tif.write(image, metadata=about, **full)
            tif.write(np.zeros((50, 70), bool), subfiletype=4, metadata=None)
        read = read_image(tmp_path / "a.tif")
        np.testing.assert_array_equal(read.data, image)
        assert (read.axes, read.pixel_size) == ("YX", {"Y": 2.0, "X": 2.0})
    tifffile.imwrite(tmp_path / "b.tif", image, subfiletype=1, metadata=None)  # all there is
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif").data, image)


def test_a_size_that_no_memory_has_room_for_is_refused_in_words(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers(5, 7), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages.first.tags[name].overwrite(2**30)
    with pytest.raises(ValueError, match=r"cannot read .*a\.tif: 1073741824 x 1073741824 pixels"):
        read_image(path)


def test_a_stack_that_does_not_say_what_it_is_asks_for_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", numbers(9, 5, 7))
    with pytest.raises(ValueError, match=r"a\.tif has 3 dimensions \(9, 5, 7\).*give axes.*ZYX"):
        read_image(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif", axes="tyx").axes == "TYX"


def test_axes_override_keeps_the_pixel_size_of_the_axes_left(tmp_path):
    path = write_image(tmp_path / "a.tif", numbers(4, 5, 7), axes="ZYX", pixel_size=SIZE)
    image = read_image(path, axes="TYX")
    assert (image.axes, image.pixel_size) == ("TYX", {"Y": 0.25, "X": 0.5})


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*nothing\.tif"):
        read_image(tmp_path / "nothing.tif")


def test_folder(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give a TIFF file"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", ["these are words", ""])
def test_text_named_tif(tmp_path, content):
    path = tmp_path / "text.tif"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"text\.tif is not a TIFF file, or is damaged"):
        read_image(path)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("axes", ["ZYX", "SYX"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_truncated_file_is_never_read_as_a_shorter_one(tmp_path, kept, axes, dtype):
    data = np.random.default_rng(0).integers(0, 255, (4, 30, 30)).astype(dtype)
    path = write_image(tmp_path / "a.tif", data, axes=axes)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=r"a\.tif.*(damaged|its end is missing)"):
        read_image(path)


def ome_set(folder, names, *, images):
    """Write one plane a file, each of which describes all: as several images, or as one film."""
    uuids = [f"urn:uuid:{number}" for number in range(len(names))]
    size = '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="7" SizeY="5" '
    size += f'SizeZ="1" SizeC="1" SizeT="{1 if images else len(names)}">'
    planes = [
        f'<TiffData FirstZ="0" FirstC="0" FirstT="{0 if images else t}" IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">{uuid}</UUID></TiffData>'
        for t, (name, uuid) in enumerate(zip(names, uuids, strict=True))
    ]
    each = [[plane] for plane in planes] if images else [planes]
    described = "".join(
        f'<Image ID="Image:{n}">{size}{"".join(some)}</Pixels></Image>'
        for n, some in enumerate(each)
    )
    schema = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    for t, (name, uuid) in enumerate(zip(names, uuids, strict=True)):
        xml = f'<OME xmlns="{schema}" UUID="{uuid}">{described}</OME>'
        tifffile.imwrite(
            folder / name, np.full((5, 7), t, np.uint8), description=xml, metadata=None
        )


def test_one_image_of_a_set_of_files_is_that_of_the_file(tmp_path):
    names = [f"pos{number}.ome.tif" for number in range(3)]
    ome_set(tmp_path, names, images=True)
    for number, name in enumerate(names):
        image = read_image(tmp_path / name)
        assert image.axes == "YX"
        assert (image.data == number).all()
        assert read_metadata(tmp_path / name).shape == (5, 7)


def test_a_film_of_many_files_is_read_by_its_first(tmp_path):
    names = [f"t{number}.ome.tif" for number in range(3)]
    ome_set(tmp_path, names, images=False)
    film = read_image(tmp_path / names[0])
    assert (film.axes, film.data[:, 0, 0].tolist()) == ("TYX", [0, 1, 2])
    with pytest.raises(
        ValueError, match=r"t1\.ome\.tif: it is a part of the image in t0\.ome\.tif"
    ):
        read_image(tmp_path / names[1])
    (tmp_path / names[2]).unlink()
    with pytest.raises(ValueError, match="some of its planes are missing"):
        read_image(tmp_path / names[0])


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_truncated_jpeg_is_not_filled_up(tmp_path, kept):
    path, data = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    tifffile.imwrite(path, data, compression="jpeg", metadata=None)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=r"a\.tif.*(damaged|its end is missing)"):
        read_image(path)


@pytest.mark.parametrize("size", [1e-9, 3e-7, 1e8])
def test_a_pixel_size_that_no_tag_can_say(tmp_path, size):
    sizes = {"Y": size, "X": size}
    path = write_image(tmp_path / "a.tif", numbers(5, 7), axes="YX", pixel_size=sizes)
    assert read_image(path).pixel_size == pytest.approx(sizes)


def test_labels_are_int32(tmp_path):
    path = write_image(tmp_path / "a.tif", numbers(5, 7), axes="YX", pixel_size=SIZE)
    labels = read_labels(path)
    assert (labels.data.dtype, labels.axes, labels.pixel_size) == (
        np.int32,
        "YX",
        {"Y": 0.25, "X": 0.5},
    )
    np.testing.assert_array_equal(labels.data, numbers(5, 7))


def test_labels_take_the_axes_of_their_image(tmp_path):
    tifffile.imwrite(tmp_path / "a_labels.tif", numbers(9, 5, 7))
    image = Image(numbers(9, 5, 7, 3), "TYXC", {}, "a")
    assert read_labels(tmp_path / "a_labels.tif", like=image).axes == "TYX"


def test_labels_of_another_shape_than_the_image(tmp_path):
    path = write_image(tmp_path / "a_labels.tif", numbers(5, 8), axes="YX")
    image = Image(numbers(3, 5, 7), "CYX", {}, "a")
    with pytest.raises(ValueError, match=r"differ in shape: a is 5 x 7 \(YX\), .* is 5 x 8; give"):
        read_labels(path, like=image)


def test_float_labels(tmp_path):
    whole = numbers(5, 7, dtype=np.float32)
    path = write_image(tmp_path / "a.tif", whole, axes="YX")
    labels = read_labels(path).data
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, whole)
    for wrong in (0.5, np.inf, np.nan):
        write_image(path, np.where(whole == 3, wrong, whole), axes="YX")
        with pytest.raises(ValueError, match=r"whole numbers: .*a\.tif is float32 and has others"):
            read_labels(path)


def test_labels_with_colors(tmp_path):
    path = write_image(tmp_path / "a.tif", numbers(5, 7, 3), axes="YXC")
    with pytest.raises(ValueError, match=r"labels have no channels: .* is 5 x 7 x 3 \(YXC\)"):
        read_labels(path)


@pytest.mark.parametrize("value", [-1, 2**31])
def test_labels_out_of_range(tmp_path, value):
    path = write_image(tmp_path / "a.tif", np.array([[0, value]]), axes="YX")
    with pytest.raises(ValueError, match=f"labels must be 0 to 2147483647.*{value}"):
        read_labels(path)


def test_a_full_disk_leaves_nothing_behind_and_the_old_file_alone(tmp_path, monkeypatch):
    path = write_image(tmp_path / "a.tif", numbers(5, 7), axes="YX")
    before = path.read_bytes()

    def full(temporary, *_, **__):
        Path(temporary).write_bytes(before[:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(image_io.tifffile, "imwrite", full)
    with pytest.raises(OSError, match=r"cannot write .*a\.tif: No space left on device; nothing"):
        write_image(path, numbers(6, 8), axes="YX")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        OSError, match=r"cannot write .*a\.tif: Not a directory; nothing was written"
    ):
        write_image(tmp_path / "file" / "a.tif", numbers(5, 7), axes="YX")


def test_names_and_folders(tmp_path):
    for name in ("b.tif", "a.OME.TIF", "c.tiff", "d.ome.btf", "e.tf8", "f.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    assert [file_stem(p) for p in tiff_files(tmp_path)] == ["a", "b", "c", "d", "e"]
    assert file_stem("v1.2.tif") == "v1.2"


def test_own_files_are_told_from_others(tmp_path):
    for axes in ("ZYX", "SYX"):  # OME and not
        assert written_here(write_image(tmp_path / f"{axes}.tif", numbers(4, 5, 7), axes=axes))
    tifffile.imwrite(tmp_path / "other.tif", numbers(5, 7))
    (tmp_path / "text.tif").write_text("words")
    (tmp_path / "short.tif").write_text("II")
    (tmp_path / "header.tif").write_bytes(b"II*\0\0\0\0\0")
    others = ("other.tif", "text.tif", "short.tif", "header.tif", "none.tif")
    assert not any(written_here(tmp_path / name) for name in others)


def test_samples_are_found_and_readable():
    image = read_image(sample_path("nuclei.tif"))
    labels = read_labels(sample_path("nuclei_labels.tif"), like=image)
    assert image.axes == "YX"
    assert labels.data.max() > 10
    with pytest.raises(FileNotFoundError, match="no bundled sample nothing"):
        sample_path("nothing.tif")
