"""The README's code runs as it stands, but for the length of its training."""

import re
import shlex
from pathlib import Path

import pytest

from seamless_unet.cli import main
from seamless_unet.image_io import read_image, read_labels, sample_path, write_image

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    image = read_image(sample_path("nuclei.tif"))
    labels = read_labels(sample_path("nuclei_labels.tif"), like=image)
    for name, part in (("A", slice(0, 128)), ("B", slice(128, 256))):
        write_image(tmp_path / f"{name}.tif", image.data[part, :128], axes="YX")
        write_image(tmp_path / f"{name}_labels.tif", labels.data[part, :128], axes="YX")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands(folder, capsys):
    (text,) = [block for block in blocks("sh") if "seamless-unet train" in block]
    commands = [shlex.split(line) for line in text.splitlines()]
    assert [command[1] for command in commands] == ["train", "segment", "evaluate", "info"]
    for _, *arguments in commands:
        arguments = ["--steps" if a == "--minutes" else "1" if a == "5" else a for a in arguments]
        assert main(arguments) == 0, capsys.readouterr().err
    assert (folder / "results/B_labels.tif").is_file()


def test_the_python_code(folder, capsys):
    (code,) = blocks("python")
    assert "minutes=5" in code
    exec(code.replace("minutes=5", "steps=1"), {})
    assert (folder / "nuclei.safetensors").is_file()
    assert "AP at IoU 0.5" in capsys.readouterr().out
