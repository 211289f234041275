"""Times, sizes and rates as people write them; integer microseconds and bytes as planner keeps them."""

from __future__ import annotations

import math
import re

from planner.errors import InputError

__all__ = ["MICROSECONDS", "format_bytes", "format_seconds", "parse_bytes", "parse_rate", "parse_seconds", "to_us"]

MICROSECONDS = 1_000_000
_NUMBER = r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*"
_SIZE = {"": 1, "b": 1}
for _i, _letter in enumerate("kmgtp", start=1):
    _SIZE |= {f"{_letter}b": 1000**_i, _letter: 1000**_i, f"{_letter}ib": 1024**_i}
_TIME = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0, "h": 3600.0}
_BITS = {"bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9, "tbit": 1e12}


def to_us(seconds: float) -> int:
    """Seconds as the nearest whole number of microseconds.

    Examples
    --------
    >>> to_us(0.1)
    100000
    """
    return round(seconds * MICROSECONDS)


def parse_bytes(text: str | int | float) -> int:
    """Parse a size: a number of bytes, or text with a unit (``kB`` = 1000, ``KiB`` = 1024).

    Raises
    ------
    InputError
        If it is no size, negative, or not finite.

    Examples
    --------
    >>> parse_bytes("1.5GB"), parse_bytes("2 MiB"), parse_bytes(17)
    (1500000000, 2097152, 17)
    """
    if isinstance(text, bool):
        raise InputError(f"{text!r} is no size; expected bytes such as 1048576, or '500MB', '1.5GB', '4GiB'")
    if isinstance(text, int | float):
        value = float(text)
    else:
        match = re.fullmatch(_NUMBER + "([a-zA-Z]*)", text)
        if not match or match[2].lower() not in _SIZE:
            raise InputError(f"{text!r} is no size; expected bytes such as 1048576, or '500MB', '1.5GB', '4GiB'")
        value = float(match[1]) * _SIZE[match[2].lower()]
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{text!r} is no size; expected a finite number of bytes >= 0")
    return round(value)


def parse_seconds(text: str | int | float) -> float:
    """Parse a duration: a number of seconds, or text with a unit (``us``, ``ms``, ``s``, ``min``, ``h``).

    Raises
    ------
    InputError
        If it is no duration, negative, or not finite.

    Examples
    --------
    >>> parse_seconds("250ms"), parse_seconds("2 min"), parse_seconds(3)
    (0.25, 120.0, 3.0)
    """
    if isinstance(text, bool):
        raise InputError(f"{text!r} is no duration; expected seconds such as 10, or '250ms', '10s', '5min', '1h'")
    if isinstance(text, int | float):
        value = float(text)
    else:
        match = re.fullmatch(_NUMBER + "([a-zµ]*)", text)
        if not match or match[2] not in _TIME:
            raise InputError(f"{text!r} is no duration; expected seconds such as 10, or '250ms', '10s', '5min', '1h'")
        value = float(match[1]) * _TIME[match[2]]
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{text!r} is no duration; expected a finite number of seconds >= 0")
    return value


def parse_rate(text: str | int | float) -> float:
    """Parse a bandwidth into bytes a second: a number, or text in bits (``1Gbit``) or bytes (``100MB/s``).

    Raises
    ------
    InputError
        If it is no bandwidth, or not above 0. ``inf`` means that transfers cost no time.

    Examples
    --------
    >>> parse_rate("1Gbit"), parse_rate("100MB/s"), parse_rate("inf")
    (125000000.0, 100000000.0, inf)
    """
    problem = f"{text!r} is no bandwidth; expected a rate above 0 such as '1Gbit', '100MB/s' or 'inf'"
    if isinstance(text, bool):
        raise InputError(problem)
    if isinstance(text, int | float):
        value = float(text)
    elif text.strip().lower() == "inf":
        value = math.inf
    else:
        bare = re.sub(r"(/s|ps)$", "", text.strip(), flags=re.IGNORECASE)
        match = re.fullmatch(_NUMBER + "([a-zA-Z]*)", bare)
        if not match:
            raise InputError(problem)
        unit = match[2].lower()
        if unit in _BITS:
            value = float(match[1]) * _BITS[unit] / 8
        elif unit in _SIZE:
            value = float(match[1]) * _SIZE[unit]
        else:
            raise InputError(problem)
    if math.isnan(value) or value <= 0:
        raise InputError(problem)
    return value


def format_seconds(us: int | float) -> str:
    """Microseconds as a person reads them.

    Examples
    --------
    >>> format_seconds(1_500), format_seconds(17_030_000), format_seconds(5_400_000_000)
    ('1.5 ms', '17.03 s', '1 h 30 min')
    """
    seconds = us / MICROSECONDS
    if us < 1000:
        return f"{us:g} us" if us else "0 s"
    if seconds < 1:
        return f"{seconds * 1000:.4g} ms"
    if seconds < 120:
        return f"{seconds:.4g} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{seconds / 60:.3g} min"


def format_bytes(count: int | float) -> str:
    """Bytes as a person reads them.

    Examples
    --------
    >>> format_bytes(999), format_bytes(1_500_000_000)
    ('999 B', '1.5 GB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(value) < 1000 or unit == "TB":
            return f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError("unreachable")
