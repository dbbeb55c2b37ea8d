"""Labels compared from the command line."""

import json
import os
from itertools import product

import numpy as np
import pytest
import tifffile

from seamless_unet.cli import main
from seamless_unet.image_io import read_image, write_image
from terminal import fails


def test_evaluate(capsys, two_nuclei):
    two_nuclei()
    one = read_image("a_labels.tif").data.copy()
    one[one == 2] = 0
    write_image("predicted.tif", one, axes="YX")
    run = ["evaluate", "--labels", "a_labels.tif", "--predicted", "predicted.tif"]
    assert main(run) == 0
    assert "0.50      1      0      1      1.000   0.500" in capsys.readouterr().out
    assert main([*run, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    match = result["overall"]["matches"][0]
    assert (match["tp"], match["fp"], match["fn"], match["ap"]) == (1, 0, 1, 0.5)


def test_evaluate_takes_separate_images_and_frames_one_by_one(capsys):
    truth = np.zeros((2, 8, 8), np.uint8)
    truth[0, :4], truth[1, 4:] = 1, 1
    predicted = truth.copy()
    predicted[1] = 0
    for axes, images in (("SYX", 2), ("TYX", 2), ("ZYX", 1)):
        write_image("t.tif", truth, axes=axes)
        write_image("p.tif", predicted, axes=axes)
        assert main(["evaluate", "--labels", "t.tif", "--predicted", "p.tif", "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert len(result["images"]) == result["overall"]["images"] == images


def test_pieces_of_a_mask_are_objects(capsys, two_nuclei):
    two_nuclei()
    write_image("mask.tif", read_image("a_labels.tif").data > 0, axes="YX")
    for pair in (("mask.tif", "a_labels.tif"), ("a_labels.tif", "mask.tif")):
        run = ["evaluate", "--labels", pair[0], "--predicted", pair[1]]
        assert main(run) == 0
        said = capsys.readouterr().out
        assert "note: all labels of mask.tif have one number" in said
        assert "0.50      2      0      0      1.000   1.000" in said


def test_one_large_clump_of_a_mask_does_not_cost_the_cells(capsys):
    mask = np.zeros((80, 200), np.uint8)
    mask[:40, :120] = 255
    apart = mask.astype(np.uint16)
    for number, (y, x) in enumerate(product(range(44, 80, 18), range(2, 190, 20)), 300):
        mask[y : y + 14, x : x + 14], apart[y : y + 14, x : x + 14] = 255, number
    write_image("mask.tif", mask, axes="YX")
    write_image("apart.tif", apart, axes="YX")
    assert main(["evaluate", "--labels", "mask.tif", "--predicted", "apart.tif"]) == 0
    assert "true objects 21, predicted objects 21" in capsys.readouterr().out


def test_a_small_cell_of_a_mask_is_one_too(capsys):
    cells = np.zeros((60, 60), np.uint8)
    cells[5:35, 5:35], cells[45:50, 45:50] = 1, 2
    write_image("mask.tif", 255 * (cells > 0).astype(np.uint8), axes="YX")
    write_image("cells.tif", cells, axes="YX")
    assert main(["evaluate", "--labels", "mask.tif", "--predicted", "cells.tif"]) == 0
    assert "0.50      2      0      0      1.000" in capsys.readouterr().out


@pytest.mark.parametrize(("grey", "dtype"), [(3, np.uint8), (200, np.uint64), (2**31, np.uint32)])
def test_an_image_in_place_of_labels_is_told(capsys, two_nuclei, grey, dtype):
    two_nuclei()
    values = np.random.default_rng(0).integers(0, 3, (64, 72), dtype) * dtype(grey // 3)
    tifffile.imwrite("grey.tif", values)
    assert main(["evaluate", "--labels", "a_labels.tif", "--predicted", "grey.tif"]) == 0
    said = capsys.readouterr().out
    assert said.count("note: the numbers in grey.tif are scattered over 5 separate pieces") == 1
    assert "a_labels.tif are" not in said


def test_labels_that_do_not_say_their_axes_have_those_of_the_others(capsys):
    labels = np.zeros((4, 9, 8), np.uint8)
    labels[1:3, 2:5, 2:5] = 1
    write_image("t.tif", labels, axes="ZYX")
    tifffile.imwrite("p.tif", labels, photometric="minisblack")
    for pair in (("t.tif", "p.tif"), ("p.tif", "t.tif")):
        assert main(["evaluate", "--labels", pair[0], "--predicted", pair[1]]) == 0
        assert "F1 1.000" in capsys.readouterr().out
    write_image("f.tif", labels, axes="TYX")  # ImageJ's users mix these up
    for pair in (("t.tif", "f.tif"), ("f.tif", "t.tif")):
        assert main(["evaluate", "--labels", pair[0], "--predicted", pair[1]]) == 0
        said = capsys.readouterr()
        assert "F1 1.000" in said.out
    assert "f.tif has the dimensions TYX, t.tif ZYX: compared as TYX" in said.err
    assert "do not say what Q is" in fails(
        capsys, "evaluate", "--labels", "p.tif", "--predicted", "p.tif"
    )


def test_labels_in_another_order_of_their_dimensions_are_the_same(capsys):
    labels = np.zeros((3, 3, 9, 8), np.uint8)
    labels[1, :, 2:5, 2:5], labels[2, 0, 5:, 5:] = 1, 2
    write_image("t.tif", labels, axes="ZTYX")
    write_image("p.tif", labels.transpose(1, 0, 2, 3), axes="TZYX")
    assert main(["evaluate", "--labels", "t.tif", "--predicted", "p.tif"]) == 0
    said = capsys.readouterr()
    assert said.out.count("F1 1.000") == 3
    assert "compared as" not in said.err


def test_evaluate_folders(capsys, two_nuclei):
    os.mkdir("t"), os.mkdir("p")
    two_nuclei("t/a"), two_nuclei("t/b"), two_nuclei("p/a")
    run = ["evaluate", "--labels", "t", "--predicted", "p", "--json"]
    assert "nothing was predicted for t/b_labels.tif" in fails(capsys, *run)
    two_nuclei("p/b")
    assert main(run) == 0
    assert json.loads(capsys.readouterr().out)["overall"]["matches"][0]["tp"] == 4


def test_evaluate_different_shapes(capsys, two_nuclei):
    two_nuclei()
    write_image("p.tif", np.zeros((64, 73), np.uint8), axes="YX")
    message = fails(capsys, "evaluate", "--labels", "a_labels.tif", "--predicted", "p.tif")
    assert "a_labels.tif is 64 x 72 (YX), p.tif is 64 x 73 (YX): give labels of the" in message


def test_a_damaged_prediction_does_not_cost_the_others(capsys, two_nuclei):
    for folder in ("t", "p"):
        os.mkdir(folder)
        two_nuclei(f"{folder}/a"), two_nuclei(f"{folder}/b")
    with open("p/b_labels.tif", "wb") as file:
        file.write(b"II*")
    run = ["evaluate", "--labels", "t", "--predicted", "p"]
    assert "1 of 2 pairs could not be compared" in fails(capsys, *run)
    assert main([*run, "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert [image["labels"] for image in result["images"]] == ["t/a_labels.tif"]
    assert result["overall"]["images"] == 1
    (failure,) = result["failed"]
    assert failure["predicted"] == "p/b_labels.tif"
    assert "cannot read p/b_labels.tif" in failure["error"]
    two_nuclei("p/c")
    main(run)
    assert "note: there are no true labels for p/c_labels.tif" in capsys.readouterr().err
    with open("p/a_labels.tif", "wb") as file:
        file.write(b"II*")
    assert "none of 2 pairs could be compared" in fails(capsys, *run)
