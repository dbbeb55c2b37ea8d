import dataclasses
import importlib.metadata
import json
import os
import pickle
import re
import struct

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from seamless_unet.config import UNetConfig
from seamless_unet.model_file import (
    Model,
    bundled_models,
    find_model,
    load_model,
    read_info,
    save_model,
)
from seamless_unet.model_header import ModelInfo
from seamless_unet.predict import predict
from seamless_unet.unet import UNet


@pytest.fixture
def model():
    config = UNetConfig(depth=1, base_channels=2, batch_norm=True)
    info = ModelInfo(config, pixel_size={"Y": 0.5, "X": 0.5}, licence="CC0-1.0")
    return Model(info, UNet(config).eval())


def rewritten(path, change):
    """Change the JSON header of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    inner = json.loads(header["__metadata__"]["header"])
    change(header["__metadata__"], inner)
    header["__metadata__"]["header"] = json.dumps(inner)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + data[8 + length :])


def test_a_model_comes_back_as_it_was(model, tmp_path):
    path = save_model(model, tmp_path / "cells.safetensors")
    loaded = load_model(path)
    assert dataclasses.replace(loaded.info, version="") == model.info
    assert loaded.info.version
    assert read_info(path) == loaded.info
    image = np.random.default_rng(0).random((30, 40))
    np.testing.assert_array_equal(predict(loaded, image), predict(model, image))
    assert [p.name for p in tmp_path.iterdir()] == ["cells.safetensors"]


def test_a_copy_that_was_never_installed_saves_too(model, tmp_path, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("seamless_unet.model_file.version", missing)
    loaded = load_model(save_model(model, tmp_path / "model.safetensors"))
    assert loaded.info == model.info


def test_numbers_of_numpy_are_numbers(model, tmp_path):
    size = {"Y": np.float32(0.5), "X": np.float64(0.25)}
    training = {"steps": np.int64(7), "config": {"seed": np.int32(3)}}
    info = dataclasses.replace(model.info, pixel_size=size, training=training)
    loaded = read_info(
        save_model(dataclasses.replace(model, info=info), tmp_path / "m.safetensors")
    )
    assert (loaded.pixel_size, loaded.training) == (size, training)


def test_another_program_s_file_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(
        ValueError, match="not a seamless-unet model: it is a file of another program"
    ):
        load_model(path)


def test_a_pickle_is_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="not a seamless-unet model"):
        load_model(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_a_truncated_file_is_refused(model, tmp_path, keep):
    path = save_model(model, tmp_path / "cells.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    for read in (load_model, read_info):
        with pytest.raises(ValueError, match=r"cells\.safetensors is not a .*truncated"):
            read(path)


def test_an_unknown_key_is_refused(model, tmp_path):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda _, header: header["network"].update(attention=True))
    with pytest.raises(ValueError, match=r"cells\.safetensors: unknown UNetConfig key.*attention"):
        load_model(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pixel_size", {"Y": 0.0, "X": 0.5}, "must be in micrometre, above 0"),
        ("pixel_size", {"Y": "0.5"}, "must be in micrometre, above 0"),
        ("pixel_size", "0.5", "pixel_size='0.5' must be a table of keys and values"),
        ("training", [], "training=() must be a table of keys and values"),
        ("training", {"score": "0.9"}, "score='0.9' in the summary of the training is no number"),
        ("training", {"history": [{"step": 1, "loss": "x"}, {"step": 2}]}, "loss='x' in the"),
        ("training", {"data": {"images": "3"}}, "images='3' in the"),
        ("training", {"data": {"pairs": "cells"}}, "the summary of the training is damaged"),
        ("training", {"data": {"pairs": [{"name": 3}]}}, "the summary of the training is damaged"),
        ("training", {"config": ["gap"]}, "the summary of the training is damaged"),
        ("training", {"thumbnail": 5}, "the summary of the training is damaged"),
        ("training", {"thumbnail": "abc"}, "the picture in the summary of the training is damaged"),
        ("grow", 1000, "grow=1000 pixels must be at most 100"),
        ("training", {"earlier": [{"steps": True}]}, "steps=True in the summary of the earlier"),
    ],
)
def test_what_nothing_can_be_shown_of_is_refused(model, tmp_path, key, value, message):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda _, header: header.update({key: value}))
    with pytest.raises(ValueError, match=re.escape(message)):
        read_info(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": "x"}, "threshold='x' must be a number"),
        ({"threshold": float("nan")}, "threshold=nan must be between 0 and 1"),
        ({"seed_threshold": 7}, "seed_threshold=7 must be between 0 and 1"),
        ({"neck": None}, "neck=None must be a number"),
        ({"min_size": -1}, "min_size=-1 pixels must be at least 0"),
        ({"grow": 3.7}, "grow=3.7 must be a whole number"),
        ({"axes": "QQ"}, "axes='QQ' does not fit the network, as 'YX' would"),
        (
            {"channels": ["a", "b"]},
            "channels=('a', 'b') does not fit the network, as ('channel 1',)",
        ),
        ({"channels": "a"}, "channels='a' must be a list"),
        ({"classes": ["one"]}, "classes=('one',) does not fit the network, as ('background', "),
        ({"class_values": [0, "1"]}, "class_values=(0, '1') must be a list, and '1' in it must be"),
        ({"class_values": [0, 2**40]}, "class_values=(0, 1099511627776) must be labels"),
        ({"normalization": {"offset": float("nan")}}, "offset=nan must be a grey value"),
        ({"normalization": {"scale": float("inf")}}, "scale=inf must be above 0"),
        ({"network": {"batch_norm": "no"}}, "batch_norm='no' must be true or false"),
        ({"network": {"depth": 11}}, "depth=11 must be from 1 to 10"),
        ({"network": []}, "[] is no UNetConfig"),
        ({"licence": [1]}, "licence=(1,) must be text"),
    ],
)
def test_a_header_that_fits_no_model_is_refused(model, tmp_path, change, message):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda _, header: header.update(change))
    for read in (read_info, load_model):
        with pytest.raises(ValueError, match=r"cells\.safetensors: " + re.escape(message)):
            read(path)


def test_a_header_without_a_network_is_refused(model, tmp_path):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda _, header: header.pop("network"))
    with pytest.raises(ValueError, match=r"cells\.safetensors: .*network"):
        read_info(path)


@pytest.mark.parametrize(
    "text", [None, "", "{", "[1]", "3", "null", "[" * 100_000], ids=lambda text: str(text)[:4]
)
def test_a_header_that_is_no_table_is_refused(tmp_path, text):
    path = tmp_path / "cells.safetensors"
    metadata = {"format": "seamless-unet model"} | ({} if text is None else {"header": text})
    save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
    for read in (read_info, load_model):
        with pytest.raises(ValueError, match=r"cells\.safetensors is damaged: its header is no"):
            read(path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda weight: torch.full_like(weight, torch.nan), "some of its weights are no numbers"),
        (lambda weight: weight.to(torch.float8_e4m3fn), "the weights do not fit the network"),
        (lambda weight: weight.int(), "the weights do not fit the network"),
        (lambda weight: weight[1:].clone(), "the weights do not fit the network"),
    ],
)
def test_weights_that_are_no_weights_are_refused(model, tmp_path, broken, message):
    path = save_model(model, tmp_path / "cells.safetensors")
    with safe_open(path, "pt") as file:
        metadata, tensors = (
            file.metadata(),
            {k: file.get_tensor(k).clone() for k in file.offset_keys()},
        )
    tensors["head.weight"] = broken(tensors["head.weight"])
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize("size", [{"base_channels": 4096, "depth": 10}, {"base_channels": 2**70}])
def test_a_small_file_takes_no_memory_for_the_network_it_claims(model, tmp_path, size):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda _, header: header["network"].update(size))
    with pytest.raises(ValueError, match=r"cells\.safetensors: "):  # 10^13 weights and more
        load_model(path)


def test_a_network_in_double_precision_stays_one(model, tmp_path):
    model.network.double()
    loaded = load_model(save_model(model, tmp_path / "cells.safetensors"))
    assert loaded.network.dtype == torch.float64
    image = np.random.default_rng(0).random((30, 40))
    np.testing.assert_array_equal(predict(loaded, image), predict(model, image))


def test_weights_of_another_network_are_refused(model, tmp_path):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda _, header: header["network"].update(depth=2))
    with pytest.raises(ValueError, match="weights do not fit"):
        load_model(path)


def test_a_checkpoint_is_not_a_model(model, tmp_path):
    path = save_model(model, tmp_path / "cells.safetensors")
    rewritten(path, lambda meta, _: meta.update(format="seamless-unet checkpoint"))
    with pytest.raises(ValueError, match="it is seamless-unet checkpoint"):
        load_model(path)


def test_a_missing_model_names_the_bundled_ones():
    with pytest.raises(FileNotFoundError, match=r"no model fish: give the path .* nuclei"):
        load_model("fish")


def test_a_full_disk_leaves_the_old_model_and_nothing_else(model, tmp_path, monkeypatch):
    path = save_model(model, tmp_path / "cells.safetensors")
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(model, path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_folder_is_named_and_not_the_temporary_file(model, tmp_path):
    with pytest.raises(OSError, match=r"cannot write .*/none/cells\.safetensors: No such file"):
        save_model(model, tmp_path / "none" / "cells.safetensors")


def test_the_ending_is_checked(model, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        save_model(model, tmp_path / "cells.pth")


@pytest.mark.parametrize("name", ["nuclei", "stained_nuclei"])
def test_bundled_models_are_small_and_free_and_say_how_good_they_are(name):
    path = bundled_models()[name]
    assert path == find_model(name)
    assert path.stat().st_size <= 10_000_000
    info = read_info(name)
    assert info.licence == "CC0-1.0"
    assert f"AP {info.training['test']['ap50']:.3f}" in info.description
    assert str(info.training["test"]["images"]) in info.description


def test_the_bundled_model_is_as_good_on_a_sample_as_it_says():
    from seamless_unet.image_io import read_image, read_labels, sample_path
    from seamless_unet.metrics import evaluate
    from seamless_unet.stack import segment_stack

    info = read_info("nuclei")
    image = read_image(sample_path("nuclei.tif"))
    *_, result = segment_stack(load_model("nuclei"), image.data, image.axes)
    truth = read_labels(sample_path("nuclei_labels.tif"))
    found = evaluate(truth.data, result.labels)
    assert found.ap50 == pytest.approx(info.training["samples"]["nuclei"], abs=0.02)
    assert found.ap50 > 0.5


def test_the_bundled_model_of_stained_nuclei_finds_them_when_they_are_stained():
    """What shines in the sample absorbs here, as haematoxylin on pale eosin does."""
    from seamless_unet.image_io import read_image, read_labels, sample_path
    from seamless_unet.metrics import evaluate
    from seamless_unet.predict import predict
    from seamless_unet.segment import segment

    grey = read_image(sample_path("nuclei.tif")).data.astype(float)
    dye = np.clip((grey - grey.min()) / (np.percentile(grey, 99) - grey.min()), 0, 1)
    violet, pale = (np.array(rgb)[:, None, None] for rgb in ((0.65, 0.7, 0.29), (0.05, 0.2, 0.08)))
    image = (255 * 10 ** -(violet * dye + pale)).astype(np.uint8)
    model = load_model("stained_nuclei")
    found = segment(predict(model, image), **model.info.instances)
    assert evaluate(read_labels(sample_path("nuclei_labels.tif")).data, found).ap50 > 0.5
