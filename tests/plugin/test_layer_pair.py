import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels, Shapes
from napari.layers._source import layer_source

from seamless_unet.plugin import layer_metadata
from seamless_unet.plugin.layer_pair import LayerPair, pairs_request
from seamless_unet.plugin.layers import check_same_place


def image(shape, name="cells"):
    return Image(np.zeros(shape), name=name, scale=(0.5,) * len(shape), units="um")


def rectangle(*plane, rows, columns):
    corners = [(rows[0], columns[0]), (rows[0], columns[1])]
    corners += [(rows[1], columns[1]), (rows[1], columns[0])]
    data = np.array([[*plane, y - 0.5, x - 0.5] for y, x in corners])
    return Shapes([data], shape_type="rectangle")


def labels(data):
    return Labels(np.asarray(data))


def test_one_pair():
    pair = LayerPair(image((6, 7)), "YX", labels(np.ones((6, 7), int)), "objects")
    request, arrays = pairs_request([pair])
    assert request == {
        "pairs": [{"name": "cells", "axes": "YX", "annotation": "objects", "region": False}],
        "pixel_size": {"Y": 0.5, "X": 0.5},
        "channels": (),
    }
    assert arrays == {"image 0": pair.image.data, "labels 0": pair.labels.data}


@pytest.fixture
def stained(tmp_path, monkeypatch):
    """Return a function that makes a pair of an image with channels of these names."""

    def make(name, channels):
        data, path = np.zeros((len(channels), 6, 7), np.uint8), tmp_path / f"{name}.ome.tif"
        metadata = {"axes": "CYX", "Channel": {"Name": channels}}
        tifffile.imwrite(path, data, metadata=metadata, ome=True)
        with layer_source(path=str(path)):
            layer = Image(data, name=name)
        return LayerPair(layer, "CYX", labels(np.ones((6, 7), int)), "objects")

    monkeypatch.setattr(layer_metadata, "_PATIENCE", 10)  # seconds
    return make


def test_channels_in_another_order_are_refused(stained):
    pairs = [stained("a", ["DAPI", "GFP"]), stained("b", ["gfp", "DAPI"])]
    with pytest.raises(ValueError, match="'gfp' is number 2 in the image 'a' but number 1 in 'b'"):
        pairs_request(pairs)


def test_channels_of_which_nobody_knows_better_are_taken_in_their_order(stained):
    unnamed = LayerPair(image((2, 6, 7)), "CYX", labels(np.ones((6, 7), int)), "objects")
    pairs = [stained("a", ["DAPI", "GFP"]), unnamed, stained("b", ["Hoechst", "GFP"])]
    assert pairs_request(pairs)[0]["channels"] == ("DAPI", "GFP")


def test_a_region_goes_with_its_pair():
    region = rectangle(rows=(2, 4), columns=(1, 4))
    region.scale = (0.5, 0.5)
    drawn = Labels(np.ones((6, 7), int), scale=(0.5, 0.5))
    pairs = [
        LayerPair(image((6, 7)), "YX", labels(np.ones((6, 7), int)), "scribbles"),
        LayerPair(image((6, 7), "others"), "YX", drawn, "objects", region),
    ]
    request, arrays = pairs_request(pairs)
    assert [pair["region"] for pair in request["pairs"]] == [False, True]
    assert list(arrays) == ["image 0", "labels 0", "image 1", "labels 1", "region 1"]
    assert arrays["region 1"].sum() == 2 * 3


def test_corrections_of_an_image_count_instead_of_what_was_drawn_there():
    """A plane without any object stays without annotation."""
    cells = image((3, 6, 7))
    drawn = np.zeros((3, 6, 7), int)
    drawn[:2, 0, 0] = 1
    corrected = rectangle(1, rows=(2, 4), columns=(1, 4))
    pairs = [
        LayerPair(cells, "ZYX", labels(drawn), "objects"),
        LayerPair(cells, "ZYX", labels(drawn), "objects", corrected),
    ]
    request, arrays = pairs_request(pairs)
    assert [pair["region"] for pair in request["pairs"]] == [True, True]
    expected = np.zeros((3, 6, 7), bool)
    expected[:2] = True
    expected[1, 2:4, 1:4] = False
    np.testing.assert_array_equal(arrays["region 0"], expected)
    np.testing.assert_array_equal(arrays["region 1"][1], ~expected[1])


def test_strokes_are_annotated_on_any_plane():
    cells = image((3, 6, 7))
    corrected = rectangle(1, rows=(2, 4), columns=(1, 4))
    drawn = labels(np.zeros((3, 6, 7), int))
    pairs = [
        LayerPair(cells, "ZYX", drawn, "scribbles"),
        LayerPair(cells, "ZYX", drawn, "objects", corrected),
    ]
    region = np.asarray(pairs_request(pairs)[1]["region 0"])
    assert region.dtype == bool
    assert np.count_nonzero(~region) == 2 * 3


def test_the_last_of_overlapping_regions_wins():
    cells, drawn = image((6, 7)), labels(np.ones((6, 7), int))
    pairs = [
        LayerPair(cells, "YX", drawn, "objects", rectangle(rows=(0, 4), columns=(0, 7))),
        LayerPair(cells, "YX", drawn, "objects", rectangle(rows=(2, 6), columns=(0, 7))),
    ]
    arrays = pairs_request(pairs)[1]
    assert arrays["region 0"].sum(axis=1).tolist() == [7, 7, 0, 0, 0, 0]
    assert arrays["region 1"].sum(axis=1).tolist() == [0, 0, 7, 7, 7, 7]


def test_corrections_of_another_image_change_nothing():
    drawn = labels(np.ones((6, 7), int))
    pairs = [
        LayerPair(image((6, 7)), "YX", drawn, "objects"),
        LayerPair(image((6, 7)), "YX", drawn, "objects", rectangle(rows=(0, 4), columns=(0, 7))),
    ]
    assert "region 0" not in pairs_request(pairs)[1]


def test_labels_with_one_pixel_for_all_channels_count_as_without():
    film = image((3, 2, 8, 9), "film")
    found = np.zeros((3, 1, 8, 9), int)
    found[1, 0, 2:5, 2:5] = 1
    drawn = Labels(found, scale=(0.5, 1, 0.5, 0.5))
    region = rectangle(1, 0, rows=(1, 6), columns=(1, 6))
    region.scale = drawn.scale
    check_same_place(film, "TCYX", drawn)
    _, arrays = pairs_request([LayerPair(film, "TCYX", drawn, "objects", region)])
    np.testing.assert_array_equal(arrays["labels 0"], found[:, 0])
    assert arrays["region 0"].shape == (3, 8, 9)
    assert arrays["region 0"][1, 3, 3]
    with pytest.raises(ValueError, match="3 x 8 x 9"):
        check_same_place(film, "TCYX", Labels(found.repeat(3, axis=1)))
