import json

import pytest
import torch

from seamless_unet.checkpoint import FORMAT
from seamless_unet.cli import _resumed_config
from seamless_unet.config import TrainConfig, UNetConfig
from seamless_unet.model_file import read_tensors, write_tensors
from seamless_unet.model_header import ModelInfo
from seamless_unet.train_state import TrainState


@pytest.fixture
def state():
    network = UNetConfig(depth=1, base_channels=2, batch_norm=True)
    return TrainState.start(TrainConfig.preset(steps=10), ModelInfo(network))


def test_a_checkpoint_of_the_first_moment_comes_back(state, tmp_path):
    state.history.append({"step": 1, "loss": 0.5})
    loaded = TrainState.load(state.save(tmp_path / "a.safetensors"))
    assert loaded.history == state.history
    assert (loaded.config, loaded.info, loaded.best_score) == (state.config, state.info, None)
    assert loaded.rng.random() == state.rng.random()


def test_wrong_checkpoints_are_refused_in_words(state, tmp_path):
    path = state.save(tmp_path / "a.safetensors")
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        TrainState.load(tmp_path / "b.safetensors")
    for missing in ("config", "rng", "step"):
        tensors, header = read_tensors(path, FORMAT)
        del header[missing]
        other = write_tensors(tmp_path / "c.safetensors", tensors, FORMAT, header)
        with pytest.raises(ValueError, match=f"c.safetensors is damaged: '{missing}'"):
            TrainState.load(other)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ValueError, match="truncated"):
        TrainState.load(path)


def test_the_average_follows_the_weights_faster_in_the_beginning(state):
    key = "head.weight"
    with torch.no_grad():
        state.network.head.weight.zero_()
    before = state.average[key].clone()
    state.step = 1
    state.average_weights()
    torch.testing.assert_close(state.average[key], before * 2 / 11)
    state.step = 10_000
    state.average_weights()
    torch.testing.assert_close(state.average[key], before * 2 / 11 * 0.99)


def test_lending_the_average_leaves_the_weights_alone(state):
    before = state.network.state_dict()["head.weight"].clone()
    state.average["head.weight"] += 1
    with state.averaged() as network:
        assert torch.equal(network.head.weight, state.average["head.weight"])
        assert not network.training
    assert torch.equal(state.network.head.weight, before)
    assert state.network.training


def test_the_best_is_the_highest_score_and_of_equals_the_lowest_loss(state):
    outcomes = [
        state.keep_if_best(*pair) for pair in [(0.5, 1), (0.4, 0.1), (0.5, 0.9), (0.5, 0.9)]
    ]
    assert outcomes == [True, False, True, False]
    assert not state.keep_if_best(1.0, float("nan"))


def test_the_history_in_a_model_stays_small(state):
    state.history = [{"step": i, "loss": 1.0} for i in range(20_000)]
    state.history.append({"step": 20_000, "score": 0.5, "validation_loss": 1.0})
    history = state.best_model().info.training["history"]
    assert len(json.dumps(history)) < 30_000
    assert history[-1]["score"] == 0.5


@pytest.mark.parametrize("said", [{"ndim": 3, "steps": 3}, {"steps": 3}])
def test_the_options_of_then_resume_volumes_by_the_recipe_of_the_paper(tmp_path, said):
    config = TrainConfig.preset("paper", ndim=3, steps=3, base_channels=2)
    state = TrainState.start(config, ModelInfo(UNetConfig(ndim=3, depth=2, base_channels=2)))
    path = state.save(tmp_path / "a.safetensors")
    assert _resumed_config(str(path), "paper", said) == config


def test_a_state_is_one_line(state):
    state.step, state.best_score = 5, (0.25, -1.0)
    assert repr(state) == "<TrainState at step 5, 50% done, best score 0.25>"
