"""Images segmented from the command line."""

import errno
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from seamless_unet.axes import label_axes
from seamless_unet.cli import main
from seamless_unet.image_io import read_image, sample_path, write_image
from seamless_unet.model_file import load_model, save_model
from seamless_unet.stack import Segmented, segment_stack
from terminal import fails, spawn


def test_segment_writes_labels_with_the_axes_and_pixel_size_of_the_image(model, two_nuclei):
    two_nuclei()
    assert main(["segment", "a.tif", "--output", "out", "--model", model]) == 0
    labels = read_image("out/a_labels.tif")
    assert (labels.axes, labels.pixel_size) == ("YX", {"Y": 0.5, "X": 0.5})
    assert (labels.data.dtype, labels.data.max()) == (np.uint16, 2)
    np.testing.assert_array_equal(labels.data > 0, read_image("a.tif").data > 0)
    assert os.listdir("out") == ["a_labels.tif"]


def test_images_that_are_done_can_be_skipped(capsys, model, two_nuclei):
    two_nuclei("a"), two_nuclei("b")
    run = ["segment", "a.tif", "b.tif", "--output", "out", "--model", model, "--skip-existing"]
    assert main(run) == 0
    Path("out/b_labels.tif").unlink()
    corrected = tifffile.imread("out/a_labels.tif")
    tifffile.imwrite("out/a_labels.tif", corrected)  # another program's
    written = os.stat("out/a_labels.tif").st_mtime_ns
    capsys.readouterr()
    assert main([*run, "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert [image["image"] for image in result["images"]] == ["b.tif"]
    assert result["skipped"] == ["a.tif"]
    assert "1 of 2 images have their results" in printed.err
    assert os.stat("out/a_labels.tif").st_mtime_ns == written
    assert main(run) == 0
    Path("out/a_labels.tif").unlink()
    assert main([*run, "--probabilities"]) == 0  # those are not there yet
    assert len(os.listdir("out")) == 4


def test_what_can_be_skipped_are_results_of_these_images(capsys, model, two_nuclei):
    os.makedirs("more")
    two_nuclei("a"), two_nuclei("more/a")
    run = ["segment", "--output", "out", "--model", model, "--skip-existing"]
    assert main([*run, "a.tif"]) == 0
    assert "two images have this name" in fails(capsys, *run, "a.tif", "more/a.tif")
    written = tifffile.imread("out/a_labels.tif")
    Path("out/a_labels.tif").write_bytes(b"")  # as a computer that broke down may leave it
    assert main([*run, "a.tif"]) == 0
    np.testing.assert_array_equal(tifffile.imread("out/a_labels.tif"), written)
    assert "a_labels.tif is an input" in fails(
        capsys, "segment", "a.tif", "a_labels.tif", "--output", ".", "--skip-existing"
    )


def test_what_others_write_meanwhile_is_left_alone(capsys, model, two_nuclei, monkeypatch):
    module = importlib.import_module("seamless_unet.commands.segment")
    tried = module._tried

    def beside(*arguments, **options):
        done = tried(*arguments, **options)
        Path("out/b_labels.tif").write_bytes(b"drawn by hand")
        return done

    monkeypatch.setattr(module, "_tried", beside)
    for name in "abc":
        two_nuclei(name)
    run = ["segment", "a.tif", "b.tif", "c.tif", "--output", "out", "--model", model, "--json"]
    assert main(run) == 1
    result = json.loads(capsys.readouterr().out)
    assert [image["image"] for image in result["images"]] == ["a.tif", "c.tif"]
    assert "b_labels.tif exists and is not a result" in result["failed"][0]["error"]
    assert Path("out/b_labels.tif").read_bytes() == b"drawn by hand"
    Path("out/a_labels.tif").unlink()
    assert main([*run, "--skip-existing"]) == 0  # as if two shared the work
    result = json.loads(capsys.readouterr().out)
    assert [image["image"] for image in result["images"]] == ["a.tif"]
    assert sorted(result["skipped"]) == ["b.tif", "c.tif"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, None])
def test_what_no_image_can_be_written_for_ends_all(capsys, model, two_nuclei, monkeypatch, number):
    written = []

    def full(path, *_, **__):
        written.append(path)
        raise OSError(number, os.strerror(number)) if number else OSError("0 of 9 bytes written")

    two_nuclei("a"), two_nuclei("b")
    monkeypatch.setattr(tifffile, "imwrite", full)
    assert "a_labels.tif" in fails(
        capsys, "segment", "a.tif", "b.tif", "--output", "out", "--model", model
    )
    assert len(written) == 1


def test_a_stain_that_is_named_like_labels_is_not_left_out_silently(capsys, model, two_nuclei):
    os.makedirs("d")
    for name in ("d/a", "d/tubulin_label"):
        two_nuclei(name)
    Path("d/tubulin_label_labels.tif").unlink()
    run = ["segment", "d", "--output", "out", "--model", model]
    assert main(run) == 0
    said = capsys.readouterr().err
    assert "named like labels: d/tubulin_label.tif;" in said
    assert "a_labels" not in said


def test_json_says_of_a_single_image_too_that_it_failed(capsys, model, two_nuclei):
    write_image("b.tif", np.zeros((2, 9, 9), np.uint8), axes="CYX")
    run = ["segment", "b.tif", "--output", "out", "--model", model, "--json"]
    assert main(run) == 1
    result = json.loads(capsys.readouterr().out)
    (failure,) = result["failed"]
    assert failure["image"] == "b.tif"
    assert "2 channel(s)" in failure["error"]
    assert (result["images"], result["skipped"]) == ([], [])


def test_one_channel_is_segmented(capsys, model, two_nuclei):
    two_nuclei()
    cells = read_image("a.tif").data
    write_image("b.tif", np.stack([np.full_like(cells, 9), cells]), axes="CYX")
    run = ["segment", "b.tif", "--output", "out", "--model", model]
    assert "choose those channels of the image (--channels)" in fails(capsys, *run)
    assert main([*run, "--channels", "2"]) == 0
    np.testing.assert_array_equal(read_image("out/b_labels.tif").data > 0, cells > 0)
    assert "has 2 channel(s): --channels must be" in fails(capsys, *run, "--channels", "3")


def test_an_error_names_the_bundled_model_that_takes_so_many_channels(tmp_path, capsys):
    tissue = str(tmp_path / "tissue.tif")
    write_image(tissue, np.full((40, 50, 3), 200, np.uint8), axes="YXC")
    run = ["segment", tissue, "--output", str(tmp_path / "out")]
    message = fails(capsys, *run)
    assert message.endswith("the bundled --model stained_nuclei takes red, green, blue")
    assert "bundled" not in fails(capsys, *run, "--channels", "1,2")
    assert main([*run, "--model", "stained_nuclei"]) == 0


def test_whoever_stops_reading_is_no_error(model, two_nuclei):
    two_nuclei("a"), two_nuclei("b")
    command = [sys.executable, "-m", "seamless_unet.cli", "segment", "a.tif", "b.tif"]
    command += ["--output", "out", "--model", model]
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (run.returncode, run.stderr) == (1, "")


def test_a_log_has_a_line_now_and_then(capsys, model, two_nuclei, monkeypatch):
    two_nuclei()
    run = ["segment", "a.tif", "--output", "out", "--model", model]
    monkeypatch.setattr("seamless_unet.commands.output._logged", time.monotonic())
    assert main(run) == 0
    assert "tile" not in capsys.readouterr().err
    monkeypatch.setattr("seamless_unet.commands.output._LOG_EVERY", 0)
    assert main(run) == 0
    assert "a.tif  tile 1 of 1\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "axes"), [("nuclei", "YX"), ("nuclei_stack", "ZYX"), ("nuclei_time", "TYX")]
)
def test_the_command_line_gives_the_pixels_of_the_api(pixel_model, name, axes):
    from seamless_unet.config import Normalization

    model = pixel_model(normalization=Normalization("percentile"), min_size=5)
    save_model(model, "model.safetensors")
    path = sample_path(f"{name}.tif")
    arguments = ["segment", str(path), "--output", "out", "--model", "model.safetensors"]
    assert main([*arguments, "--probabilities"]) == 0
    image = read_image(path)
    assert image.axes == axes
    *_, api = segment_stack(
        load_model("model.safetensors"), image.data, image.axes, probabilities=True
    )
    assert isinstance(api, Segmented)
    labels, probabilities = (
        read_image(f"out/{name}_{kind}.tif") for kind in ("labels", "probabilities")
    )
    assert api.labels.max() > 1
    np.testing.assert_array_equal(labels.data, api.labels)
    np.testing.assert_array_equal(probabilities.data, api.probabilities)
    assert (labels.axes, probabilities.axes) == (label_axes(axes), axes[:-2] + "CYX")
    assert labels.pixel_size == pytest.approx(image.pixel_size)
    intervals = {each.frame_interval for each in (image, labels, probabilities)}
    assert intervals == {900.0 if "T" in axes else None}


@pytest.mark.parametrize(("neck", "objects"), [([], 1), (["--neck", "2"], 2), (["--neck", "9"], 1)])
def test_necks(pixel_model, neck, objects):
    y, x = np.mgrid[:30, :50]
    touching = np.minimum((x - 15) ** 2, (x - 29) ** 2) + (y - 15) ** 2 <= 64
    tifffile.imwrite("touching.tif", touching.astype(np.uint8))
    save_model(pixel_model(), "model.safetensors")
    arguments = ["segment", "touching.tif", "--output", "out", "--model", "model.safetensors"]
    assert main([*arguments, *neck]) == 0
    assert read_image("out/touching_labels.tif").data.max() == objects


def test_a_disk_without_room_is_said_before_it_begins(model, two_nuclei, monkeypatch, capsys):
    two_nuclei()
    full = shutil._ntuple_diskusage(total=10**12, used=10**12 - 20, free=20)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)
    assert main(["segment", "a.tif", "--output", "out", "--model", model]) == 1
    said = capsys.readouterr().err
    assert "not enough room on the disk of out" in said
    assert "and 0 kB are free. Delete files there" in said
    assert not os.listdir("out")


def test_segment_options_reach_the_engine(model):
    image = np.zeros((3, 20, 30), np.float32)
    image[:, 2:6, 2:6], image[:, 10:18, 10:20] = 0.45, 1
    write_image("a.tif", image, axes="ZYX")
    run = ["segment", "a.tif", "--model", model, "--json"]
    counts = []
    for number, options in enumerate(
        ([], ["--threshold", "0.2"], ["--threshold", "0.2", "--min-size", "17"], ["--no-link"])
    ):
        assert main([*run, "--output", f"out{number}", *options]) == 0
        counts.append(int(read_image(f"out{number}/a_labels.tif").data[0].max()))
    assert counts == [1, 2, 1, 1]


def test_memory_and_precision_reach_the_engine(model, two_nuclei, monkeypatch):
    given = {}

    def remember(*arguments, **options):
        given.update(options)
        return segment_stack(*arguments, **options | {"precision": "float32"})

    monkeypatch.setattr("seamless_unet.stack.segment_stack", remember)
    two_nuclei()
    run = ["segment", "a.tif", "--output", "out", "--model", model]
    assert main(run) == 0
    assert (given["memory"], given["precision"]) == (None, "float32")
    assert main([*run, "--memory", "64MB", "--precision", "bfloat16"]) == 0
    assert (given["memory"], given["precision"]) == (64_000_000, "bfloat16")


def test_resample_gives_the_model_pixels_of_its_size(pixel_model, two_nuclei, capsys):
    save_model(pixel_model(pixel_size={"Y": 1, "X": 1}, min_size=200), "coarse.safetensors")
    two_nuclei()  # of 0.5 µm pixels: 140 and 192 of them
    run = ["segment", "a.tif", "--output", "out", "--model", "coarse.safetensors", "--json"]
    assert main([*run, "--resample", "--min-size", "40"]) == 0
    done = capsys.readouterr()
    assert json.loads(done.out)["images"][0]["objects"] == 1  # 35 and 48 of the model's
    assert "--resample" not in done.err
    labels = read_image("out/a_labels.tif")
    assert (labels.data.shape, labels.pixel_size) == ((64, 72), {"Y": 0.5, "X": 0.5})
    assert labels.data[44, 48] == 1
    assert main(run) == 0
    hint = "has pixels of 0.5 x 0.5 µm, the model learned on 1 x 1 µm: --resample resizes"
    assert hint in capsys.readouterr().err


def test_how_far_apart_planes_are_matters_to_a_model_of_volumes(pixel_model, capsys):
    size = {"Z": 1, "Y": 0.5, "X": 0.5}
    save_model(pixel_model(ndim=3, pixel_size=size), "volumes.safetensors")
    save_model(pixel_model(pixel_size=size), "planes.safetensors")
    for name, sizes in (("far", size | {"Z": 5}), ("unknown", {"Y": 0.5, "X": 0.5})):
        stack = np.zeros((6, 16, 16), np.uint8)
        write_image(f"{name}.tif", stack, axes="ZYX", pixel_size=sizes)
    run = ["segment", "far.tif", "--output", "out", "--model"]
    assert main([*run, "volumes.safetensors"]) == 0
    hint = "has pixels of 5 x 0.5 x 0.5 µm, the model learned on 1 x 0.5 x 0.5 µm: --resample"
    assert hint in capsys.readouterr().err
    assert main([*run, "planes.safetensors"]) == 0
    assert main([*run, "volumes.safetensors", "--resample"]) == 0
    assert "has pixels" not in capsys.readouterr().err
    run = ["segment", "unknown.tif", "--output", "out", "--model", "volumes.safetensors"]
    assert main([*run, "--resample"]) == 0
    hint = "unknown.tif  does not say how far apart its planes are, so their number stays as it is"
    assert hint in capsys.readouterr().err
    assert main([*run, "--resample", "--pixel-size", "2,0.5,0.5"]) == 0
    assert "how far apart" not in capsys.readouterr().err


def test_resample_without_a_pixel_size_is_refused_in_words(capsys, model, two_nuclei):
    two_nuclei()
    run = ["segment", "a.tif", "--output", "out", "--model"]
    message = fails(capsys, *run, model, "--resample", "--json")
    assert f"--resample: the model {model} does not say the size of its pixels" in message
    assert not os.path.exists("out")


def test_a_tile_that_no_network_reads_is_refused_once(capsys, two_nuclei):
    two_nuclei("a"), two_nuclei("b")
    run = ["segment", "a.tif", "b.tif", "--output", "out"]
    assert "--tile 10 is no size that the network can read: say 100" in fails(
        capsys, *run, "--tile", "10"
    )
    assert "say 124 or 132" in fails(capsys, *run, "--tile", "130")


def test_pixels_of_nearly_the_same_size_are_no_matter(pixel_model, two_nuclei, capsys):
    save_model(pixel_model(pixel_size={"Y": 0.55, "X": 0.45}), "near.safetensors")
    two_nuclei()
    assert main(["segment", "a.tif", "--output", "out", "--model", "near.safetensors"]) == 0
    assert "--resample" not in capsys.readouterr().err


def test_segment_a_folder_leaves_labels_out(model, two_nuclei):
    os.mkdir("raw")
    two_nuclei("raw/a"), two_nuclei("raw/b")
    assert main(["segment", "raw", "--output", "out", "--model", model]) == 0
    assert sorted(os.listdir("out")) == ["a_labels.tif", "b_labels.tif"]


def test_json_is_one_object_and_nothing_else(model, two_nuclei):
    two_nuclei()
    done = spawn("segment", "a.tif", "--output", "out", "--model", model, "--json")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert result["images"][0]["objects"] == 2
    assert result["images"][0]["labels"] == os.path.join("out", "a_labels.tif")
    assert "2 objects" in done.stderr


def test_a_text_file_named_tif(capsys, model):
    with open("text.tif", "w") as file:
        file.write("words")
    message = fails(capsys, "segment", "text.tif", "--output", "out", "--model", model)
    assert "text.tif is not a TIFF file" in message


def test_a_file_that_is_no_model(capsys, two_nuclei):
    two_nuclei()
    message = fails(capsys, "segment", "a.tif", "--output", "out", "--model", "a.tif")
    assert "a.tif is not a seamless-unet model" in message


def test_more_channels_than_the_model_has(capsys, model):
    write_image("a.tif", np.zeros((3, 20, 20), np.uint8), axes="CYX")
    message = fails(capsys, "segment", "a.tif", "--output", "out", "--model", model)
    assert "a.tif: the image has 3 channel(s), the model takes 1 (channel 1): choose" in message


def test_one_bad_file_does_not_cost_the_others(capsys, model, two_nuclei):
    for name in "abcd":
        two_nuclei(name)
    Path("b.tif").write_bytes(Path("b.tif").read_bytes()[:900])
    write_image("c.tif", np.zeros((3, 20, 20), np.uint8), axes="CYX")
    Path("._d.tif").write_bytes(b"what macOS leaves beside a file on another disk")
    assert main(["segment", ".", "--output", "out", "--model", model, "--json"]) == 1
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert [item["image"] for item in result["images"]] == ["a.tif", "d.tif"]
    assert [item["image"] for item in result["failed"]] == ["b.tif", "c.tif"]
    assert "cannot read b.tif" in result["failed"][0]["error"]
    assert "c.tif: the image has 3 channel(s)" in result["failed"][1]["error"]
    assert "left out: c.tif: the image has 3 channel(s)" in printed.err
    assert printed.err.strip().endswith("error: 2 of 4 images could not be segmented")
    assert sorted(os.listdir("out")) == ["a_labels.tif", "d_labels.tif"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--threshold=50", "50 must be from 0 to 1"),
        ("--threshold=high", "'high' is not a number"),
        ("--min-size=-1", "-1 must be at least 0"),
        ("--min-size=2.5", "'2.5' is not a whole number"),
        ("--neck=-2", "-2 must be at least 0"),
        ("--tile=0", "0 must be at least 1"),
    ],
)
def test_settings_out_of_range_are_wrong_usage(capsys, option, words):
    message = fails(capsys, "segment", "a.tif", "--output", "out", option, status=2)
    assert f"argument {option.split('=')[0]}: {words}" in message


def test_an_image_too_large_for_memory_does_not_cost_the_others(
    capsys, model, two_nuclei, monkeypatch
):
    from seamless_unet.commands import input as commands_input

    def read(path, **options):
        if path.name == "b.tif":
            raise MemoryError
        return read_image(path, **options)

    for name in "abc":
        two_nuclei(name)
    monkeypatch.setattr(commands_input, "read_image", read)
    assert main(["segment", ".", "--output", "out", "--model", model]) == 1
    assert "left out: b.tif: the computer ran out of memory" in capsys.readouterr().err
    assert sorted(os.listdir("out")) == ["a_labels.tif", "c_labels.tif"]


def test_a_name_that_cannot_be_printed_does_not_cost_the_others(model, two_nuclei):
    for name in ("клетки", "z"):
        two_nuclei(name)
    run = ["segment", ".", "--output", "out", "--model", model]
    done = spawn(*run, env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0, done.stderr
    assert r"\u043a" in repr(done.stdout)
    assert sorted(os.listdir("out")) == ["z_labels.tif", "клетки_labels.tif"]


def test_settings_that_mean_nothing_to_a_model_of_classes_are_said(capsys, pixel_model, two_nuclei):
    two_nuclei()
    save_model(pixel_model(output="classes"), "classes.safetensors")
    run = ["segment", "a.tif", "--output", "out", "--model", "classes.safetensors"]
    assert main(run) == 0
    assert "note" not in capsys.readouterr().err
    assert main([*run, "--threshold", "0.5", "--no-link"]) == 0
    words = "the model finds kinds of area, not objects: --threshold, --no-link does nothing"
    assert words in capsys.readouterr().err


def test_a_precision_that_only_costs_time_is_said(capsys, model, two_nuclei):
    two_nuclei()
    run = ["segment", "a.tif", "--output", "out", "--model", model, "--device", "cpu"]
    assert main(run) == 0
    assert "note" not in capsys.readouterr().err
    assert main([*run, "--precision", "float16"]) == 0
    assert "note: float16 takes far longer than float32 here" in capsys.readouterr().err


def test_unknown_axes(capsys, model):
    tifffile.imwrite("a.tif", np.zeros((7, 20, 20), np.uint8))
    run = ["segment", "a.tif", "--output", "out", "--model", model]
    assert "a.tif has 3 dimensions (7, 20, 20)" in (message := fails(capsys, *run))
    assert "give axes (--axes)" in message
    assert "do not say what Q is" in fails(capsys, *run, "--axes", "QYX")
    assert "axes 'YX' are 2, but a.tif has 3" in fails(capsys, *run, "--axes", "YX")
    assert main([*run, "--axes", "ZYX"]) == 0


def test_a_full_disk_leaves_nothing_half_written(model):
    """A limit on the size of files stands in for the disk: writing fails after some bytes."""
    noise = np.random.default_rng(0).random((200, 200)).astype(np.float32)
    write_image("a.tif", noise, axes="YX")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    run = ["segment", "a.tif", "--output", "out", "--model", model, "--probabilities"]
    done = spawn(*run, preexec_fn=limit)
    assert done.returncode == 1
    assert "cannot write" in (message := done.stderr.strip().splitlines()[-1])
    assert "a_probabilities.tif" in message
    assert "nothing was written, make room" in message
    assert os.listdir("out") == ["a_labels.tif"]


def test_missing_files(capsys, model):
    run = ["segment", "--output", "out", "--model"]
    open("a.tif", "w").close()
    assert "no such file: b.tif" in fails(capsys, *run, model, "a.tif", "b.tif")
    assert not os.path.exists("out")
    assert "no model other.safetensors" in fails(capsys, *run, "other.safetensors", "a.tif")


def test_a_pixel_size_known_along_one_axis_only(pixel_model, two_nuclei, capsys):
    save_model(pixel_model(pixel_size={"X": 2.0}), "wide.safetensors")
    two_nuclei()
    assert main(["segment", "a.tif", "--output", "out", "--model", "wide.safetensors"]) == 0
    assert "the model learned on ? x 2 µm" in capsys.readouterr().err


def test_where_nothing_is_large_enough_that_is_said(capsys, model, two_nuclei):
    two_nuclei()
    run = ["segment", "a.tif", "--output", "out", "--model", model]
    assert main([*run, "--min-size", "500"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"model  {model}\na.tif  0 objects")
    assert "note: objects of fewer than 500 pixels are left out: --min-size 0" in printed.err
    assert main([*run, "--min-size", "50"]) == 0
    printed = capsys.readouterr()
    assert "2 objects" in printed.out
    assert "note" not in printed.err


@pytest.mark.parametrize("axes", ["YX", "SYX"])
def test_a_result_says_how_it_was_made(model, two_nuclei, axes):
    two_nuclei(axes=axes)
    run = ["segment", "a.tif", "--output", "out", "--model", model, "--neck", "0", "--no-link"]
    assert main([*run, "--pixel-size", "0.25"]) == 0
    with tifffile.TiffFile("out/a_labels.tif") as tif:
        said = tif.pages.first.description.replace("&apos;", "'")
    assert (
        f"a.tif by seamless-unet segment, model={model}, neck=0.0, "
        "pixel_size={'Y': 0.25, 'X': 0.25}, precision=float32, no_link"
    ) in said


@pytest.mark.parametrize("name", ["a&<b>ü", "a\x07b", os.fsdecode(b"a\xe9b")])
def test_a_name_that_is_no_text_costs_no_result(model, two_nuclei, name):
    two_nuclei(name)
    assert main(["segment", f"{name}.tif", "--output", "out", "--model", model]) == 0
    assert read_image(f"out/{name}_labels.tif").data.max() == 2


def test_the_size_of_pixels_can_be_said(capsys, two_nuclei, pixel_model):
    save_model(pixel_model(pixel_size={"Y": 0.5, "X": 0.5}), "m.safetensors")
    two_nuclei()
    image = read_image("a.tif")
    write_image("a.tif", image.data, axes="YX")
    run = ["segment", "a.tif", "--output", "out", "--model", "m.safetensors", "--resample"]
    assert "does not say the size of its pixels" in fails(capsys, *run)
    assert main([*run, "--pixel-size", "0.5"]) == 0
    labels = read_image("out/a_labels.tif")
    assert (labels.pixel_size, labels.data.max()) == ({"Y": 0.5, "X": 0.5}, 2)
    assert main([*run, "--pixel-size", "2,0.25,0.5"]) == 0  # there is no Z
    assert read_image("out/a_labels.tif").pixel_size == {"Y": 0.25, "X": 0.5}
    for wrong in ("0", "a", "1,2,3,4", "inf"):
        message = fails(capsys, *run, "--pixel-size", wrong, status=2)
        assert f"'{wrong}' is no pixel size: give micrometre" in message


@pytest.fixture
def _heard():
    """Signals are not ignored, as they may be where tests run in the background."""
    ways = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {way: signal.signal(way, handler) for way, handler in ways.items()}
    yield
    assert {way: signal.getsignal(way) for way in ways} == ways
    for way, handler in before.items():
        signal.signal(way, handler)


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT])
def test_what_was_done_is_told_where_somebody_ends_it(capsys, model, two_nuclei, monkeypatch, way):
    two_nuclei("a"), two_nuclei("b"), two_nuclei("c")
    done = []

    def second_is_ended(path, *args, **kwargs):
        done.append(path)
        if len(done) == 2:
            signal.raise_signal(way)
        return write_image(path, *args, **kwargs)

    monkeypatch.setattr("seamless_unet.commands.segment.write_image", second_is_ended)
    assert main(["segment", ".", "--output", "out", "--model", model, "--json"]) == 130
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["reason"] == "stopped"
    assert [image["image"] for image in result["images"]] == ["a.tif"]
    assert printed.err.endswith("seamless-unet: stopped\n")
    assert os.listdir("out") == ["a_labels.tif"]


@pytest.mark.usefixtures("_heard")
def test_a_command_that_is_ended_early_says_so_in_json(capsys, model, two_nuclei, monkeypatch):
    two_nuclei()

    def ended(*_, **__):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("seamless_unet.model_file.load_model", ended)
    assert main(["segment", "a.tif", "--output", "out", "--model", model, "--json"]) == 130
    assert json.loads(capsys.readouterr().out) == {"error": "stopped"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is full")
def test_a_full_disk_under_the_json_is_one_line(model, two_nuclei):
    two_nuclei()
    command = [sys.executable, "-m", "seamless_unet.cli", "segment", "a.tif", "--output", "out"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*command, "--model", model, "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
