"""How good is a method after a few minutes with a few annotated images? One line of JSON.

Trains on 8 random images of the test part of ``DATA`` (a folder of SIZE_images.tif /
SIZE_labels.tif stacks along S), which the bundled model has not seen, and evaluates on all its
others: ``ap50``, ``mean_ap``, ``dice`` and the like are pooled over all objects,
``ap50_per_image`` is the mean over images. AP is tp / (tp + fp + fn). Every method gets the same
images, the same minutes and the same two cores::

    python benchmarks/accuracy/few_annotations.py DATA --method quick --minutes 5 --seed 0

With ``--rest``, the figures that end in ``_rest`` are those of all images that were not trained on,
the training part of the bundled model among them. They are null for ``quick``, which may start
from that model.

``quick`` and ``scratch`` are ours, the latter from random weights. The others are peers, each a
script in ``peers/`` that runs in a virtual environment of its own, made at first use.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray
from row import device_name, emit, found_in, keep, scores, trained
from splits import Pair, read_split

from seamless_unet.config import TrainConfig

OURS = {"quick": {}, "scratch": {"start": "scratch"}}
PEERS = {  # what pip installs for each
    "forest": ("scikit-learn==1.9.1", "scikit-image==0.26.0"),
    "stardist": ("stardist==0.9.2", "tensorflow==2.21.0"),
    "monai": ("monai==1.6.1", "scikit-image==0.26.0", "torch"),
    "unet_assistant": ("napari-unet-assistant==0.6.5", "scipy", "torch"),
}
POOLED = ("ap50", "mean_ap", "mean_iou", "seg", "dice", "pixel_error", "adapted_rand_error")


def limit_cores(threads: int, device: str) -> None:
    """Give this process and those that it starts so many cores and threads, and no GPU for cpu."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for engine in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA"):
        os.environ[f"{engine}_NUM_THREADS"] = str(threads)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(threads)


def installed(python: Path, requirements: Sequence[str]) -> bool:
    """Say whether an environment has all that is required, of any version."""
    names = [requirement.partition("==")[0] for requirement in requirements]
    code = "import sys; from importlib.metadata import version; [*map(version, sys.argv[1:])]"
    command = [str(python), "-c", code, *names]
    return python.exists() and subprocess.run(command, capture_output=True).returncode == 0


def interpreter(method: str, folder: Path) -> Path:
    """Return the Python of a peer's environment, which is made if it is not there."""
    environment = folder / method
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not installed(python, PEERS[method]):
        print(f"installing {', '.join(PEERS[method])} in {environment}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *PEERS[method]]
        subprocess.run(install, check=True, stdout=sys.stderr)
    return python


def ours(
    training: Sequence[Pair], images: Sequence[NDArray], arguments: argparse.Namespace
) -> tuple[list[NDArray], dict[str, Any]]:
    """Return what our own method finds in each image, and what to say of its training."""
    config = TrainConfig.preset(
        "quick", minutes=arguments.minutes, seed=arguments.seed, **OURS[arguments.method]
    )
    model, seconds = trained(training, config, device=arguments.device)
    found = [found_in(model, image, device=arguments.device) for image in images]
    told = model.info.training
    summary = {"seconds": round(seconds, 1), "steps": told["steps"], "start": told["data"]["start"]}
    return found, summary | {"peer": None, "model": model}


def peers(
    training: Sequence[Pair], images: Sequence[NDArray], arguments: argparse.Namespace
) -> tuple[list[NDArray], dict[str, Any]]:
    """Return what a peer finds in each image, and what it says of itself."""
    python = interpreter(arguments.method, arguments.venvs)
    script = Path(__file__).with_name("peers") / f"train_{arguments.method}.py"
    budget = ["--minutes", str(arguments.minutes), "--seed", str(arguments.seed)]
    task = {f"test_{i}": image for i, image in enumerate(images)}
    for number, pair in enumerate(training):
        task |= {f"train_image_{number}": pair.image, f"train_labels_{number}": pair.labels}
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/task.npz", f"{folder}/result.npz"]
        np.savez(files[0], **task)
        command = [str(python), str(script), *files, *budget, *arguments.options]
        subprocess.run(command, check=True, stdout=sys.stderr)
        with np.load(files[1]) as result:
            summary = json.loads(str(result["summary"]))
            found = [result[f"labels_{i}"] for i in range(len(images))]
    told = {name: summary.pop(name) for name in ("seconds", "steps")}
    return found, told | {"peer": summary}


def figures(test: list[Pair], others: list[Pair], found: list[NDArray]) -> dict[str, Any]:
    """Return the figures of the test part, and those of all images if there are others."""
    pooled, each = scores(test, found[: len(test)])
    line = {name: float(getattr(pooled, name)) for name in POOLED}
    line["ap50_per_image"] = float(np.mean([evaluation.ap50 for evaluation in each]))
    rest, each = scores([*test, *others], found) if others else (None, [])
    line |= {f"{name}_rest": getattr(rest, name, None) for name in ("ap50", "mean_ap")}
    per_image = float(np.mean([evaluation.ap50 for evaluation in each])) if each else None
    return line | {"ap50_per_image_rest": per_image}


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--method", choices=[*OURS, *PEERS], default="quick")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=8, help="to train on")
    parser.add_argument("--limit", type=int, help="images of each part to evaluate, for trials")
    parser.add_argument("--output", type=Path, help="folder to save what was found in")
    parser.add_argument("--rest", action="store_true", help="evaluate on the training part too")
    parser.add_argument("--threads", type=int, default=2, help="and cores")
    parser.add_argument("--device", default="cpu", help="of our methods; peers use the cpu")
    parser.add_argument(
        "--venvs",
        type=Path,
        default=platformdirs.user_cache_path("napari-seamless-unet") / "peers",
        help="folder of the peers' environments",
    )
    return parser


def main() -> None:
    # what is not known here is for the peer, such as --learning-rate
    arguments, arguments_of_peer = command_line().parse_known_args()
    arguments.options = arguments_of_peer
    if arguments.method in PEERS and arguments.device != "cpu":
        sys.exit(f"--device {arguments.device}: peers are compared on the cpu only")
    if arguments.method in OURS and arguments.options:
        sys.exit(f"unknown to {arguments.method}: {' '.join(arguments.options)}")
    limit_cores(arguments.threads, arguments.device)
    split = read_split(arguments.data)
    training, test = split.few(arguments.images, arguments.seed)
    test = test[: arguments.limit]
    rest = arguments.rest and arguments.method != "quick"
    others = split.training[: arguments.limit] if rest else []
    method = ours if arguments.method in OURS else peers
    found, told = method(training, [pair.image for pair in [*test, *others]], arguments)
    keep(arguments.output, told.pop("model", None), test, found[: len(test)])
    emit(
        "few annotations",
        data=arguments.data.name,
        split=f"{len(training)} to train, {len(test)} to test, {len(others)} others",
        seed=arguments.seed,
        minutes=arguments.minutes,
        device=device_name(),
        method=arguments.method,
        **told,
        **figures(test, others, found),
    )


if __name__ == "__main__":
    main()
