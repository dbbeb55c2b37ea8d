"""One update of the weights."""

from __future__ import annotations

import math

import torch

from seamless_unet.device import is_mixed, memory_format
from seamless_unet.loss import weighted_cross_entropy
from seamless_unet.patches import DrawnAhead
from seamless_unet.train_state import TrainState

_WARM_UP = 0.05  # of the budget
_ADAPTING = 0.1  # of the learning rate, for weights that have learned already


def update(state: TrainState, batches: DrawnAhead) -> float:
    """Make one optimizer update and return its loss.

    Raises
    ------
    FloatingPointError
        If the training diverges.
    """
    before = state.rng.bit_generator.state
    try:
        value = _updated(state, batches)
    except BaseException:  # out of memory, perhaps: what is kept goes on as if it had not begun
        state.rng.bit_generator.state = before
        raise
    state.step += 1
    state.average_weights()
    return value


def _updated(state: TrainState, batches: DrawnAhead) -> float:
    """Change the weights and return the loss."""
    learning_rate = _learning_rate(state)
    device = state.network.device
    image, target, weight = batches.take(state.rng)
    seed = int(state.rng.integers(2**31))  # for dropout
    batches.prepare(state.rng)
    image = image.contiguous(memory_format=memory_format(device, state.config.ndim))
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    mixed = is_mixed(device, state.config.ndim)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            logits = state.network(image)
        loss = weighted_cross_entropy(logits.float(), target, weight)
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the training diverged at step {state.step + 1}: the loss is {value}. "
            "Lower the learning rate, or look for pixels of extreme values in the images; a model "
            "that was saved before is kept"
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    state.optimizer.step()
    return value


def _learning_rate(state: TrainState) -> float:
    """Warm up linearly, then anneal along a cosine to a hundredth at the end of the budget."""
    fraction = state.fraction()
    warm = min(1.0, (fraction + 1e-3) / _WARM_UP)
    highest = state.config.learning_rate * (_ADAPTING if state.adapting else 1)
    return highest * warm * (0.505 + 0.495 * math.cos(math.pi * fraction))
