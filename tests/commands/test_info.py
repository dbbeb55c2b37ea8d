"""A model described on the command line."""

import json

from seamless_unet.cli import main


def test_info(capsys, model):
    assert main(["info", model]) == 0
    text = capsys.readouterr().out
    assert "rounds grey values" in text
    assert "2-D U-Net of depth 1" in text
    assert main(["info", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"]["depth"] == 1


def test_info_prints_no_picture(capsys):
    assert main(["info", "nuclei", "--json"]) == 0
    training = json.loads(capsys.readouterr().out)["training"]
    assert training["steps"] == 11000
    assert "thumbnail" not in training
