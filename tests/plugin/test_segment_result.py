import time

import numpy as np
import zarr
from napari.components import ViewerModel

from seamless_unet.config import UNetConfig
from seamless_unet.model_header import ModelInfo
from seamless_unet.plugin.segment_result import Place, Result, certainties


def found(info, probabilities, axes, wanted):
    parts = certainties(info, np.asarray(probabilities, np.float32), axes, wanted)
    return [(name, np.asarray(array).tolist()) for name, array in parts]


def test_certainty_of_objects_is_whatever_is_not_background():
    info = ModelInfo(UNetConfig(classes=3), classes=("background", "rim", "core"))
    probabilities = [[[0.5, 0.25]], [[0.25, 0.75]], [[0.25, 0.0]]]
    assert found(info, probabilities, "CYX", "YX") == [("", [[0.5, 0.75]])]


def test_certainty_of_each_kind_of_area():
    info = ModelInfo(UNetConfig(), output="classes", classes=("background", "gland"))
    assert found(info, [[[0.5]], [[0.25]]], "CYX", "YX") == [("gland", [[0.25]])]
    info = ModelInfo(UNetConfig(), output="classes", classes=("lumen", "gland"))
    assert [name for name, _ in found(info, [[[0.5]], [[0.25]]], "CYX", "YX")] == ["lumen", "gland"]


def test_labels_that_take_long_to_show_are_looked_at_less_often(tmp_path, qapp, monkeypatch):
    viewer = ViewerModel()
    place = Place("cells", "mine", "YX", {})
    result = Result(viewer, place, ModelInfo(UNetConfig()), None, certainty=False)
    result.finish({"labels": np.zeros((8, 8), np.int32)})
    often = result._refresh.interval()
    monkeypatch.setattr(viewer.layers[0], "refresh", lambda: time.sleep(0.1))
    result._look_again()
    assert result._refresh.interval() >= 2000 > often


def test_certainty_has_the_axes_of_the_labels():
    probabilities = np.zeros((2, 3, 2, 4, 5))  # T, Z, C, Y, X
    probabilities[1, 2, 0] = 1
    ((_, array),) = certainties(ModelInfo(UNetConfig()), probabilities, "TZCYX", "ZTYX")
    assert array.shape == (3, 2, 4, 5)
    assert array.numblocks == (3, 2, 1, 1)  # napari reads a plane at a time
    assert np.asarray(array).mean((2, 3)).tolist() == [[1, 1], [1, 1], [1, 0]]
    ((_, array),) = certainties(ModelInfo(UNetConfig()), probabilities, "TZCYX", "SZTCYX")
    assert array.shape == (1, 3, 2, 1, 4, 5)
    assert np.asarray(array)[0, :, :, 0, 0, 0].tolist() == [[1, 1], [1, 1], [1, 0]]


def test_of_a_large_stored_plane_only_what_is_in_view_is_read():
    stored = zarr.zeros((2, 40, 60), chunks=(1, 10, 20), dtype=np.float32)
    ((_, array),) = certainties(ModelInfo(UNetConfig()), stored, "CYX", "YX")
    assert array.chunksize == (10, 20)
