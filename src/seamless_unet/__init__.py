"""Train a U-Net and segment microscopy images of any size without seams.

The public names are imported when they are first used, so that this takes no time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seamless_unet.checkpoint import Interrupted, interrupted
    from seamless_unet.config import TrainConfig, UNetConfig
    from seamless_unet.metrics import evaluate
    from seamless_unet.model_file import load_model, save_model
    from seamless_unet.predict import predict
    from seamless_unet.segment import segment
    from seamless_unet.train import train
    from seamless_unet.unet import UNet
    from seamless_unet.weight_map import weight_map

__all__ = [
    "Interrupted",
    "TrainConfig",
    "UNet",
    "UNetConfig",
    "evaluate",
    "interrupted",
    "load_model",
    "predict",
    "save_model",
    "segment",
    "train",
    "weight_map",
]

_MODULES = {
    "Interrupted": "checkpoint",
    "TrainConfig": "config",
    "UNet": "unet",
    "UNetConfig": "config",
    "evaluate": "metrics",
    "interrupted": "checkpoint",
    "load_model": "model_file",
    "predict": "predict",
    "save_model": "model_file",
    "segment": "segment",
    "train": "train",
    "weight_map": "weight_map",
}


class _Package(ModuleType):
    """A package whose functions are not hidden by their modules of the same name."""

    def __setattr__(self, name: str, value: Any) -> None:
        # importing seamless_unet.train sets our "train" to that module: keep the function
        if isinstance(value, ModuleType) and name in _MODULES:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name == "__version__":
        from importlib.metadata import version  # takes as long as all the rest together

        return version("napari-seamless-unet")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
