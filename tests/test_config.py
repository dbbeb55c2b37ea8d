import json

import pytest

from seamless_unet.config import Normalization, TrainConfig, UNetConfig
from seamless_unet.model_header import ModelInfo


@pytest.mark.parametrize(
    "config",
    [
        UNetConfig(ndim=3, padding="same", upsampling="linear"),
        Normalization(kind="fixed", offset=3.0, scale=2.0),
        TrainConfig.preset("paper", steps=7),
        ModelInfo(
            UNetConfig(), pixel_size={"Y": 0.5}, classes=("a", "b"), training={"score": None}
        ),
    ],
)
def test_through_json_and_back(config):
    assert type(config).from_json(json.loads(json.dumps(config.to_json()))) == config


def test_an_unknown_key_is_an_error():
    with pytest.raises(ValueError, match=r"unknown UNetConfig key.* attention: .*newer version"):
        UNetConfig.from_json({"attention": True})
    with pytest.raises(ValueError, match="attention"):
        ModelInfo.from_json({"network": {"attention": True}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UNetConfig(in_channels=10**9), "in_channels=1000000000 must be at most 10000"),
        (lambda: UNetConfig(classes=10**9), "classes=1000000000 must be at most 10000"),
        (lambda: UNetConfig(ndim=4), "ndim=4 must be 2 or 3"),
        (lambda: UNetConfig(depth=0), "depth=0 must be from 1 to 10"),
        (lambda: UNetConfig(padding="full"), "padding='full' is not one of 'valid', 'same'"),
        (lambda: UNetConfig(dropout=1.0), "dropout=1.0"),
        (lambda: Normalization(low=50, high=10), "low < high"),
        (lambda: Normalization(scale=0), "scale=0"),
        (lambda: TrainConfig(), "either steps or minutes"),
        (lambda: TrainConfig(steps=1, minutes=1), "either steps or minutes"),
        (lambda: TrainConfig(minutes=0), "minutes=0 must be above 0"),
        (lambda: TrainConfig(minutes=float("nan")), "minutes=nan must be above 0"),
        (lambda: TrainConfig(minutes=float("inf")), "minutes=inf: give many, and stop"),
        (lambda: TrainConfig(steps=1, seed=-1), "seed=-1 must be at least 0"),
        (lambda: TrainConfig(steps=0), "steps=0"),
        (lambda: TrainConfig(steps=1, validation=0), "validation=0"),
        (lambda: TrainConfig.preset("slow"), "preset 'slow' is not one of quick, paper"),
        (lambda: TrainConfig(steps=1, ndim=4), "ndim=4 must be 2 or 3"),
        (lambda: TrainConfig(steps=1.5), "steps=1.5 must be a whole number"),
        (lambda: TrainConfig(steps=1, patch=212.5), "patch=212.5 must be a whole number"),
        (lambda: TrainConfig(steps=1, zoom=-0.5), "zoom=-0.5 must be at least 0"),
        (lambda: TrainConfig(steps=1, elastic=float("nan")), "elastic=nan must be at least 0"),
        (
            lambda: TrainConfig(steps=1, border_weight=float("inf")),
            "border_weight=inf must",
        ),
        (lambda: TrainConfig(steps=1, border_sigma=float("inf")), "border_sigma=inf must"),
        (lambda: TrainConfig(steps=1, seed=2**80), "must be below 2\\^63"),
        (lambda: TrainConfig(steps=1, ema=2.0), "ema=2.0 must be at least 0 and below 1"),
        (lambda: TrainConfig(steps=1, grey=5.0), "grey=5.0 must be at most 1"),
        (lambda: TrainConfig(steps=1, border_sigma=0.0), "border_sigma=0.0 must be above 0"),
    ],
)
def test_nonsense_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_paper_preset_is_the_paper():
    paper = TrainConfig.preset("paper")
    assert (paper.depth, paper.base_channels, paper.batch_norm, paper.dropout) == (
        4,
        64,
        False,
        0.5,
    )
    assert (paper.optimizer, paper.momentum, paper.batch_size) == ("sgd", 0.99, 1)
    assert (paper.border_weight, paper.border_sigma, paper.elastic) == (10, 5, 10)
