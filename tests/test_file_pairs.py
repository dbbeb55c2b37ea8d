import pytest

from seamless_unet.file_pairs import find_images, find_pairs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a maker of empty files in the working directory."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()

    return make


def names(pairs):
    return [(str(a), str(b)) for a, b in pairs]


def test_files_are_paired_in_the_order_given(folder):
    folder("b.tif", "a.tif", "x.tif", "y.tif")
    pairs, *alone = find_pairs(["b.tif", "a.tif"], ["x.tif", "y.tif"])
    assert names(pairs) == [("b.tif", "x.tif"), ("a.tif", "y.tif")]
    assert alone == [[], []]


def test_files_that_a_shell_has_sorted_are_paired_by_name(folder):
    images, labels = ("d/c1.tif", "d/c10.tif"), ("d/c10_labels.tif", "d/c1_labels.tif")
    folder(*images, *labels)
    by_name = [("d/c1.tif", "d/c1_labels.tif"), ("d/c10.tif", "d/c10_labels.tif")]
    assert names(find_pairs(images, labels).pairs) == by_name
    assert names(find_pairs(["d/c1.tif", "d/c10.tif"], ["d/*_labels.tif"]).pairs) == by_name
    other = find_pairs(
        ["d/c1.tif", "d/c10.tif"], ["d/c10_labels.tif", "d/c10.tif"], both_labels=True
    )
    assert names(other.pairs) == [("d/c1.tif", "d/c10_labels.tif"), ("d/c10.tif", "d/c10.tif")]


def test_one_slip_in_a_name_does_not_pair_crosswise(folder):
    folder("a.tif", "b.tif", "a_labels.tif", "Bb_labels.tif")
    with pytest.raises(ValueError, match=r"a_labels.tif is named like a.tif, but Bb_labels.tif"):
        find_pairs(["a.tif", "b.tif"], ["Bb_labels.tif", "a_labels.tif"])
    in_order = find_pairs(["a.tif", "b.tif"], ["a_labels.tif", "Bb_labels.tif"]).pairs
    assert names(in_order) == [("a.tif", "a_labels.tif"), ("b.tif", "Bb_labels.tif")]


def test_folders_are_paired_by_name(folder):
    folder("raw/b.tif", "raw/a.ome.tif", "raw/c.tif", "drawn/a.tif", "drawn/b.tif", "drawn/z.tif")
    pairs, images, labels = find_pairs(["raw"], ["drawn"])
    assert names(pairs) == [("raw/a.ome.tif", "drawn/a.tif"), ("raw/b.tif", "drawn/b.tif")]
    assert list(map(str, images)) == ["raw/c.tif"]
    assert list(map(str, labels)) == ["drawn/z.tif"]


def test_one_folder_may_hold_both(folder):
    folder("d/a.tif", "d/a_labels.tif", "d/b_images.tif", "d/b_labels.tif", "d/note.txt")
    folder("d/a_probabilities.tif")
    pairs, *alone = find_pairs(["d"], ["d"])
    assert names(pairs) == [("d/a.tif", "d/a_labels.tif"), ("d/b_images.tif", "d/b_labels.tif")]
    assert alone == [[], []]


def test_truth_and_prediction_in_folders(folder):
    folder("truth/a_labels.tif", "predicted/a_labels.tif", "predicted/a_probabilities.tif")
    folder("truth/b_labels.tif", "predicted/b_images_labels.tif")
    pairs, *_ = find_pairs(["truth"], ["predicted"], both_labels=True)
    assert names(pairs) == [
        ("truth/a_labels.tif", "predicted/a_labels.tif"),
        ("truth/b_labels.tif", "predicted/b_images_labels.tif"),
    ]


def test_unequal_numbers(folder):
    folder("a.tif", "b.tif", "x.tif")
    with pytest.raises(ValueError, match=r"2 image file\(s\) but 1 label file\(s\): give as many"):
        find_pairs(["a.tif", "b.tif"], ["x.tif"])


def test_no_names_match(folder):
    folder("raw/a.tif", "drawn/b.tif")
    with pytest.raises(
        ValueError, match=r"no file in drawn matches .*: a_labels\.tif would belong to a"
    ):
        find_pairs(["raw"], ["drawn"])


def test_missing_file_and_empty_folder(folder):
    folder("d/note.txt", "e/a_labels.tif")
    with pytest.raises(FileNotFoundError, match=r"no such file: a\.tif"):
        find_images(["a.tif"])
    for name in "de":
        with pytest.raises(FileNotFoundError, match=f"folder {name} has no image file"):
            find_images([name])


def test_a_pattern_that_the_shell_left_alone(folder):
    folder("b1.tif", "b2.tif", "c.tif")
    assert [str(path) for path in find_images(["b*.tif"])] == ["b1.tif", "b2.tif"]
    folder("d/d1.tif", "e/e1.tif", "e/e1_labels.tif")
    everywhere = [str(path) for path in find_images(["**/*1.tif"])]
    assert everywhere == ["b1.tif", "d/d1.tif", "e/e1.tif"]
    assert [str(path) for path in find_images(["[de]"])] == ["d/d1.tif", "e/e1.tif"]


@pytest.mark.parametrize("both_labels", [False, True])
def test_a_file_is_not_its_own_labels(folder, both_labels):
    folder("d/a.tif", "d/a_seg.tif")
    with pytest.raises(ValueError, match=r"a.tif would be compared with itself.* a_labels.tif"):
        find_pairs(["d"], ["d"], both_labels=both_labels)
    with pytest.raises(ValueError, match="itself"):
        find_pairs(["d/a.tif"], ["d/../d/a.tif"])


def test_names_of_labels_in_capitals(folder):
    folder("d/a.tif", "d/a_Labels.tif", "d/b_Image.tif", "d/b_MASK.tif")
    pairs, *_ = find_pairs(["d"], ["d"])
    assert names(pairs) == [("d/a.tif", "d/a_Labels.tif"), ("d/b_Image.tif", "d/b_MASK.tif")]
