"""The command line: ``seamless-unet train | segment | evaluate | info | demo``.

People read what commands print. With ``--json`` that goes to standard error, and standard output
gets what the command returns, as one JSON object, or its ``error``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from seamless_unet import options
from seamless_unet.commands.output import tell
from seamless_unet.config import TrainConfig, recipe_fields
from seamless_unet.error_words import words


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 success, 1 failure, 2 wrong usage, 130 Ctrl-C."""
    if sys.stderr is None:  # closed by 2>&-
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for good
    args = options.parser().parse_args(arguments)
    if args.command == "train":
        _add_recipe(args)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name must not end the work
    try:
        with _ended_as_by_ctrl_c():
            result = _run(args)
        if sys.stdout:  # closed by >&-
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _failed(args, "stopped", 130)
    except BrokenPipeError:  # whoever read what is printed has gone, such as head
        _print_no_more()
        return 1
    except Exception as error:
        if args.debug:
            raise
        return _failed(args, words(error, args.command), 1)
    if result.get("reason") == "stopped":
        return 130
    return 1 if result.get("failed") else 0


def _failed(args: argparse.Namespace, what: str, status: int) -> int:
    """Say why the command ended, and return its exit status."""
    print(f"seamless-unet: {'error: ' if status == 1 else ''}{what}", file=sys.stderr)
    if args.json:
        try:
            print(json.dumps({"error": what}), flush=True)
        except OSError:  # a full disk
            _print_no_more()
    return status


def _print_no_more() -> None:
    """Let Python's last flush of standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let a scheduler end a command as Ctrl-C does: nothing half written stays."""

    def end(*_: Any) -> None:
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    if not main or before in (signal.SIG_IGN, None):  # whoever started it wants it so
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: argparse.Namespace) -> dict[str, Any]:
    """Run the command, and print its result where JSON is wanted."""
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr if args.json else output):
        folder = "seamless_unet" if args.command == "demo" else "seamless_unet.commands"
        result = getattr(import_module(f"{folder}.{args.command}"), args.command)(args)
    if args.json:
        print(json.dumps(result), file=output)
    return result


def _add_recipe(args: argparse.Namespace) -> None:
    """Add ``preset`` and ``changes``, or the ``config`` to resume; wrong usage if impossible."""
    names = ("annotation", "scribble_values", "ndim", "seed", "steps", "minutes", "start")
    args.changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    args.config = None
    try:
        if args.resume:
            args.config = _resumed_config(args.resume, args.preset, args.changes)
            return
        if args.scribble_values and args.annotation != "scribbles":
            raise ValueError("--scribble-values goes with --annotation scribbles")
        if args.start not in (None, "auto", "scratch"):
            args.changes |= _start_settings(args)
        args.preset = args.preset or "quick"
        TrainConfig.preset(args.preset, **args.changes)
    except (ValueError, OSError) as error:
        args.refuse(words(error, "train"))


def _resumed_config(path: str, preset: str | None, changes: dict[str, Any]) -> TrainConfig:
    """Return the configuration of a checkpoint with what was said anew."""
    from seamless_unet.checkpoint import FORMAT
    from seamless_unet.model_file import read_header

    if not Path(path).is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    kept = TrainConfig.from_json(read_header(Path(path), FORMAT)["config"]).to_json()
    if {"steps", "minutes"} & set(changes):
        kept = {key: value for key, value in kept.items() if key not in ("steps", "minutes")}
    said = changes
    if preset:
        ndim = {"ndim": changes.get("ndim") or kept["ndim"]}
        said = recipe_fields(preset, {**ndim, **changes})
    said = {name: value for name, value in said.items() if value is not None}
    free = ("steps", "minutes", "start")
    if others := [name for name, value in said.items() if name not in free and value != kept[name]]:
        raise ValueError(
            f"the checkpoint was made with other settings ({', '.join(others)}): take the same"
        )
    if said.get("start", kept["start"]) != kept["start"]:
        tell("note: --start does nothing with --resume, which goes on with what was learned")
    return TrainConfig.from_json(kept | said)


def _start_settings(args: argparse.Namespace) -> dict[str, Any]:
    from seamless_unet.model_file import read_info

    settings = read_info(args.start).start_settings
    if args.ndim not in (None, settings["ndim"]):
        raise ValueError(f"--start {args.start} is a {settings['ndim']}-D model: leave out --ndim")
    return settings


if __name__ == "__main__":
    sys.exit(main())
