import os
from pathlib import Path

import pytest

from seamless_unet.model_file import bundled_models
from seamless_unet.plugin import models
from seamless_unet.plugin.job import Job


def test_the_library_is_the_users_own_folder(library, monkeypatch):
    assert models.library() == library
    monkeypatch.delenv("SEAMLESS_UNET_MODELS")
    assert models.library().parts[-2:] == ("seamless-unet", "models")


def test_bundled_models_come_first_then_the_newest(library):
    for age, name in enumerate(["new", "old"]):
        path = library / f"{name}.safetensors"
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    names = [name for name, _ in models.choices()]
    assert names == [*(f"{name} (built in)" for name in bundled_models()), "new", "old"]
    assert models.choices()[-1][1] == str(library / "old.safetensors")


def test_a_link_to_a_model_that_is_gone_is_none(library):
    before = models.choices()
    (library / "gone.safetensors").symlink_to(library / "nowhere")
    assert models.choices() == before


def test_no_library_yet(library):
    library.rmdir()
    assert len(models.choices()) == len(bundled_models())


def test_a_model_is_never_overwritten(library):
    (library / "my cells.safetensors").touch()
    path = models.new_path("my cells")
    assert path.name == "my cells 2.safetensors"
    models.begin_learning(path, job := Job(1, "train", library, print))
    assert models.new_path("my cells").name == "my cells 3.safetensors"
    job.done = True  # and has left nothing
    assert models.new_path("my cells") == path


def test_what_a_file_name_cannot_have_is_left_out(library):
    assert models.new_path(" a/b: c? ").name == "a b c.safetensors"
    with pytest.raises(ValueError, match="Give the model a name"):
        models.new_path(" /. ")
    with pytest.raises(ValueError, match="too long for a file"):
        models.new_path("ü" * 125)


def test_checkpoints_are_not_models(library):
    path = models.checkpoint_path(library / "a.safetensors")
    path.mkdir(parents=True)
    assert path == library / "checkpoints" / "a"
    assert len(models.choices()) == len(bundled_models())


def test_describe(library, threshold_model):
    path = str(library / "threshold.safetensors")
    assert models.describe(path) == "For images with 1 channel; outlines cells."


def test_describe_a_file_that_is_none(tmp_path):
    broken = Path(tmp_path / "broken.safetensors")
    broken.write_text("hello")
    assert models.describe(str(broken)).startswith("This model cannot be read: ")
