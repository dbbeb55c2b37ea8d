"""Tiny label images with names, shared by the tests; `picture` reads them from text."""

import numpy as np


def picture(text: str, dtype=np.int32) -> np.ndarray:
    """Return labels from lines of digits; ``.`` is background, an empty line the next slice."""
    slices = [block.split() for block in text.strip().split("\n\n")]
    digits = [[[0 if c == "." else int(c) for c in row] for row in rows] for rows in slices]
    return np.array(digits if len(digits) > 1 else digits[0], dtype)


CASES = {
    "no_object": picture("""
        ......
        ......
        ......
    """),
    "one_object": picture("""
        .......
        ..111..
        ..111..
        .......
    """),
    "single_pixel": picture("""
        .....
        ..1..
        .....
    """),
    "border": picture("""
        11....2
        11....2
        .......
        .......
        .......
        .33....
    """),
    "touching": picture("""
        ..........
        .11112222.
        .11112222.
        .11112222.
        .33332222.
        .3333.....
        ..........
    """),
    "touching_by_a_corner": picture("""
        111....
        111....
        ...222.
        ...222.
    """),
    "nested": picture("""
        ...........
        .111111111.
        .1.......1.
        .1.......1.
        .1...2...1.
        .1.......1.
        .1.......1.
        .111111111.
        ...........
    """),
    "full": picture("""
        1122
        1122
        3344
    """),
    "far_ids": picture("""
        7..9
        7..9
    """),
    "volume": picture("""
        ......
        .11...
        ......

        .11...
        .1122.
        ...22.

        ......
        ...22.
        ......
    """),
}
