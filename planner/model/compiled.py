"""Loops over arrays: compiled to machine code, or run as they are written where that is sooner done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from planner import kept

__all__ = ["bare", "called", "compiled", "inlined", "interpreted", "slowness"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

_SLOWER = 1000
"""How many times as long a loop takes as it is written; several times too many, so that an answer comes at once."""


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function with numba when it is first called, and keep the machine code for the next process.

    Numba keeps it beside the source or in the user's home. A package that root installed, or a zip, run by a user
    without a home (as Spark's container images do) has neither: then what root has compiled is read, if it is all that
    there is to compile (``planner warm``); else every process compiles anew, and nothing fails.

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
    return cast(Kernel, _Loop(kernel))


def bare(kernel: Kernel) -> Kernel:
    """Compile a function that makes no array: the same as `compiled`, and without counting references to arrays.

    Where arrays come as the fields of a tuple, counting at every access takes ten times as long as the loop itself.

    Parameters
    ----------
    kernel : callable
        It fills arrays that it is given; it calls only functions that are `inlined` or `bare`.
    """
    return cast(Kernel, _Loop(kernel, _nrt=False))


def inlined(kernel: Kernel) -> Kernel:
    """Mark a function as a part of the compiled functions that call it. It has to be one that could be `bare`.

    A call hands arrays on by value, seven words each: for a small function that takes longer than what it does.
    """
    return cast(Kernel, _Loop(kernel, _nrt=False, forceinline=True))


@contextmanager
def interpreted() -> Iterator[None]:
    """Run all loops as they are written, until the block is left; nothing is compiled and no compiler is loaded.

    They do the same, but for numbers that are drawn at random.

    Examples
    --------
    >>> with interpreted():
    ...     compiled(lambda a, b: a + b)("as ", "written")
    'as written'
    """
    global _interpreting
    before, _interpreting = _interpreting, True
    try:
        with np.errstate(over="ignore"):  # machine code does not notice it, either
            yield
    finally:
        _interpreting = before


def slowness() -> int:
    """Give how many times as long a loop takes now as one that is compiled."""
    return _SLOWER if _interpreting else 1


def called() -> list[tuple[Path, list[Path]]]:
    """Give the sources of all loops that Python has called in this process, and the files that keep their machine code.

    Not of those that only compiled functions have called: these are kept as a part of them.
    """
    return [(Path(loop.written.__code__.co_filename), loop.files) for loop in _loops if "machine" in vars(loop)]


_interpreting = False

_loops: list[_Loop] = []


class _Loop:
    """A function that is compiled when it is first called.

    What numba asks of a function that compiled functions call, it answers as numba's own would.
    """

    def __init__(self, written: Callable[..., Any], **options: Any) -> None:
        self.written, self.options = written, options
        update_wrapper(self, written)
        _loops.append(self)

    def __call__(self, *given: Any) -> Any:
        return self.written(*given) if _interpreting else self.machine(*given)

    @cached_property
    def machine(self) -> Any:
        """What Python calls: it compiles itself for every new combination of types that it is given."""
        from numba import njit  # executors import what imports this module, and need no compiler

        options = {"no_cfunc_wrapper": True, **self.options}
        with suppress(OSError, RuntimeError):  # numba raises RuntimeError when it knows no place, and does not try all
            dispatcher = njit(cache=not _sealed(), **options)(self.written)
            if _sealed():
                dispatcher._cache = _reader()(self.written)
            else:
                _try(Path(dispatcher.stats.cache_path))
                _forget_if_older(self.written, Path(dispatcher.stats.cache_path))
            return dispatcher
        return njit(**options)(self.written)

    @cached_property
    def part(self) -> Any:
        """What compiled functions call. It is kept as a part of them, and Python cannot call it, which takes time."""
        from numba import njit

        options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **self.options}
        return njit(**options)(self.written)

    @property
    def _numba_type_(self) -> Any:
        return self.part._numba_type_

    @property
    def files(self) -> list[Path]:
        """The files that list what machine code of it is kept; none, if it is not kept."""
        place = self.machine.stats.cache_path
        return [] if place is None else _files(self.written, Path(place))


@cache
def _sealed() -> bool:
    return kept.sealed()


@cache
def _reader() -> type[Any]:
    """Make numba's cache read where nothing can be written, which it does not even look at by itself."""
    from numba.core.caching import CompileResultCacheImpl, FunctionCache

    def adapted(base: Any, **changed: Any) -> Any:
        return type(base.__name__, (base,), changed)

    places = [adapted(each, ensure_cache_path=lambda self: None) for each in CompileResultCacheImpl._locator_classes]
    files = adapted(CompileResultCacheImpl, _locator_classes=places)
    return cast(type[Any], adapted(FunctionCache, _impl_class=files, save_overload=lambda self, types, code: None))


@cache
def _try(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=place).close()


def _files(kernel: Callable[..., Any], place: Path) -> list[Path]:
    return [*place.glob(f"{Path(kernel.__code__.co_filename).stem}.{kernel.__qualname__}-*.nbi")]


def _forget_if_older(kernel: Callable[..., Any], place: Path) -> None:
    """Take away machine code from before a change to any source beside the kernel's own.

    Numba compiles again when the file of a kernel has changed, but not when that of a kernel it calls has.
    """
    changed = _last_change(Path(kernel.__code__.co_filename).parent)
    for index in _files(kernel, place):
        with suppress(OSError):  # another process may be faster
            if index.stat().st_mtime < changed:
                index.unlink()


@cache
def _last_change(folder: Path) -> float:
    sources = [*folder.glob("*.py"), Path(__file__)]  # in a zip there is nothing to be found, and nothing changes
    return max((source.stat().st_mtime for source in sources if source.exists()), default=0.0)
