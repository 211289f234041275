"""A user's function with a stopwatch around it, as it runs on executors.

Everything that travels is a closure made here, importing only what every Python worker of Spark has: so it goes by
value, and executors need nothing of ours. It takes off what placed the rows, so that the function sees what it would
see in a plain ``groupBy``; it names the key when the function fails; and, where it has an accumulator, it keeps one
entry a task, which reaches the driver with the end of the task and not otherwise.

All of it happens for each group, of which a task may have thousands: a frame's column costs some 40 µs to take off.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from planner.spark.stopwatch import stopwatch, text_of_key

__all__ = ["grouped", "mapped", "takes_iterator", "takes_key"]


def takes_key(func: Callable[..., Any], frames: int) -> bool:
    """Tell whether a function takes the key before its frames, by the number of its arguments, as Spark does.

    Raises
    ------
    TypeError
        If it takes neither so many nor one more.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [p for p in inspect.signature(func).parameters.values() if p.kind in kinds]
    if len(given) not in (frames, frames + 1):
        expected = "(frame) or (key, frame)" if frames == 1 else "(left, right) or (key, left, right)"
        raise TypeError(f"takes {len(given)} arguments; expected {expected}")
    return len(given) == frames + 1


def takes_iterator(func: Callable[..., Any]) -> bool:
    """Tell by its annotations whether a function takes a group as an iterator of parts."""
    try:
        hints = typing.get_type_hints(func)
        last = list(inspect.signature(func).parameters)[-1]
    except (NameError, TypeError, ValueError, IndexError):
        return False
    return typing.get_origin(hints.get(last)) is Iterator


def grouped(
    func: Callable[..., Any], *, frames: int, arrow: bool, columns_before: int, parts_before: int, by: Sequence[str],
    columns: Sequence[str], accumulator: Any = None,
) -> Callable[..., Any]:  # fmt: skip
    """Make the function that Spark calls for each group.

    Parameters
    ----------
    func : callable
        The user's.
    frames : int
        1, or 2 for a cogroup.
    arrow : bool
        Whether groups are Arrow tables, and not pandas frames.
    columns_before, parts_before : int
        How many columns come before the user's, and values before the parts of his key; the last of these is its hash.
    by, columns : sequence of str
        Names of the key's columns, and of what the function has to return.
    accumulator : Accumulator, optional
        Of lists.
    """
    with_key = takes_key(func, frames)
    strip, failed, start = _stripper(arrow, columns_before), _failure(by), stopwatch(accumulator)
    check = _checker(columns, arrow)

    def call(key: Any, *groups: Any) -> Any:
        own, stop = tuple(key)[parts_before:], start()
        rows = sum(map(len, groups))
        try:
            result = func(*([own] if with_key else []), *map(strip, groups))
            check(result)
        except Exception as error:
            raise failed(own, error) from error
        stop(key[parts_before - 1], own, rows)
        return result

    def call_parts(key: Any, parts: Any) -> Any:
        own, stop, rows = tuple(key)[parts_before:], start(), 0

        def stripped() -> Any:
            nonlocal rows
            for part in parts:
                rows += len(part)
                yield strip(part)

        try:
            for result in func(*([own] if with_key else []), stripped()):
                check(result)
                yield result
            for part in parts:  # what the function left is counted all the same
                rows += len(part)
        except Exception as error:
            raise failed(own, error) from error
        stop(key[parts_before - 1], own, rows)

    if frames == 2:
        return lambda key, left, right: call(key, left, right)
    if not takes_iterator(func):
        return lambda key, group: call(key, group)

    def parts_of(key: Any, parts: Any) -> Any:
        return call_parts(key, parts)

    kind = pa.RecordBatch if arrow else pd.DataFrame
    parts_of.__annotations__ = {"key": tuple[Any, ...], "parts": Iterator[kind], "return": Iterator[kind]}  # type: ignore[valid-type]
    return parts_of


def mapped(func: Callable[..., Any], *, columns_before: int, accumulator: Any = None) -> Callable[..., Any]:
    """Make the function that Spark calls for each partition, on record batches."""
    strip, start, failed = _stripper(True, columns_before), stopwatch(accumulator), _failure(())

    def call(batches: Any) -> Any:
        stop, rows = start(), 0

        def stripped() -> Any:
            nonlocal rows
            for batch in batches:
                rows += len(batch)
                yield strip(batch)

        try:
            yield from func(stripped())
        except Exception as error:
            raise failed((), error) from error
        stop(None, (), rows)

    return call


def _stripper(arrow: bool, before: int) -> Callable[[Any], Any]:
    """Take the first columns off."""

    def strip(frame: Any) -> Any:
        if arrow:
            return frame.select(list(range(before, frame.num_columns)))
        for name in frame.columns[:before]:
            del frame[name]
        return frame

    return strip


def _failure(by: Sequence[str]) -> Callable[[Any, BaseException], RuntimeError]:
    """Say which key failed, and where."""
    names, shown = list(by), text_of_key()

    def executor() -> str:
        from pathlib import Path

        pid = "self"
        for _ in range(4):  # this process, the daemon that it was forked from, the executor
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            if "--executor-id" in words:
                return words[words.index("--executor-id") + 1]
            status = Path(f"/proc/{pid}/status").read_text()
            pid = status.split("PPid:")[1].split()[0]
        return "driver"

    def failed(own: Any, error: BaseException) -> RuntimeError:
        import socket
        import traceback

        from pyspark import TaskContext

        context = TaskContext.get()
        where = f"partition {context.partitionId()}, attempt {context.attemptNumber()}" if context else ""
        try:
            where = f"executor {executor()} on {socket.gethostname()}, {where}"
        except (OSError, IndexError):
            where = f"{socket.gethostname()}, {where}"
        key = ", ".join(f"{name}={shown([value])!r}" for name, value in zip(names, own, strict=False))
        of = f"for the key {key} " if key else ""
        # Spark shortens tracebacks to their last error, which is this one: so the function's own goes into its text.
        told = "".join(
            traceback.format_exception(type(error), error, error.__traceback__ and error.__traceback__.tb_next)
        ).rstrip()
        return RuntimeError(f"the function failed {of}({where}): {type(error).__name__}: {error}\n{told}")

    return failed


def _checker(columns: Sequence[str], arrow: bool) -> Callable[[Any], None]:
    """Check what the function returned, so that an error can name the key; types are Spark's to check."""
    expected, known = list(columns), set(columns)
    right = pa.Table if arrow else pd.DataFrame

    def check(result: Any) -> None:
        if isinstance(result, right) and list(result.column_names if arrow else result.columns) == expected:
            return
        names = getattr(result, "column_names", None) if arrow else list(getattr(result, "columns", ()))
        if arrow and names is None:
            names = getattr(getattr(result, "schema", None), "names", None)
        if names is None or not hasattr(result, "columns"):
            kind = "a pyarrow Table or RecordBatch" if arrow else "a pandas DataFrame"
            raise TypeError(f"it returned {type(result).__name__}; expected {kind}")
        if not len(names) and not len(result):
            return
        named = arrow or any(isinstance(name, str) for name in names)
        wrong = set(names) != known if named else len(names) != len(expected)
        if wrong or len(names) != len(expected):
            raise ValueError(f"it returned the columns {list(names)}; the schema has {expected}")

    return check
