"""Names of files that a user has typed into a dialog."""

from pathlib import Path


def with_suffix(typed: str, suffix: str) -> Path:
    """Return the path that was typed, with the suffix at its end.

    Raises
    ------
    ValueError
        If it was added and there is such a file: about that name nobody was asked.
    """
    path = Path(typed)
    if path.suffix.lower() == suffix:
        return path
    path = path.with_name(path.name + suffix)
    if path.exists():
        raise ValueError(f"There is already a '{path.name}'. Choose another name.")
    return path
