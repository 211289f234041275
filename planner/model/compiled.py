"""Loops over arrays, compiled to machine code."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

__all__ = ["bare", "compiled", "inlined"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function with numba, and keep the machine code for the next process where there is a place for it.

    Numba keeps it beside the source or in the user's home. A package that root installed, or a zip, run by a user
    without a home (as Spark's container images do) has neither: then every process compiles anew, and nothing fails.

    Parameters
    ----------
    kernel : callable
        Arrays and numbers in, arrays and numbers out; it may call other compiled functions.

    Returns
    -------
    callable
        Of the same signature.

    Examples
    --------
    >>> compiled(lambda a, b: a + b)(1, 2)
    3
    """
    return _cached(kernel)


def bare(kernel: Kernel) -> Kernel:
    """Compile a function that makes no array: the same as `compiled`, and without counting references to arrays.

    Where arrays come as the fields of a tuple, counting at every access takes ten times as long as the loop itself.

    Parameters
    ----------
    kernel : callable
        It fills arrays that it is given; it calls only functions that are `inlined` or `bare`.
    """
    return _cached(kernel, _nrt=False)


def inlined(kernel: Kernel) -> Kernel:
    """Mark a function as a part of the compiled functions that call it.

    A call hands arrays on by value, seven words each: for a small function that takes longer than what it does.
    """
    from numba import njit

    return cast(Kernel, njit(kernel, inline="always"))


def _cached(kernel: Kernel, **options: Any) -> Kernel:
    from numba import njit  # executors import what imports this module, and need no compiler

    try:
        dispatcher = njit(cache=True, **options)(kernel)
        place = Path(str(dispatcher.stats.cache_path))
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
        _forget_if_older(kernel, place)
    except (OSError, RuntimeError):  # numba raises RuntimeError when it knows no place, and does not try every place
        return cast(Kernel, njit(**options)(kernel))
    return cast(Kernel, dispatcher)


def _forget_if_older(kernel: Callable[..., Any], place: Path) -> None:
    """Take away machine code from before a change to any source beside the kernel's own.

    Numba compiles again when the file of a kernel has changed, but not when that of a kernel it calls has.
    """
    source = Path(kernel.__code__.co_filename)
    changed = _last_change(source.parent)
    for index in place.glob(f"{source.stem}.{kernel.__qualname__}-*.nbi"):
        with suppress(OSError):  # another process may be faster
            if index.stat().st_mtime < changed:
                index.unlink()


@cache
def _last_change(folder: Path) -> float:
    sources = [*folder.glob("*.py"), Path(__file__)]  # in a zip there is nothing to be found, and nothing changes
    return max((source.stat().st_mtime for source in sources if source.exists()), default=0.0)
