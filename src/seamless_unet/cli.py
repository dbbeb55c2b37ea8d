"""The command line: ``seamless-unet train | segment | evaluate | info | demo``.

People read what commands print. With ``--json`` that goes to standard error, and standard output
gets what the command returns, as one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import typing
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from seamless_unet.config import PRESETS, Annotation, TrainConfig

_AXES = "what the dimensions are, such as ZYX or SYX (S: separate images); default: as in the file"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 success, 1 failure, 2 wrong usage, 130 Ctrl-C."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.command == "train":
        args.config = _train_config(parser, args)
    output = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr if args.json else output):
            module = "demo" if args.command == "demo" else "commands"
            result = getattr(import_module(f"seamless_unet.{module}"), args.command)(args)
    except KeyboardInterrupt:
        print("seamless-unet: stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if args.debug:
            raise
        print(f"seamless-unet: error: {_words(error)}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(result), file=output)
    return 130 if result.get("reason") == "stopped" else 0


def _words(error: Exception) -> str:
    """Return an error as one line."""
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "the computer ran out of memory: lower --tile, or take a smaller part of the image"
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, ValueError | OSError | FloatingPointError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.split())


def _train_config(parser: argparse.ArgumentParser, args: argparse.Namespace) -> TrainConfig:
    """Return the configuration; one that is not possible is wrong usage."""
    names = ("annotation", "ndim", "seed", "steps", "minutes", "start")
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    try:
        if args.start not in (None, "auto", "scratch"):
            changes |= _start_settings(args)
        return TrainConfig.preset(args.preset, **changes)
    except (ValueError, OSError) as error:
        parser.error(_words(error))


def _start_settings(args: argparse.Namespace) -> dict[str, Any]:
    from seamless_unet.model_file import read_info

    settings = read_info(args.start).start_settings
    if args.ndim not in (None, settings["ndim"]):
        raise ValueError(f"--start {args.start} is a {settings['ndim']}-D model: leave out --ndim")
    return settings


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    common.add_argument("--debug", action="store_true", help="show where an error came from")
    compute = argparse.ArgumentParser(add_help=False)
    compute.add_argument("--axes", help=_AXES)
    compute.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    parser = argparse.ArgumentParser(
        "seamless-unet",
        description="Train a U-Net and segment microscopy images of any size without seams.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train", parents=[common, compute], help="train a model on labelled images"
    )
    train.add_argument(
        "--images", nargs="+", required=True, metavar="FILE", help="TIFF files or folders"
    )
    train.add_argument(
        "--labels",
        nargs="+",
        required=True,
        metavar="FILE",
        help="their labels in the same order, or folders with matching names (a_labels.tif)",
    )
    train.add_argument("--output", required=True, metavar="MODEL", help="a .safetensors file")
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="how long to train (default: 5)")
    budget.add_argument("--steps", type=int, help="how many steps to train")
    train.add_argument("--preset", choices=list(PRESETS), default="quick", help="default: quick")
    train.add_argument(
        "--annotation",
        choices=typing.get_args(Annotation),
        default="objects",
        help="what labels are: objects (ids, 0 is background; default), classes (values), "
        "scribbles (0 is not annotated, 1 is background)",
    )
    train.add_argument(
        "--ndim",
        type=int,
        choices=(2, 3),
        help="3 learns stacks as volumes (default: 2)",
    )
    train.add_argument("--seed", type=int, default=0, help="same seed, same model (default: 0)")
    train.add_argument(
        "--start",
        metavar="MODEL",
        help="learn on from a model: a file, a bundled one, scratch (none) or auto (the bundled "
        "one if it finds enough already; default)",
    )
    train.add_argument(
        "--resume", metavar="CHECKPOINT", help="go on from here: same options, larger budget"
    )

    segment = commands.add_parser("segment", parents=[common, compute], help="segment images")
    segment.add_argument("images", nargs="+", metavar="IMAGE", help="TIFF files or folders")
    segment.add_argument("--output", required=True, metavar="FOLDER", help="for NAME_labels.tif")
    segment.add_argument("--model", default="nuclei", help="file or bundled one (default: nuclei)")
    segment.add_argument(
        "--probabilities", action="store_true", help="also write NAME_probabilities.tif"
    )
    segment.add_argument("--threshold", type=float, help="of foreground (default: the model's)")
    segment.add_argument("--min-size", type=int, help="in pixels (default: the model's)")
    segment.add_argument("--no-link", action="store_true", help="link no objects through Z and T")
    segment.add_argument(
        "--symmetries", action="store_true", help="average 8 views; 8 times slower"
    )
    segment.add_argument("--tile", type=int, help="pixels a tile reads (default: by free memory)")

    evaluate = commands.add_parser(
        "evaluate", parents=[common], help="compare predicted labels with true ones"
    )
    for name in ("labels", "predicted"):
        evaluate.add_argument(
            f"--{name}", nargs="+", required=True, metavar="FILE", help="TIFF files or folders"
        )
    evaluate.add_argument("--axes", help=_AXES)

    info = commands.add_parser("info", parents=[common], help="say what a model is")
    info.add_argument("model", metavar="MODEL", help="file or name of a bundled model")

    demo = commands.add_parser("demo", parents=[common], help="segment a sample and show it")
    demo.add_argument(
        "--output", default="seamless_unet_demo", metavar="FOLDER", help="default: %(default)s"
    )
    demo.add_argument("--no-window", action="store_true", help="do not open napari")
    return parser


def _version() -> str:
    return f"seamless-unet {version('napari-seamless-unet')}"


if __name__ == "__main__":
    sys.exit(main())
