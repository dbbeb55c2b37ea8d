import dask.array
import numpy as np
import pytest
import tifffile
from scipy import ndimage as ndi
from skimage.segmentation import relabel_sequential, watershed

from cases import CASES, picture
from seamless_unet.image_io import sample_path
from seamless_unet.metrics import evaluate
from seamless_unet.necks import divide_at_necks
from seamless_unet.segment import segment
from seamless_unet.weight_map import separate_touching

SAMPLES = sample_path("nuclei.tif").parent


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def certain(foreground):
    """Probabilities that leave no doubt."""
    foreground = np.asarray(foreground) > 0
    return np.stack([~foreground, foreground]).astype(np.float32)


def chessboard_distances(labels):
    """Distance of every pixel to every object, the slow way: (objects, *shape)."""
    pixels = np.moveaxis(np.indices(labels.shape), 0, -1)
    objects = [np.argwhere(labels == number) for number in range(1, labels.max() + 1)]
    return np.array(
        [np.abs(pixels[..., None, :] - inside).max(-1).min(-1) for inside in objects]
    ).reshape(-1, *labels.shape)


def plainly(p, *, threshold, seed_threshold, cored, neck, min_size, fill_holes, grow):
    """What `segment` returns, found by looking at the whole image for every object."""
    foreground = 1 - p[0]
    labels, count = ndi.label(foreground > threshold)
    if seed_threshold is not None and (cored or seed_threshold > threshold):
        core = p[2] if cored else foreground
        seeds = ndi.label((core > seed_threshold) & (labels > 0))[0]
        least = max(3, min_size // (6 if cored else 3))
        for level in (0.5, 0.6, 0.7, 0.8) if cored and p.ndim == 4 else ():
            for number in np.unique(seeds[seeds > 0]):
                parts = ndi.label((seeds == number) & (core > level))[0]
                sizes = np.bincount(parts.ravel())
                risen = np.bincount(parts[core > level + 0.1], minlength=len(sizes))
                large = (sizes >= least) & (risen >= max(3, least // 4))
                large &= sizes >= sizes[1:][large[1:]].max(initial=0) / 50
                if np.count_nonzero(large[1:]) > 1:
                    parts = np.where(large[parts] & (parts > 0), parts + seeds.max(), 0)
                    seeds = np.where(seeds == number, parts, seeds)
        for number in np.unique(seeds[seeds > 0]):
            if (seeds == number).sum() < least:
                seeds[seeds == number] = 0
        seeds_of = [set(seeds[labels == piece]) - {0} for piece in range(count + 1)]
        where = np.isin(
            labels, [piece for piece in range(1, count + 1) if len(seeds_of[piece]) > 1]
        )
        divided = watershed(-(foreground + core), seeds * where, mask=where)
        labels = np.where(where, divided + count, labels)
    for number in np.unique(labels[labels > 0]) if neck else ():
        alone = (labels == number).astype(np.int32)
        divide_at_necks(alone, neck, least=min_size)
        labels = np.where(alone > 1, alone + labels.max(), labels)
    labels[np.isin(labels, np.flatnonzero(np.bincount(labels.ravel()) < min_size))] = 0
    labels = relabel_sequential(labels)[0]
    if grow and labels.max() > 1:
        first, second = np.sort(chessboard_distances(labels), axis=0)[:2]
        between = (labels == 0) & (first + second <= grow + 1)
        nearest = ndi.distance_transform_cdt(
            labels == 0, return_distances=False, return_indices=True
        )
        labels = np.where(between, labels[tuple(nearest)], labels)
    order = [number for number in dict.fromkeys(labels.ravel().tolist()) if number]
    for number in reversed(order) if fill_holes else ():  # what lies inside begins later
        filled = ndi.binary_fill_holes(labels == number, np.ones((3,) * labels.ndim))
        labels[filled & (labels == 0)] = number
    new_id = {0: 0} | {number: new for new, number in enumerate(order, 1)}
    return np.vectorize(new_id.get)(labels)


def random_options(rng):
    return {
        "threshold": rng.choice([0.1, 0.3, 0.5, 0.6]),
        "seed_threshold": rng.choice([None, 0.3, 0.5, 0.7]),
        "cored": bool(rng.integers(2)),
        "neck": rng.choice([0, 0.2, 0.5]),
        "min_size": int(rng.choice([0, 2, 6, 20])),
        "fill_holes": bool(rng.integers(4)),
        "grow": int(rng.integers(6)),
    }


@pytest.mark.parametrize("shape", [(24, 31), (1, 40), (40, 1), (6, 9, 11)])
@pytest.mark.parametrize("smooth", [0, 0.6, 1.0])
def test_equals_looking_at_the_whole_image_for_every_object(shape, smooth, rng):
    counted = np.zeros(5, int)  # of comparisons in which each step changed something
    for _ in range(40):
        logits = np.array(
            [ndi.gaussian_filter(x, smooth) for x in rng.standard_normal((3, *shape))]
        )
        p = np.exp(4 * logits / logits.std())
        p /= p.sum(axis=0)
        options = random_options(rng)
        labels = segment(p, **options)
        np.testing.assert_array_equal(labels, plainly(p, **options), str(options))
        changes = [{"seed_threshold": None}, {"neck": 0}]
        changes += [{"min_size": 0}, {"grow": 0}, {"fill_holes": False}]
        counted += [(segment(p, **options | change) != labels).any() for change in changes]
    assert 1 in shape or counted.all()  # or the comparison would prove little


@pytest.mark.parametrize("side", [1, 5, 8])
def test_gaps_are_the_same_in_blocks_of_any_size(side, rng, monkeypatch):
    foreground = rng.random((19, 23)) < 0.1
    whole = segment(certain(foreground), grow=4)
    monkeypatch.setattr("seamless_unet.gaps._BLOCK", side**2)
    np.testing.assert_array_equal(segment(certain(foreground), grow=4), whole)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_foreground_is_what_is_not_background(threshold, rng):
    p = rng.dirichlet(np.ones(3), (9, 11)).transpose(2, 0, 1)
    labels = segment(p, threshold=threshold, fill_holes=False, grow=0)
    np.testing.assert_array_equal(labels > 0, p[1] + p[2] > threshold)
    assert labels.dtype == np.int32
    assert not segment(np.full((2, 3, 3), 0.5)).any()  # above the threshold, not at it


def test_cores_divide_what_the_foreground_joins():
    rows = np.array([0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1])
    core = np.array([0.0, 0.8, 0.8, 0.1, 0.0, 0.7, 0.7, 0.0])
    probabilities = np.stack([1 - rows, rows - core, core])[:, None] * np.ones((3, 3, 1))
    labels = segment(probabilities, seed_threshold=0.5, cored=True)
    np.testing.assert_array_equal(labels[0, [0, 1, 2, 5, 6, 7]], [1, 1, 1, 2, 2, 0])
    assert segment(probabilities, seed_threshold=0.75, cored=True).max() == 1  # one core is left
    assert segment(probabilities, seed_threshold=0.5).max() == 1  # the foreground has no valley
    with pytest.raises(ValueError, match="cores are class 2, but there are 2 classes"):
        segment(probabilities[:2], cored=True)


@pytest.mark.parametrize("grow", [0, 2])
def test_lists_and_dask_arrays_and_a_float_of_pixels(grow):
    probabilities = np.zeros((3, 9, 20))
    probabilities[1, 2:7, 2:18] = 0.6
    probabilities[2, 4, 4:8] = probabilities[2, 4, 12:16] = 0.4
    probabilities[0] = 1 - probabilities.sum(axis=0)
    options = {"threshold": 0.4, "seed_threshold": 0.3, "cored": True, "neck": 1}
    expected = segment(probabilities, **options, grow=grow)
    assert expected.max() == 2
    for same in (probabilities.tolist(), dask.array.from_array(probabilities)):
        np.testing.assert_array_equal(segment(same, **options, grow=float(grow)), expected)
    assert segment(probabilities[:, :0], **options, grow=grow).shape == (0, 20)
    for wrong, why in ((np.inf, "pixels must be at most 100"), (1.5, "must be a whole number")):
        with pytest.raises(ValueError, match=f"grow={wrong} {why}"):
            segment(probabilities, grow=wrong)


@pytest.mark.parametrize(("valley", "cores"), [(0.4, 2), (0.55, 2), (0.78, 2), (0.88, 1)])
def test_cores_that_run_together_are_several_seeds_in_a_volume(valley, cores):
    core = np.array([0.0, 0.95, 0.91, valley, 0.91, 0.95, 0.0, 0.4, 0.4, 0.0])
    rows = np.maximum(core, 0.5)
    probabilities = np.stack([1 - rows, rows - core, core])[:, None] * np.ones((3, 3, 1))
    options = {"threshold": 0.4, "seed_threshold": 0.3, "cored": True}
    assert segment(probabilities, **options).max() == 2
    volume = np.repeat(probabilities[:, None], 3, axis=1)
    labels = segment(volume, **options)
    expected = [1, 1, 1, cores, cores, cores + 1, cores + 1]
    np.testing.assert_array_equal(labels[0, 0, [0, 1, 2, 4, 5, 7, 8]], expected)


@pytest.mark.parametrize(("risen", "objects"), [(9, 1), (10, 2)])
def test_a_core_of_a_volume_rises_in_a_quarter_of_the_smallest_core(risen, objects):
    core = np.zeros((7, 7, 20))
    core[1:6, 1:6, 1:19] = 0.45
    core[1:6, 1:6, 1:8] = 0.9
    core[1:6, 1:6, 12:19] = 0.55
    core[2:4, 1:6, 14].flat[:risen] = 0.65
    probabilities = np.stack([np.zeros_like(core), 1 - core, core])
    options = {"threshold": 0.2, "seed_threshold": 0.3, "cored": True}
    assert segment(probabilities, **options, min_size=6 * 40).max() == objects


@pytest.mark.parametrize(("clear", "objects"), [(np.s_[3, 3:6, 8], 1), (np.s_[2:6, 2:7, 8], 2)])
def test_a_speck_in_the_core_of_a_volume_is_no_seed(clear, objects):
    core = np.zeros((7, 9, 12))
    core[1:6, 1:8, 1:11] = 0.4
    core[1:6, 1:8, 1:6] = 0.9  # 175 voxels; beside them, 3 are a speck and 20 another core
    core[clear] = 0.9
    probabilities = np.stack([1 - core, np.zeros_like(core), core])
    options = {"threshold": 0.2, "seed_threshold": 0.3, "cored": True}
    assert segment(probabilities, **options).max() == objects


def test_pieces_are_joined_by_faces_and_numbered_by_their_first_pixel():
    labels = segment(
        certain(
            picture("""
                ..1..1
                ..1...
                11.1.1
                1111.1
            """)
        ),
        fill_holes=False,
        grow=0,
    )
    expected = picture("""
        ..1..2
        ..1...
        33.3.4
        3333.4
    """)
    np.testing.assert_array_equal(labels, expected)


def test_min_size_counts_the_pixels_above_the_threshold():
    foreground = picture("""
        1..11..111
    """)
    for min_size, pieces in [(0, 3), (1, 3), (2, 2), (3, 1), (4, 0)]:
        labels = segment(certain(foreground), min_size=min_size, grow=0)
        assert labels.max() == pieces
        assert np.count_nonzero(labels) == sum(range(4 - pieces, 4))


def test_a_hole_is_filled_but_an_object_in_it_stays():
    labels = segment(certain(CASES["nested"]), grow=0)
    np.testing.assert_array_equal(labels[1:8, 1:10] > 0, True)
    assert np.argwhere(labels == 2).tolist() == [[4, 5]]
    np.testing.assert_array_equal(
        segment(certain(CASES["nested"]), grow=0, fill_holes=False), CASES["nested"]
    )


def test_debris_below_min_size_in_a_hole_is_filled_too():
    labels = segment(certain(CASES["nested"]), min_size=2)
    assert labels.max() == 1
    assert np.count_nonzero(labels) == 7 * 9


def test_a_bay_is_no_hole():
    bay = picture("""
        .....
        .111.
        .1.1.
        .1.1.
    """)
    np.testing.assert_array_equal(segment(certain(bay)), bay)


def test_a_hole_in_a_volume_is_closed_on_all_sides():
    shell = np.ones((3, 3, 3), int)
    shell[1, 1, 1] = 0
    assert segment(certain(shell)).all()
    shell[0, 1, 1] = 0
    np.testing.assert_array_equal(segment(certain(shell)), shell)


def test_a_gap_is_divided_and_other_outlines_stay():
    gap = picture("""
        ..........
        .111..222.
        .111..222.
        ..........
    """)
    closed = picture("""
        ..........
        .11112222.
        .11112222.
        ..........
    """)
    grown = segment(certain(gap))
    np.testing.assert_array_equal(grown[1:3], closed[1:3])
    # where the gap opens, the two neighbors diagonal to both objects lie between them as well
    assert np.count_nonzero(grown[[0, 3]]) == 4
    np.testing.assert_array_equal(segment(certain(gap), grow=1), gap)


@pytest.mark.parametrize("case", ["one_object", "single_pixel", "border", "no_object"])
def test_objects_on_their_own_do_not_grow(case):
    np.testing.assert_array_equal(segment(certain(CASES[case])), CASES[case])


@pytest.mark.parametrize("shape", [(17, 23), (7, 8, 9)])
@pytest.mark.parametrize("grow", [1, 2, 3, 5])
def test_gaps_equal_brute_force(shape, grow, rng):
    for density in (0.05, 0.1, 0.2):
        foreground = rng.random(shape) < density
        before = segment(certain(foreground), grow=0, fill_holes=False)
        after = segment(certain(foreground), grow=grow, fill_holes=False)
        distances = chessboard_distances(before)
        first, second = np.sort(distances, axis=0)[:2]
        np.testing.assert_array_equal(after > 0, (before > 0) | (first + second <= grow + 1))
        # a new pixel belongs to one of the nearest objects; growing may have changed their ids
        old_id = np.zeros(before.max() + 1, int)
        old_id[after[before > 0]] = before[before > 0]
        new = (after > 0) & (before == 0)
        given = np.take_along_axis(distances, old_id[after][None] - 1, axis=0)[0]
        np.testing.assert_array_equal(given[new], first[new])
        np.testing.assert_array_equal(old_id[after][before > 0], before[before > 0])


@pytest.mark.parametrize(
    ("name", "at_least"), [("nuclei", 0.99), ("nuclei_stack", 0.85), ("membranes", 0.98)]
)
def test_the_gap_that_training_draws_is_undone(name, at_least):
    truth = tifffile.imread(SAMPLES / f"{name}_labels.tif").astype(np.int32)
    separated = separate_touching(truth)
    labels = segment(certain(separated))
    drawn = (truth > 0) & (separated == 0)
    assert np.count_nonzero(labels[drawn]) >= 0.97 * np.count_nonzero(drawn)
    # natural gaps as narrow as the drawn one are closed as well, so the outlines are not all equal
    result = evaluate(truth, labels)
    assert result.ap50 == 1
    assert result.mean_ap > at_least


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (1, 1, 1)])
def test_images_of_hardly_any_pixel(shape):
    for foreground in (np.zeros(shape), np.ones(shape)):
        np.testing.assert_array_equal(segment(certain(foreground)), foreground)


def test_nan_is_background():
    p = certain(CASES["one_object"])
    p[:, 1, 2] = np.nan
    assert np.count_nonzero(segment(p)) == 5


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((1, 4, 4), {}, r"shape \(1, 4, 4\) must be \(K, \[Z,\] Y, X\) with K >= 2"),
        ((4, 4), {}, "background first"),
        ((2, 4, 4), {"threshold": 1.5}, "threshold=1.5 must be between 0 and 1"),
        ((2, 4, 4), {"min_size": -1}, "min_size=-1 pixels must be at least 0"),
        ((2, 4, 4), {"neck": -0.5}, "neck=-0.5 pixels must be at least 0"),
        ((2, 4, 4), {"grow": -1}, "grow=-1"),
        ((2, 4, 4), {"grow": 2.5}, "grow=2.5 must be a whole number of pixels"),
        ((2, 4, 4), {"seed_threshold": 7}, "seed_threshold=7 must be between 0 and 1"),
    ],
)
def test_segment_says_what_is_wrong(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        segment(np.zeros(shape), **arguments)


def test_segment_leaves_its_input_alone(rng):
    p = rng.random((2, 20, 20))
    before = p.copy()
    segment(p, min_size=3)
    np.testing.assert_array_equal(p, before)


def two_hills(valley):
    """Foreground probability of two round hills that touch in a valley, and a lone low one."""
    y, x = np.mgrid[:24, :60]
    hills = [0.95 - 0.02 * np.hypot(y - 12, x - cx) for cx in (12, 28)]
    foreground = np.where(np.hypot(y - 12, x - 50) < 6, 0.6, np.maximum(*hills))
    foreground[:, 20] = np.minimum(foreground[:, 20], valley)
    foreground[np.maximum(*hills) < 0.78] *= np.hypot(y - 12, x - 50)[np.maximum(*hills) < 0.78] < 6
    return np.stack([1 - foreground, foreground])


def test_a_piece_with_several_seeds_is_divided_along_the_valley():
    hills = two_hills(valley=0.6)
    assert segment(hills).max() == 2
    divided = segment(hills, seed_threshold=0.7)
    assert divided.max() == 3
    assert (divided[:, :20][divided[:, :20] > 0] == 1).all()
    assert (divided[:, 21:40][divided[:, 21:40] > 0] == 2).all()
    assert (divided[hills[1] > 0.5] > 0).all()  # nothing is lost, the low one neither


def test_no_valley_below_the_seed_threshold_divides_nothing():
    hills = two_hills(valley=0.75)
    np.testing.assert_array_equal(segment(hills, seed_threshold=0.7), segment(hills))


def test_a_seed_of_a_few_pixels_divides_nothing():
    foreground = np.full((9, 20), 0.6)
    foreground[2:7, 2:9] = 0.9
    foreground[4, 15] = 0.9
    result = segment(np.stack([1 - foreground, foreground]), seed_threshold=0.7)
    assert result.max() == 1
