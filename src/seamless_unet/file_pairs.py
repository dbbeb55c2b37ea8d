"""Which files are meant: folders and patterns spelled out, labels found for images by name."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seamless_unet.image_io import file_stem, tiff_files

_LABELS = r"[_-](labels?|masks?)$"
_KINDS = r"([_-](images?|labels?|masks?))+$"


class Pairing(NamedTuple):
    """Images with their labels, and the files of either kind that have no partner."""

    pairs: list[tuple[Path, Path]]
    images_alone: list[Path]
    labels_alone: list[Path]


def find_images(names: Sequence[str]) -> list[Path]:
    """Return the files that are named; of a folder, all TIFF files that are no labels.

    Raises
    ------
    FileNotFoundError
        If a file is missing, or a folder has no image.
    """
    return [path for name in names for path in _files(name, labels=False)]


def taken_for_labels(names: Sequence[str], images: Sequence[Path]) -> list[Path]:
    """Return the files in folders that `find_images` left out, although they label none of these.

    A stain may be called "label", or a protein "mask".
    """
    keys = set(map(_key, images))
    return [
        path
        for name in names
        if Path(name).is_dir()
        for path in tiff_files(name)
        if _is_marked(path) and _key(path) not in keys
    ]


def find_pairs(
    images: Sequence[str], labels: Sequence[str], *, both_labels: bool = False
) -> Pairing:
    """Pair images with labels.

    Parameters
    ----------
    images, labels
        Files or folders, paired by name: ``a.tif`` or ``a_image.tif`` with ``a.tif``,
        ``a_labels.tif`` or ``a_mask.tif``. Both may be the same folder. Files without a folder
        among them whose names do not all belong together are paired in the order given.
    both_labels
        ``images`` are labels, too, as when two segmentations are compared.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the numbers of files differ, no names match, or a file would be its own labels.
    """
    image_files = [path for name in images for path in _files(name, labels=both_labels)]
    label_files = [path for name in labels for path in _files(name, labels=True)]
    if not any(Path(name).is_dir() for name in (*images, *labels)):
        if len(image_files) != len(label_files):
            raise ValueError(
                f"{len(image_files)} image file(s) but {len(label_files)} label file(s): "
                "give as many labels as images, in the same order"
            )
        pairs = _by_all_names(image_files, label_files) or _by_order(image_files, label_files)
        if not both_labels:
            _check_apart(pairs)
        return Pairing(pairs, [], [])
    by_name = _by_name(label_files)
    images_by_name = _by_name(image_files)
    pairs = [(path, by_name[key]) for key, path in images_by_name.items() if key in by_name]
    if not pairs:
        raise ValueError(
            f"no file in {', '.join(labels)} matches one in {', '.join(images)} by name: "
            f"{name_of_labels(image_files[0])} would belong to {image_files[0].name}"
        )
    _check_apart(pairs)
    return Pairing(
        pairs,
        [path for key, path in images_by_name.items() if key not in by_name],
        [path for key, path in by_name.items() if key not in images_by_name],
    )


def name_of_labels(image: Path) -> str:
    """Return a name that labels are found by."""
    return f"{_key(image)}_labels.tif"


def _by_all_names(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]] | None:
    """Pair files by name if each has a partner, however a shell has sorted them."""
    by_key = {_key(path): path for path in labels}
    keys = [_key(path) for path in images]
    if len(set(keys)) < len(keys) or len(by_key) < len(labels) or set(keys) != set(by_key):
        return None
    return [(path, by_key[key]) for path, key in zip(images, keys, strict=True)]


def _by_order(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pair files in the order given, if no name says otherwise."""
    pairs, by_key = list(zip(images, labels, strict=True)), {_key(path): path for path in labels}
    for path, other in pairs:
        if _key(path) != _key(other) and (named := by_key.get(_key(path))):
            raise ValueError(
                f"{named} is named like {path}, but {other} comes at its place, and not all names "
                "belong together: correct a name, or leave out what has no partner"
            )
    return pairs


def _check_apart(pairs: Sequence[tuple[Path, Path]]) -> None:
    for path, labels in pairs:
        if os.path.realpath(path) == os.path.realpath(labels):
            raise ValueError(
                f"{path} would be compared with itself: name its labels {name_of_labels(path)}, "
                "or give images and labels one by one"
            )


def _by_name(files: list[Path]) -> dict[str, Path]:
    """Return files by the name they are paired by, which must be each one's own."""
    by_name: dict[str, Path] = {}
    for path in files:
        if (other := by_name.setdefault(_key(path), path)) != path:
            raise ValueError(
                f"{other} and {path} cannot be told apart by name: name them apart, or give "
                "images and labels one by one"
            )
    return by_name


def _files(name: str, *, labels: bool) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        files = [f for f in tiff_files(path) if not file_stem(f).endswith("_probabilities")]
        marked = [f for f in files if _is_marked(f)]
        others = set(files) - set(marked)
        chosen = (marked or files) if labels else [f for f in files if f in others]
        if not chosen:
            kind = "label" if labels else "image"
            raise FileNotFoundError(f"the folder {path} has no {kind} file that ends in .tif")
        return chosen
    if path.exists():
        return [path]
    found = sorted(glob.glob(name, recursive=True))  # a pattern that the shell did not spell out
    if not found:
        raise FileNotFoundError(f"no such file: {path}")
    if files := [Path(file) for file in found if not Path(file).is_dir()]:
        return files
    return [file for folder in found for file in _files(folder, labels=labels)]


def _is_marked(path: Path) -> bool:
    return re.search(_LABELS, file_stem(path), re.IGNORECASE) is not None


def _key(path: Path) -> str:
    return re.sub(_KINDS, "", file_stem(path), flags=re.IGNORECASE)
