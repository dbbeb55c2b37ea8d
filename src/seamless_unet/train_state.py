"""All that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from seamless_unet.checkpoint import FORMAT
from seamless_unet.config import TrainConfig
from seamless_unet.history import History, thinned
from seamless_unet.model_file import Model, read_tensors, write_tensors
from seamless_unet.model_header import ModelInfo
from seamless_unet.unet import UNet

Weights = dict[str, Tensor]


@dataclass(eq=False, repr=False)
class TrainState:
    """Network, optimizer, position in the budget, random state, history and best weights.

    Made by ``start`` or ``load``; `train` changes it in place, so that it is up to date whenever
    the caller stops iterating.
    """

    config: TrainConfig
    info: ModelInfo
    network: UNet
    optimizer: torch.optim.Optimizer
    rng: np.random.Generator
    average: Weights
    best: Weights
    adapting: bool = False  # whether the weights knew such objects when it began
    best_score: tuple[float, float] | None = None  # score, minus validation loss
    step: int = 0
    elapsed: float = 0.0  # seconds spent training
    validated: tuple[int, float] = (0, 0.0)  # step and elapsed seconds of the last validation
    most_validated: int = 0  # pixels that the score is measured on; 0 before it is known
    history: History = field(default_factory=list)

    @classmethod
    def start(
        cls,
        config: TrainConfig,
        info: ModelInfo,
        *,
        device: str = "cpu",
        weights: UNet | None = None,
        adapting: bool = False,
    ) -> Self:
        """Return the state before the first step, with the given weights or random ones.

        Same seed, same random weights. Those that are only to be adapted are measured before the
        first step, so that the best model is never worse than they are.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = UNet(info.network)
        if weights is not None:
            network.load_state_dict(weights.state_dict())
        network = network.to(device)
        return cls(
            config,
            info,
            network,
            _optimizer(network, config),
            np.random.default_rng(config.seed),
            average=_copy(network) if config.ema else {},
            best=_copy(network),
            adapting=adapting,
            validated=(-1 if adapting else 0, 0.0),
        )

    def resumed(self, config: TrainConfig, info: ModelInfo, *, device: str = "cpu") -> Self:
        """Return this state for going on with ``config``, whose budget alone may differ.

        Raises
        ------
        ValueError
            If the data or the recipe are others.
        """
        before = self.config.to_json()
        changed = [
            name
            for name, value in config.to_json().items()
            if name not in ("steps", "minutes", "start") and value != before[name]
        ]
        if (
            changed
            or info.output != self.info.output
            or info.class_values != self.info.class_values
        ):
            what = ", ".join(changed) or "the classes that are drawn"
            raise ValueError(f"the checkpoint was made with other settings ({what}): take the same")
        if info.network != self.info.network:
            kept, needed = (each.network.in_channels for each in (self.info, info))
            if kept != needed:
                raise ValueError(
                    f"the checkpoint is of a network for {kept} channel(s) and not {needed}: "
                    "choose the same channels as then, or start anew without it"
                )
            raise ValueError("the checkpoint is of another network: start anew without it")
        if not _same_data(info, self.info):
            raise ValueError(
                "the checkpoint was made with other images or labels, or with other dimensions or "
                "channels of them: take the same, or learn on from its model (as start) with these"
            )
        self.network.to(device)
        # loading its own state moves it to where its parameters are now
        self.optimizer.load_state_dict(self.optimizer.state_dict())
        for weights in (self.average, self.best):
            weights.update({key: tensor.to(device) for key, tensor in weights.items()})
        self.config = dataclasses.replace(config, start=self.config.start)
        # what else the model says was chosen by what it found since
        self.info = dataclasses.replace(
            self.info, pixel_size=info.pixel_size or self.info.pixel_size, training=info.training
        )
        return self

    def __repr__(self) -> str:
        score = self.best_score[0] if self.best_score else None
        return f"<TrainState at step {self.step}, {self.fraction():.0%} done, best score {score}>"

    def fraction(self) -> float:
        """Return the part of the budget that is used, from 0."""
        if self.config.steps is not None:
            return self.step / self.config.steps
        assert self.config.minutes is not None
        return self.elapsed / (60 * self.config.minutes)

    @torch.no_grad()
    def average_weights(self) -> None:
        """Let the exponential moving average follow the weights; fast in the first steps."""
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for key, value in self.network.state_dict().items():
            if key in self.average and value.is_floating_point():
                self.average[key].lerp_(value, 1 - decay)
            elif key in self.average:
                self.average[key].copy_(value)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[UNet]:
        """Lend the network in eval mode with the averaged weights, if there are any."""
        current = _copy(self.network)
        self.network.load_state_dict(self.average or current)
        try:
            yield self.network.eval()
        finally:
            self.network.load_state_dict(current)
            self.network.train()

    def keep_if_best(self, score: float, loss: float, info: ModelInfo | None = None) -> bool:
        """Keep the (averaged) weights if no earlier score was higher; of equals the lower loss.

        With them goes ``info``, the settings that they were scored with.
        """
        if not math.isfinite(loss):
            return False
        if self.best_score is not None and (score, -loss) <= self.best_score:
            return False
        self.best_score = (score, -loss)
        self.info = info or self.info
        self.best = {key: value.clone() for key, value in self._averaged_weights().items()}
        return True

    def _averaged_weights(self) -> Weights:
        return self.average or _copy(self.network)

    def best_model(self) -> Model:
        """Return the best model so far; before the first validation the latest one."""
        network = UNet(self.info.network)
        network.load_state_dict(self.best if self.best_score else self._averaged_weights())
        found = {
            "steps": self.step,
            "seconds": round(self.elapsed, 1),
            "score": self.best_score[0] if self.best_score else None,
            "history": thinned(self.history),
        }
        info = dataclasses.replace(self.info, training={**self.info.training, **found})
        return Model(info, network.eval().requires_grad_(False))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a checkpoint: a safetensors file, whole or not at all."""
        tensors: Weights = {}
        groups = {"network": self.network.state_dict(), "average": self.average, "best": self.best}
        for group, weights in groups.items():
            tensors.update({f"{group}/{key}": value.clone() for key, value in weights.items()})
        for index, values in self.optimizer.state_dict()["state"].items():
            for key, value in values.items():
                if value is not None:
                    tensors[f"optimizer/{index}/{key}"] = torch.as_tensor(value).clone()
        header: dict[str, Any] = {
            "config": self.config.to_json(),
            "info": self.info.to_json(),
            "rng": self.rng.bit_generator.state,
            "best_score": self.best_score,
            "adapting": self.adapting,
            "step": self.step,
            "elapsed": self.elapsed,
            "validated": self.validated,
            "most_validated": self.most_validated,
            "history": self.history,
        }
        return write_tensors(path, tensors, FORMAT, header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a checkpoint.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is none, or the file is truncated or something else.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"no checkpoint {path}")
        tensors, header = read_tensors(path, FORMAT)
        try:
            return cls._from(tensors, header)
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"the checkpoint {path} is damaged: {error}") from error

    @classmethod
    def _from(cls, tensors: Weights, header: dict[str, Any]) -> Self:
        """Return what a file holds; any error where that is something else."""
        config = TrainConfig.from_json(header["config"])
        state = cls.start(config, ModelInfo.from_json(header["info"]))
        groups: dict[str, Weights] = {"network": {}, "average": {}, "best": {}, "optimizer": {}}
        for key, tensor in tensors.items():
            group, name = key.split("/", 1)
            groups[group][name] = tensor.clone()  # not a view of the file, which may be replaced
        state.network.load_state_dict(groups["network"])
        state.average, state.best = groups["average"], groups["best"]
        _restore(state.optimizer, groups["optimizer"])
        state.rng.bit_generator.state = header["rng"]
        best = header["best_score"]
        state.best_score = tuple(best) if best else None
        state.validated = tuple(header["validated"])
        for name in ("step", "elapsed", "history"):
            setattr(state, name, header[name])
        state.adapting = header.get("adapting", False)  # older ones do not say
        state.most_validated = header.get("most_validated", 0)
        return state


def _same_data(info: ModelInfo, before: ModelInfo) -> bool:
    """Whether a model learns from what it learned from before, as far as figures tell."""
    now, then = (about.training.get("data", {}) for about in (info, before))
    if _amounts(info) != _amounts(before):
        return False
    # another computer may round otherwise; older checkpoints do not say
    return "grey" not in then or np.allclose(now["grey"], then["grey"], rtol=1e-4, atol=1e-6)


def _amounts(info: ModelInfo) -> list[Any]:
    """Return how much of what a model learns from: other data hardly ever have the same."""
    data = info.training.get("data", {})
    names = ("training_pixels", "validation_pixels", "class_pixels")
    pairs = [[pair["objects"], pair["planes"]] for pair in data.get("pairs", ())]
    return [pairs, *(data.get(name) for name in names)]


def _optimizer(network: UNet, config: TrainConfig) -> torch.optim.Optimizer:
    parameters = network.parameters()
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay)


def _restore(optimizer: torch.optim.Optimizer, tensors: Weights) -> None:
    saved = optimizer.state_dict()
    for name, tensor in tensors.items():
        index, key = name.split("/")
        saved["state"].setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(saved)


def _copy(network: UNet) -> Weights:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}
