"""What can be said on the command line, with its help; a function for each command."""

from __future__ import annotations

import argparse
import math
import re
import typing
from collections.abc import Callable
from typing import Any

from seamless_unet.config import PRESETS, Annotation

_AXES = (
    "what the dimensions are, such as ZYX or SYX (S: separate images, T: time, Z: slices, "
    "C: channels; default: as in the file)"
)
_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; ``command`` tells which one was given."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    common.add_argument("--debug", action="store_true", help="show where an error came from")
    compute = argparse.ArgumentParser(add_help=False)
    compute.add_argument("--axes", help=_AXES)
    compute.add_argument(
        "--channels",
        type=_numbers,
        metavar="N,...",
        help="which channels of the images, from 1 and in the model's order, such as 2 or 3,1 "
        "(default: all)",
    )
    compute.add_argument(
        "--pixel-size",
        type=_pixel_size,
        metavar="UM",
        help="of the images in micrometre, such as 0.25, or 2,0.25,0.25 of Z, Y and X (default: as "
        "in the files)",
    )
    compute.add_argument("--device", default="auto", help="auto (default), cpu, cuda, ...")
    whole = argparse.ArgumentParser(
        "seamless-unet",
        description="Train a U-Net and segment microscopy images of any size without seams.",
    )
    whole.add_argument("--version", action=_Version, help="show program's version number and exit")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, *parents: argparse.ArgumentParser, help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common, *parents], help=help)
        command.set_defaults(refuse=command.error)  # with its own usage
        return command

    _train(add("train", compute, help="train a model on labelled images"))
    _segment(add("segment", compute, help="segment images"))
    _evaluate(add("evaluate", help="compare predicted labels with true ones"))
    _info(add("info", help="say what a model is"))
    _demo(add("demo", help="segment a sample and show it"))
    return whole


def _train(train: argparse.ArgumentParser) -> None:
    train.add_argument(
        "--images", nargs="+", required=True, metavar="FILE", help="TIFF files or folders"
    )
    train.add_argument(
        "--labels",
        nargs="+",
        required=True,
        metavar="FILE",
        help="their labels, files or folders: found by name (a_labels.tif of a.tif), else in the "
        "same order",
    )
    train.add_argument("--output", required=True, metavar="MODEL", help="a .safetensors file")
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="how long to train (default: 5)")
    budget.add_argument("--steps", type=int, help="how many steps to train")
    _recipe(train)
    train.add_argument(
        "--resume",
        metavar="CHECKPOINT",
        help="go on from here, with the options of then but for a larger budget",
    )


def _recipe(train: argparse.ArgumentParser) -> None:
    """Add what labels mean, and how they are learned."""
    train.add_argument(
        "--preset",
        choices=list(PRESETS),
        help="quick (default) learns in minutes; paper: Ronneberger et al. 2015, for a GPU and "
        "hours",
    )
    train.add_argument(
        "--annotation",
        choices=typing.get_args(Annotation),
        help="what labels are: objects (ids, 0 is background; default), classes (values), "
        "scribbles (0 is not annotated, 1 is background)",
    )
    train.add_argument(
        "--scribble-values",
        choices=("auto", "class", "object"),
        help="what values of scribbles above 1 are; auto (default): classes where there are two "
        "to five of them, else objects",
    )
    train.add_argument(
        "--ndim",
        type=int,
        choices=(2, 3),
        help="2 learns stacks plane by plane, 3 as volumes (default: 3 where whole objects are "
        "drawn through the planes of crowded stacks, else 2; --preset paper: 2)",
    )
    train.add_argument("--seed", type=int, help="same seed and --steps, same model (default: 0)")
    train.add_argument(
        "--start",
        metavar="MODEL",
        help="learn on from a model, whose network, gap and rim are taken: a file, a bundled one, "
        "scratch (none) or auto (the bundled one if it finds enough already; default)",
    )


def _segment(segment: argparse.ArgumentParser) -> None:
    segment.add_argument("images", nargs="+", metavar="IMAGE", help="TIFF files or folders")
    segment.add_argument("--output", required=True, metavar="FOLDER", help="for NAME_labels.tif")
    segment.add_argument(
        "--skip-existing", action="store_true", help="leave out images whose results are there"
    )
    segment.add_argument(
        "--model",
        default="nuclei",
        help="file or a bundled one: nuclei (default, in fluorescence) or stained_nuclei (RGB)",
    )
    segment.add_argument(
        "--probabilities", action="store_true", help="also write NAME_probabilities.tif"
    )
    segment.add_argument(
        "--resample",
        action="store_true",
        help="resize images to the model's pixels, if it says "
        "them (the bundled ones do not), labels back",
    )
    segment.add_argument(
        "--threshold", type=_number(0, 1), help="of foreground, 0 to 1 (default: the model's)"
    )
    segment.add_argument(
        "--neck",
        type=_number(0),
        metavar="PIXELS",
        help="divide objects where both sides draw in by so much, and what lies under another in a "
        "stack; 0 never (default: the model's)",
    )
    segment.add_argument(
        "--min-size", type=_number(0, kind=int), help="in pixels (default: the model's)"
    )
    segment.add_argument("--no-link", action="store_true", help="link no objects through Z and T")
    _prediction(segment)


def _prediction(segment: argparse.ArgumentParser) -> None:
    """Add how the network goes over an image, which changes what is found little or not at all."""
    segment.add_argument(
        "--symmetries", action="store_true", help="average 8 views; 8 times slower"
    )
    segment.add_argument(
        "--tile",
        type=_number(1, kind=int),
        metavar="PIXELS",
        help="side that a tile reads, such as 572 (default: by --memory); small ones are far "
        "slower",
    )
    segment.add_argument(
        "--memory",
        type=_bytes,
        metavar="SIZE",
        help="for intermediate results, such as 500MB or 2GB (default: a quarter of what is free, "
        "on a CPU 1 GiB at most)",
    )
    segment.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="float32 (default) is exact; the others trade exactness for speed on GPUs",
    )


def _evaluate(evaluate: argparse.ArgumentParser) -> None:
    for name, what in (("labels", "true labels"), ("predicted", "labels that were found")):
        evaluate.add_argument(
            f"--{name}",
            nargs="+",
            required=True,
            metavar="FILE",
            help=f"{what}: TIFF files or folders",
        )
    evaluate.add_argument("--axes", help=_AXES)


def _info(info: argparse.ArgumentParser) -> None:
    info.add_argument("model", metavar="MODEL", help="file or name of a bundled model")


def _demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--output", default="seamless_unet_demo", metavar="FOLDER", help="default: %(default)s"
    )
    demo.add_argument("--no-window", action="store_true", help="do not open napari")


def _numbers(text: str) -> list[int]:
    """Return numbers from 1.

    >>> _numbers("3,1")
    [3, 1]
    """
    if not re.fullmatch(r"[1-9]\d{0,5}(, ?[1-9]\d{0,5})*", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers: give such as 2 or 3,1")
    return [int(number) for number in text.split(",")]


def _pixel_size(text: str) -> dict[str, float]:
    """Return micrometre per pixel.

    >>> _pixel_size("0.5"), _pixel_size("2,0.5,0.25")
    ({'Y': 0.5, 'X': 0.5}, {'Z': 2.0, 'Y': 0.5, 'X': 0.25})
    """
    try:
        sizes = [float(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    sizes = sizes * 2 if len(sizes) == 1 else sizes
    if len(sizes) not in (2, 3) or not all(0 < size < math.inf for size in sizes):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no pixel size: give micrometre, such as 0.25, or 2,0.25,0.25 of Z, Y, X"
        )
    return dict(zip("ZYX"[-len(sizes) :], sizes, strict=True))


def _number(least: float, most: float = math.inf, *, kind: type = float) -> Callable[[str], Any]:
    """Return a type of arguments, for argparse: numbers in a range."""

    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
        if not least <= value <= most:
            limits = f"from {least} to {most}" if most < math.inf else f"at least {least}"
            raise argparse.ArgumentTypeError(f"{text} must be {limits}")
        return value

    return number


def _bytes(text: str) -> int:
    """Return a size in bytes; a number alone is refused, as nobody counts memory in bytes.

    >>> _bytes("1.5GB"), _bytes("500 mb")
    (1500000000, 500000000)
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?) ?([KMGT]B)", text.strip(), re.IGNORECASE)
    size = round(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if not size:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size: give one such as 500MB or 2GB")
    return size


class _Version(argparse.Action):
    """Look the version up only when it is asked for: that takes as long as all of --help."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"seamless-unet {version('napari-seamless-unet')}")
        parser.exit()
