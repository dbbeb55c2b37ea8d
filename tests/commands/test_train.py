"""Models trained from the command line."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from seamless_unet.claim import claimed
from seamless_unet.cli import main
from seamless_unet.image_io import read_image, write_image
from seamless_unet.model_file import load_model
from terminal import TINY, fails, train


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


def test_training_goes_on_from_a_model(model, two_nuclei, capsys):
    two_nuclei()
    pair = ["--images", "a.tif", "--labels", "a_labels.tif"]
    assert main(["train", *pair, "--output", "b.safetensors", "--start", model, *TINY]) == 0
    trained = load_model("b.safetensors")
    assert trained.info.training["data"]["start"] == f"the model {Path(model).stem}"
    assert trained.info.network == load_model(model).info.network
    history = trained.info.training["history"]
    assert history[0]["step"] == 0  # what it started from was measured
    assert history[0]["score"] == 1
    # what it started from is in the checkpoint: neither the option nor the file is needed again
    os.remove(model)
    run = ["train", *pair, "--output", "b.safetensors", "--resume", "b.checkpoint.safetensors"]
    assert main([*run, "--steps", "5"]) == 0
    resumed = load_model("b.safetensors").info.training
    assert resumed["steps"] == 5
    assert resumed["history"][: len(history)] == history
    assert resumed["earlier"] == trained.info.training["earlier"]
    message = fails(capsys, *run, "--steps", "9", "--seed", "3", status=2)
    assert "other settings (seed)" in message
    message = fails(capsys, *run, "--annotation", "classes", status=2)
    assert "other settings (annotation)" in message
    capsys.readouterr()
    assert main([*run, "--start", "scratch", "--steps", "6"]) == 0
    assert "--start does nothing with --resume" in capsys.readouterr().err
    assert "no checkpoint none" in fails(capsys, *run[:-1], "none", status=2)


def test_a_model_that_cannot_be_started_from_is_refused_in_words(model, two_nuclei, capsys):
    two_nuclei()
    pair = ["--images", "a.tif", "--labels", "a_labels.tif", "--output", "b.safetensors"]
    assert "no model" in fails(capsys, "train", *pair, "--start", "none", status=2)
    message = fails(capsys, "train", *pair, "--start", model, "--annotation", "classes", *TINY)
    assert "it finds objects, the labels show classes" in message


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


def test_ctrl_c_while_the_model_is_saved_does_not_cost_it(monkeypatch, two_nuclei):
    from seamless_unet.model_file import save_model

    def interrupted(*given):
        signal.raise_signal(signal.SIGINT), signal.raise_signal(signal.SIGINT)
        return save_model(*given)

    monkeypatch.setattr("seamless_unet.model_file.save_model", interrupted)
    before = signal.getsignal(signal.SIGINT)
    two_nuclei()
    assert main(train()) == 0
    assert load_model("m.safetensors").info.axes == "YX"
    assert signal.getsignal(signal.SIGINT) is before


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
    monkeypatch.setattr("seamless_unet.commands.train._CHECKPOINT_EVERY", 0)
    two_nuclei()
    assert main(train()) == 0
    assert len(saved) == 4  # after each of three steps and at the end
    assert "No space left on device; the training is unharmed" in capsys.readouterr().err


def test_a_model_that_has_no_room_says_how_to_go_on(capsys, monkeypatch, two_nuclei):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seamless_unet.model_file.save_model", full)
    monkeypatch.setattr("seamless_unet.commands.train._CHECKPOINT_EVERY", 0)
    two_nuclei()
    message = fails(capsys, *train())
    assert "m.safetensors is not written: No space left on device; make room, then" in message
    assert "--resume m.checkpoint.safetensors" in message


def test_no_room_is_said_before_the_work(capsys, monkeypatch, two_nuclei):
    two_nuclei()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    message = fails(capsys, *train())
    assert "not enough room on the disk" in message
    assert "1 MB are free" in message
    assert "or take another --output" in message
    assert not Path("m.safetensors").exists()


def test_a_model_written_meanwhile_by_another_training_is_kept(capsys, monkeypatch, two_nuclei):
    module = importlib.import_module("seamless_unet.train")
    whole = module.train

    def beside(*arguments, **options):
        for event in whole(*arguments, **options):
            yield event
            Path("m.safetensors").write_text("another's")

    monkeypatch.setattr(module, "train", beside)
    two_nuclei()
    assert main(train()) == 0
    assert Path("m.1.safetensors").read_text() == "another's"
    assert load_model("m.safetensors").info.training["score"] is not None


def test_two_trainings_do_not_make_the_same_model(capsys, two_nuclei):
    two_nuclei()
    with claimed(Path("m.running"), "not twice"):
        message = fails(capsys, *train())
        assert "another training is going to write m.safetensors: take another" in message
        assert not Path("m.safetensors").exists()
    about = {"process": os.getpid(), "started": 1.0}  # killed, long ago
    Path("m.running").write_text(json.dumps(about))
    assert main(train()) == 0
    assert sorted(os.listdir()) == [
        *("a.tif", "a_labels.tif", "m.checkpoint.safetensors", "m.safetensors")
    ]


def test_an_earlier_model_is_kept_under_another_name(two_nuclei, capsys):
    two_nuclei()
    assert main(train()) == 0
    first = Path("m.safetensors").read_bytes()
    assert main(train("--seed", "1")) == 0
    assert "m.safetensors of an earlier training is now m.1.safetensors" in capsys.readouterr().out
    second = Path("m.safetensors").read_bytes()
    assert Path("m.1.safetensors").read_bytes() == first != second
    assert main(train("--seed", "2")) == 0
    assert Path("m.1.safetensors").read_bytes() == first
    assert Path("m.2.safetensors").read_bytes() == second
    assert os.path.exists("m.2.checkpoint.safetensors")


def test_going_on_renames_nothing(two_nuclei):
    two_nuclei()
    assert main(train()) == 0
    before = sorted(os.listdir())
    run = [a if a != "3" else "5" for a in train("--resume", "m.checkpoint.safetensors")]
    assert main(run) == 0
    assert sorted(os.listdir()) == before


def test_going_on_with_other_images_is_refused_in_words(two_nuclei, capsys):
    two_nuclei()
    two_nuclei("b")
    assert main(train()) == 0
    more = ["--images", "a.tif", "b.tif", "--labels", "a_labels.tif", "b_labels.tif"]
    run = ["train", *more, "--output", "m.safetensors", "--steps", "9"]
    message = fails(capsys, *run, "--resume", "m.checkpoint.safetensors")
    assert "made with other images or labels, or with other dimensions or channels" in message
    assert "take the same, or learn on from its model" in message


@pytest.mark.parametrize(("values", "output"), [([], "classes"), (["object"], "objects")])
def test_what_scribbles_of_several_numbers_are(two_nuclei, values, output, capsys):
    strokes = np.zeros((64, 72), np.uint8)
    strokes[2:6, 5:60], strokes[12:17, 14:24], strokes[42:50, 42:54] = 1, 2, 3
    two_nuclei(labels=strokes)
    said = [word for value in values for word in ("--scribble-values", value)]
    assert main(train("--annotation", "scribbles", *said)) == 0
    assert load_model("m.safetensors").info.output == output
    note = "The strokes with 2 and 3 are taken as kinds of area, not as cells."
    assert (note in capsys.readouterr().out) == (output == "classes")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "0"], "minutes=0.0 must be above 0"),
        (["--steps", "0"], "steps=0 must be at least 1"),
        (["--minutes", "1", "--steps", "1"], "not allowed with argument"),
        (["--scribble-values", "object"], "--scribble-values goes with --annotation scribbles"),
    ],
)
def test_options_that_cannot_be_meant(capsys, two_nuclei, options, message):
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
    two_nuclei(labels=np.full((64, 72), 0.5, np.float32))
    assert "labels must be whole numbers: a_labels.tif is float32" in fails(capsys, *train())


def test_labels_of_another_shape(capsys, two_nuclei):
    two_nuclei(labels=np.ones((64, 71), np.uint8))
    message = fails(capsys, *train())
    assert "a is 64 x 72 (YX), a_labels.tif is 64 x 71; give the labels that were" in message


def test_images_and_stacks_are_learned_together(capsys, two_nuclei):
    two_nuclei("a"), two_nuclei("b", axes="ZYX")
    run = ["train", "--images", "a.tif", "b.tif", "--labels", "a_labels.tif", "b_labels.tif"]
    assert main([*run, "--output", "m.safetensors", *TINY]) == 0
    assert "Learning from 2 images" in capsys.readouterr().out


def test_files_without_a_partner_are_named(capsys, two_nuclei):
    two_nuclei("a"), two_nuclei("b"), two_nuclei("c")
    Path("b_labels.tif").unlink(), Path("c.tif").unlink()
    run = ["train", "--images", ".", "--labels", ".", "--output", "m.safetensors", *TINY]
    assert main(run) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [
        "left out, no labels (such as b_labels.tif): b.tif",
        "left out, no image: c_labels.tif",
    ]


def test_channels_are_chosen(capsys, two_nuclei):
    two_nuclei()
    cells = read_image("a.tif").data
    write_image("b.tif", np.stack([np.full_like(cells, 9), cells]), axes="CYX")
    run = [a if a != "a.tif" else "b.tif" for a in train()]
    assert main([*run, "--channels", "2"]) == 0
    assert load_model("m.safetensors").info.network.in_channels == 1
    assert main(train()) == 0  # the same as of the channel by itself
    one, other = (
        load_model(name).info.training["history"] for name in ("m.safetensors", "m.1.safetensors")
    )
    assert one == other
    message = fails(capsys, *run, "--channels", "1,3")
    assert "b.tif has 2 channel(s): --channels must be from 1 to 2" in message
    assert "'0' are no numbers" in fails(capsys, *run, "--channels", "0", status=2)
    run = ["train", "--images", "a.tif", "b.tif", "--labels", "a_labels.tif", "a_labels.tif"]
    message = fails(capsys, *run, "--output", "m.safetensors", *TINY)
    assert "different numbers of channels (a has 1, b has 2)" in message


def test_a_model_has_a_name_of_its_own(capsys, two_nuclei):
    two_nuclei()
    run = [a if a != "m.safetensors" else "a.tif" for a in train()]
    assert "a model's name ends in .safetensors" in fails(capsys, *run)
    assert read_image("a.tif").data.shape == (64, 72)


def test_missing_files(capsys, two_nuclei):
    two_nuclei()
    assert "no such file: b.tif" in fails(capsys, *train("--labels", "b.tif"))
