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
from seamless_unet.whole_file import writing

if TYPE_CHECKING:
    import torch

    from seamless_unet.config import UNetConfig
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

    Returns
    -------
    Model
        Its ``info`` says what it takes and gives (`seamless_unet.model_header.ModelInfo`); its
        ``network`` is a `UNet` in eval mode.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model, is truncated or damaged, or comes from a newer version.
    """
    path = find_model(path)
    tensors, header = read_tensors(path, FORMAT)
    info = _info(path, header)
    network = _with_weights(path, info.network, tensors)
    return Model(info, network.to(device).eval().requires_grad_(False))


def _with_weights(path: Path, config: UNetConfig, tensors: Mapping[str, torch.Tensor]) -> UNet:
    """Return a network with weights from a file; it takes no memory before they are its own."""
    import torch

    from seamless_unet.unet import UNet

    try:
        with torch.device("meta"):
            network = UNet(config)
    except (RuntimeError, OverflowError) as error:  # more weights than can be counted
        raise ValueError(f"{path}: a network as it describes cannot be") from error
    weights = [tensor for name, tensor in tensors.items() if not name.endswith("batches_tracked")]
    needed = {name: tensor.shape for name, tensor in network.state_dict().items()}
    if needed != {name: tensor.shape for name, tensor in tensors.items()} or not all(
        weight.dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
        for weight in weights
    ):
        raise ValueError(f"{path}: the weights do not fit the network it describes")
    if not all(bool(weight.isfinite().all()) for weight in weights):
        raise ValueError(f"{path} is damaged: some of its weights are no numbers")
    if any((tensor < 0).any() for name, tensor in tensors.items() if name.endswith("running_var")):
        raise ValueError(f"{path} is damaged: a variance is negative")
    double = all(weight.dtype == torch.float64 for weight in weights)
    network = network.to(torch.float64 if double else torch.float32).to_empty(device="cpu")
    network.load_state_dict(tensors)
    return network


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
    with writing(path) as temporary, open(temporary, "wb") as file:
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
            yield file, _header(path, metadata.get("header", ""))
    except SafetensorError as error:
        raise ValueError(f"{path} is not a {kind}, or is truncated: {error}") from error


def _header(path: Path, text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: its header is no JSON") from error
    if not isinstance(header, dict):
        raise ValueError(f"{path} is damaged: its header is no table of keys and values")
    return header


def _info(path: Path, header: dict[str, Any]) -> ModelInfo:
    try:
        return ModelInfo.from_json(header)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
