"""The stopwatch around each call of a user's function; it runs on executors, and travels by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["MOST_KEPT", "stopwatch", "text_of_key"]

MOST_KEPT = 2_000
"""Keys of a partition that are reported one by one, the slowest; the others are added up."""

PEAK_PAUSE_NS = 50_000_000
"""Calls that begin within so long of one another share the peak of their memory."""

LETTERS = 80
"""Of a key that is reported."""


def stopwatch(accumulator: Any) -> Callable[[], Callable[[Any, Any, int], None]]:
    """Give what starts a measurement; that gives what stops it.

    Parameters
    ----------
    accumulator : Accumulator or None
        Of lists; each task adds one entry, which reaches the driver with the end of the task. Without one, nothing is
        measured.
    """
    if accumulator is None:
        return lambda: lambda key_hash, key, rows: None
    most, shown, noted = MOST_KEPT, text_of_key(), _noted(accumulator)
    forget_peak, peak = _peaks()

    def start() -> Callable[[Any, Any, int], None]:
        import time

        forget_peak()
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()

        def stop(key_hash: Any, key: Any, rows: int) -> None:
            took = (time.perf_counter_ns() - wall) // 1000, (time.process_time_ns() - cpu) // 1000
            entry = noted()
            number = key_hash.as_py() if hasattr(key_hash, "as_py") else key_hash
            keys = entry["keys"]
            keys.append((None if number is None else int(number), shown(key), rows, *took, peak()))
            if len(keys) >= 2 * most:
                keys.sort(key=lambda key: -key[3])
                others = entry["others"]
                for _, _, *figures in keys[most:]:
                    sums = [a + b for a, b in zip(others, (1, *figures[:3]), strict=False)]
                    others[:] = [*sums, max(others[4], figures[3])]
                del keys[most:]

        return stop

    return start


def text_of_key() -> Callable[[Any], str]:
    """Give what writes a key as text, whether its parts are Python's or Arrow's."""
    letters = LETTERS

    def shown(key: Any) -> str:
        values = (value.as_py() if hasattr(value, "as_py") else value for value in key)
        return ", ".join("null" if value is None else str(value) for value in values)[:letters]

    return shown


def _noted(accumulator: Any) -> Callable[[], dict[str, Any]]:
    """Give what gives the entry of the task that runs."""
    kept: dict[str, Any] = {}  # a task unpickles a copy of its own

    def noted() -> dict[str, Any]:
        if not kept:
            from pyspark import TaskContext

            context = TaskContext.get()
            assert context is not None  # noqa: S101
            kept.update(
                stage=context.stageId(),
                partition=context.partitionId(),
                task=context.taskAttemptId(),
                attempt=context.attemptNumber(),
                keys=[],
                others=[0, 0, 0, 0, 0],  # keys, rows, wall, CPU, peak
            )
            accumulator.add([kept])  # what is noted later goes with it
        return kept

    return noted


def _peaks() -> tuple[Callable[[], None], Callable[[], int]]:
    """Give what forgets the peak of this process's memory, and what reads it.

    To forget costs some 0.3 ms on busy cores, as much as a small group takes, so calls that follow within `pause`
    share a peak. To read costs a microsecond.
    """
    pause, last = PEAK_PAUSE_NS, [0]

    def forget_peak() -> None:
        import os
        import time
        from contextlib import suppress

        now = time.perf_counter_ns()
        if now - last[0] < pause:
            return
        last[0] = now
        with suppress(OSError):  # where that is not possible, the peak is that of the whole process so far
            file = os.open("/proc/self/clear_refs", os.O_WRONLY)
            try:
                os.write(file, b"5")
            finally:
                os.close(file)

    def peak() -> int:
        import resource

        # Workers are forked, and a fork's peak is its memory's, which can be forgotten, and not that of its ancestors.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    return forget_peak, peak
