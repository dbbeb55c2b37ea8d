import runpy

import numpy as np
import pytest
import tifffile
from scipy import ndimage as ndi

from seamless_unet.image_io import sample_path

SAMPLES = sample_path("nuclei.tif").parent
NAMES = ["nuclei", "nuclei_stack", "nuclei_time", "membranes"]


@pytest.fixture(scope="module")
def drawn():
    return runpy.run_path(str(SAMPLES / "make_samples.py"))["draw"]()


def read(name):
    image, labels = (tifffile.imread(SAMPLES / f"{name}{end}.tif") for end in ("", "_labels"))
    return image, labels


@pytest.mark.parametrize("name", NAMES)
def test_drawing_again_gives_the_same(name, drawn):
    image, labels = read(name)
    np.testing.assert_array_equal(drawn[name].labels, labels)
    assert drawn[name].image.dtype == image.dtype
    # another processor may round the last digit otherwise: one grey level at most
    np.testing.assert_allclose(drawn[name].image.astype(int), image.astype(int), atol=1)


def test_every_file_is_drawn_and_described(drawn):
    assert list(drawn) == NAMES
    described = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for name, sample in drawn.items():
        size = "x".join(map(str, sample.image.shape))
        row = next(line for line in described.splitlines() if f"`{name}.tif`" in line)
        assert f"{sample.axes} {size}" in row
        assert f"| {sample.image.dtype} | {sample.labels.max()} |" in row


def test_the_files_are_small():
    files = sorted(SAMPLES.glob("*.tif"))
    assert len(files) == 2 * len(NAMES)
    assert sum(file.stat().st_size for file in files) < 800_000


@pytest.mark.parametrize("end", ["", "_labels"])
@pytest.mark.parametrize("name", NAMES)
def test_files_say_their_axes_and_pixel_size(name, end, drawn):
    with tifffile.TiffFile(SAMPLES / f"{name}{end}.tif") as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert file.series[0].axes == drawn[name].axes
    stored = {axis: pixels[f"PhysicalSize{axis}"] for axis in drawn[name].pixel_size}
    assert stored == drawn[name].pixel_size
    assert {pixels[f"PhysicalSize{axis}Unit"] for axis in stored} == {"µm"}


@pytest.mark.parametrize("name", NAMES)
def test_labels_agree_with_the_image(name):
    image, labels = read(name)
    assert labels.shape == image.shape
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    background = np.median(image[labels == 0])
    means = ndi.mean(image, labels, np.arange(1, labels.max() + 1))
    # each nucleus stands out from the background and each cell from the membranes
    assert (means > 1.3 * background).all()


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_in_one_piece_and_of_visible_size(name):
    frames = [read(name)[1]] if name != "nuclei_time" else read(name)[1]
    for frame in frames:
        for number, box in enumerate(ndi.find_objects(frame), 1):
            assert ndi.label(frame[box] == number)[1] == 1
            assert np.count_nonzero(frame[box] == number) >= 60


def touching_objects(labels):
    """Return how many objects have a neighbor without background between."""
    after, before = np.moveaxis(labels, 0, -1)[..., 1:, :], np.moveaxis(labels, 0, -1)[..., :-1, :]
    pair = (after != before) & (after > 0) & (before > 0)
    return len(np.union1d(after[pair], before[pair]))


def test_many_nuclei_touch_and_no_cell_inside_membranes_does():
    nuclei, stack, cells = (read(n)[1] for n in ("nuclei", "nuclei_stack", "membranes"))
    assert touching_objects(nuclei) > nuclei.max() / 2
    assert touching_objects(stack) > stack.max() / 2
    assert touching_objects(cells) == 0


def test_nuclei_keep_their_id_while_they_move_and_grow():
    labels = read("nuclei_time")[1]
    ids = np.arange(1, labels.max() + 1)
    assert all(np.isin(ids, frame).all() for frame in labels)
    steps = np.diff([ndi.center_of_mass(f > 0, f, ids) for f in labels], axis=0)
    distance = np.linalg.norm(steps, axis=-1)
    assert 0.3 < distance.mean() < distance.max() < 8
    assert np.count_nonzero(labels[-1]) > 1.05 * np.count_nonzero(labels[0])
