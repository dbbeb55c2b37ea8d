"""The commands as a user types them, run in this process but where the process itself matters."""

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

from seamless_unet.axes import label_axes
from seamless_unet.cli import main
from seamless_unet.image_io import read_image, sample_path, write_image
from seamless_unet.model_file import load_model, save_model
from seamless_unet.stack import Segmented, segment_stack

TINY = ["--steps", "3"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def model(tmp_path, pixel_model):
    return str(save_model(pixel_model(description="rounds grey values"), "model.safetensors"))


@pytest.fixture
def two_nuclei():
    """Return a maker of the files a.tif and a_labels.tif."""

    def make(name="a", *, axes="YX", labels=None):
        image = np.zeros((64, 72), np.uint8)
        image[10:20, 12:26] = image[40:52, 40:56] = 1
        drawn = image.astype(np.uint16)
        drawn[40:] *= 2
        drawn = drawn if labels is None else labels
        for kind, data in (("", image), ("_labels", drawn)):
            shaped = data[(np.newaxis,) * (len(axes) - 2)]
            write_image(f"{name}{kind}.tif", shaped, axes=axes, pixel_size={"Y": 0.5, "X": 0.5})
        return f"{name}.tif"

    return make


def fails(capsys, *arguments, status=1) -> str:
    """Run a command that must fail and return its one-line message."""
    if status == 2:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
    else:
        assert main(arguments) == status
    printed = capsys.readouterr()
    assert printed.out == "" or "--json" not in arguments
    message = printed.err.strip().splitlines()[-1]
    assert "error: " in message
    assert "Traceback" not in printed.err
    return message


def spawn(*arguments, **options):
    command = [sys.executable, "-m", "seamless_unet.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# train --start


def test_training_goes_on_from_a_model(model, two_nuclei):
    two_nuclei()
    pair = ["--images", "a.tif", "--labels", "a_labels.tif"]
    assert main(["train", *pair, "--output", "b.safetensors", "--start", model, *TINY]) == 0
    trained = load_model("b.safetensors")
    assert trained.info.training["data"]["start"] == f"the model {model}"
    assert trained.info.network == load_model(model).info.network
    history = trained.info.training["history"]
    assert history[0]["step"] == 0  # what it started from was measured
    assert history[0]["score"] == 1


def test_a_model_that_cannot_be_started_from_is_refused_in_words(model, two_nuclei, capsys):
    two_nuclei()
    pair = ["--images", "a.tif", "--labels", "a_labels.tif", "--output", "b.safetensors"]
    assert "no model" in fails(capsys, "train", *pair, "--start", "none", status=2)
    message = fails(capsys, "train", *pair, "--start", model, "--annotation", "classes", *TINY)
    assert "it finds objects, the labels show classes" in message


# segment


def test_segment_writes_labels_with_the_axes_and_pixel_size_of_the_image(model, two_nuclei):
    two_nuclei()
    assert main(["segment", "a.tif", "--output", "out", "--model", model]) == 0
    labels = read_image("out/a_labels.tif")
    assert (labels.axes, labels.pixel_size) == ("YX", {"Y": 0.5, "X": 0.5})
    assert (labels.data.dtype, labels.data.max()) == (np.uint16, 2)
    np.testing.assert_array_equal(labels.data > 0, read_image("a.tif").data > 0)
    assert os.listdir("out") == ["a_labels.tif"]


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


def test_segment_a_folder_leaves_labels_out(model, two_nuclei):
    os.mkdir("raw")
    two_nuclei("raw/a"), two_nuclei("raw/b")
    assert main(["segment", "raw", "--output", "out", "--model", model]) == 0
    assert sorted(os.listdir("out")) == ["a_labels.tif", "b_labels.tif"]


def test_segment_twice_replaces_the_result_but_never_labels_drawn_by_hand(
    capsys, model, two_nuclei
):
    two_nuclei()
    os.remove("a_labels.tif")
    run = ["segment", "a.tif", "--output", ".", "--model", model]
    assert main(run) == main(run) == 0
    tifffile.imwrite("a_labels.tif", np.zeros((64, 72), np.uint8))  # another program's
    assert "a_labels.tif exists and is not a result of this" in fails(capsys, *run)
    assert read_image("a_labels.tif").data.max() == 0


def test_segment_never_overwrites_an_input(capsys, model, two_nuclei):
    two_nuclei()
    message = fails(capsys, "segment", "a.tif", "a_labels.tif", "--output", ".", "--model", model)
    assert "a_labels.tif is an input" in message
    os.mkdir("b")
    two_nuclei("b/a")
    message = fails(capsys, "segment", "a.tif", "b/a.tif", "--output", "out", "--model", model)
    assert "two images have this name" in message


def test_json_is_one_object_and_nothing_else(model, two_nuclei):
    two_nuclei()
    done = spawn("segment", "a.tif", "--output", "out", "--model", model, "--json")
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert result["images"][0]["objects"] == 2
    assert result["images"][0]["labels"] == os.path.join("out", "a_labels.tif")
    assert "2 objects" in done.stderr


# evaluate and info


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


def test_info(capsys, model):
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    assert "rounds grey values" in text
    assert "2-D U-Net of depth 1" in text
    assert main(["info", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"]["depth"] == 1


# train


def train(*more):
    return ["train", "--images", "a.tif", "--labels", "a_labels.tif", "--output", "m.safetensors",
            *TINY, *more]  # fmt: skip


def test_train_then_segment(capsys, two_nuclei):
    two_nuclei()
    assert main(train("--json")) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["model"], result["reason"]) == ("m.safetensors", "budget")
    assert sorted(os.listdir()) == [
        "a.tif", "a_labels.tif", "m.checkpoint.safetensors", "m.safetensors",
    ]  # fmt: skip
    assert load_model("m.safetensors").info.pixel_size == {"Y": 0.5, "X": 0.5}
    assert main(["segment", "a.tif", "--output", "out", "--model", "m.safetensors"]) == 0
    capsys.readouterr()
    assert main(train("--resume", "m.checkpoint.safetensors")) == 0
    assert "nothing to do, the checkpoint has used up this budget" in capsys.readouterr().out


def test_ctrl_c_keeps_the_best_model_so_far(two_nuclei):
    two_nuclei()
    arguments = train()
    arguments[arguments.index("3")] = "100000"
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "seamless_unet.cli", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        child.stdout.readline()  # the summary: it has begun
        time.sleep(2)
        child.send_signal(signal.SIGINT)
        text, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130
    assert "stopped, the best model so far is kept" in text
    assert load_model("m.safetensors").info.axes == "YX"
    assert os.path.exists("m.checkpoint.safetensors")


def test_what_was_learned_before_a_failure_is_kept(capsys, monkeypatch, two_nuclei):
    module = importlib.import_module("seamless_unet.train")
    whole = module.train

    def diverging(*arguments, **options):
        for event in whole(*arguments, **options):
            yield event
            if isinstance(event, module.Validated):
                raise FloatingPointError("the training diverged")

    monkeypatch.setattr(module, "train", diverging)
    two_nuclei()
    assert "the training diverged" in fails(capsys, *train())
    assert load_model("m.safetensors").info.training["score"] is not None


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    capsys, monkeypatch, two_nuclei
):
    from seamless_unet.train_state import TrainState

    saved = []

    def save(state, path):
        saved.append(path)
        if len(saved) == 1:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(TrainState, "save", save)
    monkeypatch.setattr("seamless_unet.commands._CHECKPOINT_EVERY", 0)
    two_nuclei()
    assert main(train()) == 0
    assert len(saved) == 4  # after each of three steps and at the end
    assert "No space left on device; training goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "0"], "minutes=0.0 must be above 0"),
        (["--steps", "0"], "steps=0 must be at least 1"),
        (["--minutes", "1", "--steps", "1"], "not allowed with argument"),
    ],
)
def test_a_budget_of_nothing(capsys, two_nuclei, options, message):
    two_nuclei()
    run = [a for a in train() if a not in TINY]
    assert message in fails(capsys, *run, *options, status=2)


def test_labels_without_any_label(capsys, two_nuclei):
    two_nuclei(labels=np.zeros((64, 72), np.uint8))
    assert "there is no label: draw at least one object" in fails(capsys, *train())
    assert not os.path.exists("m.safetensors")


def test_labels_of_one_class_only(capsys, two_nuclei):
    two_nuclei(labels=np.ones((64, 72), np.uint8))
    assert "the labels have one class only, 1" in fails(capsys, *train("--annotation", "classes"))


def test_float_labels(capsys, two_nuclei):
    two_nuclei(labels=np.ones((64, 72), np.float32))
    assert "labels must be whole numbers: a_labels.tif is float32" in fails(capsys, *train())


def test_labels_of_another_shape(capsys, two_nuclei):
    two_nuclei(labels=np.ones((64, 71), np.uint8))
    message = fails(capsys, *train())
    assert "a is 64 x 72 (YX), a_labels.tif is 64 x 71; give the labels that were" in message


def test_images_of_different_kinds(capsys, two_nuclei):
    two_nuclei("a"), two_nuclei("b", axes="ZYX")
    run = ["train", "--images", "a.tif", "b.tif", "--labels", "a_labels.tif", "b_labels.tif"]
    message = fails(capsys, *run, "--output", "m.safetensors", *TINY)
    assert "a has axes YX, b has ZYX: train on images of the same kind" in message


@pytest.mark.parametrize("command", ["train", "segment"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    capsys, model, two_nuclei, command
):
    two_nuclei()
    open("file", "w").close()
    if command == "train":
        run = [a if a != "m.safetensors" else "file/m.safetensors" for a in train()]
    else:
        run = ["segment", "a.tif", "--output", "file/out", "--model", model]
    start = time.monotonic()
    message = fails(capsys, *run)
    assert "cannot write into file" in message
    assert "choose another --output" in message
    assert time.monotonic() - start < 5


def test_a_model_has_a_name_of_its_own(capsys, two_nuclei):
    two_nuclei()
    run = [a if a != "m.safetensors" else "a.tif" for a in train()]
    assert "a model's name ends in .safetensors" in fails(capsys, *run)
    assert read_image("a.tif").data.shape == (64, 72)


# wrong files


def test_missing_files(capsys, model, two_nuclei):
    two_nuclei()
    run = ["segment", "--output", "out", "--model"]
    assert "no such file: b.tif" in fails(capsys, *run, model, "a.tif", "b.tif")
    assert not os.path.exists("out")
    assert "no model other.safetensors" in fails(capsys, *run, "other.safetensors", "a.tif")
    assert "no such file: b.tif" in fails(capsys, *train("--labels", "b.tif"))


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


# the program itself


def test_help_and_usage(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("train", "segment", "evaluate", "info", "demo"))
    assert "required: COMMAND" in fails(capsys, status=2)


def test_debug_shows_where(model):
    done = spawn("segment", "b.tif", "--output", "out", "--model", model, "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "no such file: b.tif" in done.stderr
