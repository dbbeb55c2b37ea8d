import numpy as np
import pytest

from cases import picture
from seamless_unet.metrics import combine, evaluate
from seamless_unet.object_states import STATES, object_states
from seamless_unet.overlaps import find_overlaps
from seamless_unet.plugin import evaluation

TRUTH = picture("""
    1111..22
    1111..22
    ........
    33......
""")
PREDICTED = picture("""
    .777..55
    .777..55
    ........
    ....88..
""")


def test_every_state_has_words():
    assert set(evaluation._STATES) == set(STATES)


def test_measures_at_an_iou():
    overall = evaluate(TRUTH, PREDICTED).to_json()
    table, about = evaluation.measures_table(overall, 0.8)
    values = dict(zip(table["Measure"], table["Value"], strict=True))
    assert len(about) == len(values) == 15
    assert values["true cells"] == values["cells in the result"] == 3
    assert values["found (true positives)"] == 1
    assert values["missed (false negatives)"] == values["invented (false positives)"] == 2
    assert values["average precision (AP)"] == 1 / 5
    assert values["overlap of matched cells (mean IoU)"] == (0.75 + 1) / 2
    assert values["different pixels (pixel error)"] == 6 / 32


def test_a_row_for_every_plane_of_every_time():
    planes = [evaluate(TRUTH, PREDICTED), evaluate(TRUTH, TRUTH)]
    images = [{"index": [4, z], **plane.to_json()} for z, plane in enumerate(planes)]
    table = evaluation.images_table(images, 0.5, ["t", "z", "y", "x"])
    assert list(table) == ["t", "z", "found", "missed", "invented", "F1", "AP", "mean IoU", "Dice"]
    assert (table["t"], table["z"]) == ([4, 4], [0, 1])
    assert (table["found"], table["missed"], table["invented"]) == ([2, 3], [1, 0], [1, 0])
    assert table["F1"] == [pytest.approx(2 / 3), 1]


def test_a_row_for_every_cell():
    objects = object_states(find_overlaps(TRUTH, PREDICTED))
    places = np.stack(np.unravel_index(objects["pixel"], TRUTH.shape), axis=1)
    table = {k: list(v) for k, v in evaluation.objects_table(objects, places, ["y", "x"]).items()}
    assert table == {
        "state": ["found", "found", "missed", "invented"],
        "IoU": [0.75, 1, 0, 0],
        "pixels": [8, 4, 2, 2],
        "true number": [1, 2, 3, 0],
        "result's number": [7, 5, 0, 8],
        "y": [0, 0, 3, 3],
        "x": [2, 6, 0, 4],
    }


def test_remarks():
    def remarks(truth, predicted, parts):
        overall = combine([evaluate(truth, predicted)]).to_json()
        return evaluation.remarks(overall, parts, truth="t", predicted="p")

    assert remarks(TRUTH, PREDICTED, {"truth": 3, "predicted": 3}) == []
    (empty,) = remarks(TRUTH, TRUTH * 0, {"truth": 3, "predicted": 0})
    assert empty == "There is no cell in 'p': is it the right layer?"
    (kinds,) = remarks(np.minimum(TRUTH, 1), PREDICTED, {"truth": 3, "predicted": 3})
    assert kinds.startswith("'t' has 1 number for 3 separate parts, as if numbers meant kinds")
    assert remarks(np.minimum(TRUTH, 1), PREDICTED, {"truth": 2, "predicted": 3})
    assert not remarks(np.minimum(TRUTH, 1), PREDICTED, {"truth": 1, "predicted": 3})
