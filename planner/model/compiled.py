"""Loops over arrays, compiled to machine code."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

__all__ = ["compiled"]

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
    from numba import njit  # executors import what imports this module, and need no compiler

    try:
        dispatcher = njit(cache=True)(kernel)
        place = Path(str(dispatcher.stats.cache_path))
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except (OSError, RuntimeError):  # numba raises RuntimeError when it knows no place, and does not try every place
        return cast(Kernel, njit(kernel))
    return cast(Kernel, dispatcher)
