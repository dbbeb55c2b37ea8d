"""A model is one ``.safetensors`` file whose header carries JSON. Nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from seamless_unet.model_header import ModelInfo
from seamless_unet.whole_file import replacing

if TYPE_CHECKING:
    import torch

    from seamless_unet.unet import UNet

FORMAT = "seamless-unet model"
_BUNDLED = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Model:
    """A network ready to predict, and what is known about it."""

    info: ModelInfo
    network: UNet


def save_model(model: Model, path: str | os.PathLike[str]) -> Path:
    """Write a model to one file; the file is there whole or not at all.

    Parameters
    ----------
    model
        What `load_model` gives back, weights in the network's own precision.
    path
        Ends in ``.safetensors``; an existing file is replaced.

    Raises
    ------
    ValueError
        If the ending is another.
    OSError
        If the folder cannot be written or the disk is full.
    """
    try:
        written_by = version("napari-seamless-unet")
    except PackageNotFoundError:  # a copy of the source, used without being installed
        written_by = ""
    info = dataclasses.replace(model.info, version=written_by)
    return write_tensors(path, model.network.state_dict(), FORMAT, info.to_json())


def load_model(path: str | os.PathLike[str], *, device: str | None = None) -> Model:
    """Read a model.

    Parameters
    ----------
    path
        A model file, or the name of a bundled model.
    device
        Where to put the network, such as ``"cuda"``; ``None`` leaves it on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model, is truncated, or comes from a newer version.
    """
    from seamless_unet.unet import UNet

    path = find_model(path)
    tensors, header = read_tensors(path, FORMAT)
    info = _info(path, header)
    network = UNet(info.network)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path}: the weights do not fit the network it describes") from error
    return Model(info, network.to(device).eval().requires_grad_(False))


def read_info(path: str | os.PathLike[str]) -> ModelInfo:
    """Read what a model file says about itself, without torch; errors as in `load_model`."""
    path = find_model(path)
    return _info(path, read_header(path, FORMAT))


def read_header(path: Path, kind: str) -> dict[str, Any]:
    """Read the JSON that `write_tensors` wrote, without torch; ValueError where there is none."""
    with _opened(path, kind) as (_, header):
        return header


def bundled_models() -> dict[str, Path]:
    """Return the models that come with the package, by name."""
    return {path.stem: path for path in sorted(_BUNDLED.glob("*.safetensors"))}


def find_model(name: str | os.PathLike[str]) -> Path:
    """Return the path of a model given by path or by the name of a bundled one."""
    path = Path(name)
    if path.is_file():
        return path
    bundled = bundled_models()
    if str(name) in bundled:
        return bundled[str(name)]
    raise FileNotFoundError(
        f"no model {name}: give the path of a .safetensors file or one of {', '.join(bundled)}"
    )


def write_tensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, torch.Tensor],
    kind: str,
    header: dict[str, Any],
) -> Path:
    """Write tensors and a JSON header to a safetensors file, whole or not at all."""
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path.name}: a model's name ends in .safetensors")
    data = save(
        {key: tensor.detach().contiguous().cpu() for key, tensor in tensors.items()},
        metadata={"format": kind, "header": json.dumps(header, default=_plain)},
    )
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return path


def _plain(number: Any) -> Any:
    """Return a number of numpy's as one of Python's, which JSON knows."""
    return number.item()


def read_tensors(
    path: str | os.PathLike[str], kind: str
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote; ValueError where the file is something else."""
    from safetensors.torch import load_file

    with _opened(Path(path), kind) as (_, header):
        return load_file(path), header


@contextlib.contextmanager
def _opened(path: Path, kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind:
                found = metadata.get("format", "a file of another program")
                raise ValueError(f"{path} is not a {kind}: it is {found}")
            yield file, json.loads(metadata["header"])
    except SafetensorError as error:
        raise ValueError(f"{path} is not a {kind}, or is truncated: {error}") from error


def _info(path: Path, header: dict[str, Any]) -> ModelInfo:
    try:
        return ModelInfo.from_json(header)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
