"""Lengths and times as files give them, in the units and spellings that programs write."""

from __future__ import annotations

import math
from typing import Any

_LENGTHS = {  # in micrometres
    **{"m": 1e6, "cm": 1e4, "mm": 1e3, "nm": 1e-3, "Å": 1e-4, "pm": 1e-6, "in": 25400.0},
    **{"angstrom": 1e-4, "inch": 25400.0, "inche": 25400.0},
    **dict.fromkeys(("µm", "μm", "um", "\\u00B5m", "micron"), 1.0),
    **{
        prefix + metre: factor
        for metre in ("meter", "metre")
        for prefix, factor in (
            *(("", 1e6), ("centi", 1e4), ("milli", 1e3)),
            *(("micro", 1.0), ("nano", 1e-3), ("pico", 1e-6)),
        )
    },
}
_TIMES = {  # in seconds
    **{"s": 1.0, "sec": 1.0, "second": 1.0, "ns": 1e-9, "nsec": 1e-9, "nanosecond": 1e-9},
    **dict.fromkeys(("µs", "μs", "us", "µsec", "μsec", "usec", "microsecond"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **{"min": 60.0, "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0},
    **{"d": 86400.0, "day": 86400.0},
}
_WORD = 3  # letters: from there on capitals and a plural mean nothing, as they do in mm and Mm, s


def micrometres(size: Any, unit: Any) -> float:
    """Return a length in micrometres, 0 where it is no number or the unit is not known.

    >>> micrometres("0.5", "mm"), micrometres(2, "Micrometers"), micrometres(2, "pixel")
    (500.0, 2.0, 0.0)
    """
    return number(size) * _factor(_LENGTHS, unit)


def seconds(time: Any, unit: Any) -> float:
    """Return a time in seconds, 0 where it is no number or the unit is not known.

    >>> seconds(250, "ms"), seconds(1, "Hours")
    (0.25, 3600.0)
    """
    return number(time) * _factor(_TIMES, unit)


def number(value: Any) -> float:
    """Return a number that a file gives, 0 for what is none.

    >>> number("0.5"), number(None)
    (0.5, 0.0)
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        return 0.0
    return found if math.isfinite(found) else 0.0


def _factor(known: dict[str, float], unit: Any) -> float:
    name = str(unit).strip()
    if name not in known and len(name) >= _WORD:
        name = name.lower() if name.lower() in known else name.lower().removesuffix("s")
    return known.get(name, 0.0)
