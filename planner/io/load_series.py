"""How the load of every slot went over a run, as numbers at equal distances of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from planner.model.arrays import Float64, Int64
from planner.model.load import LoadReport
from planner.model.units import MICROSECONDS

__all__ = ["LoadSeries"]

WINDOWS = 100
"""Windows that a run is cut into; a picture is not much wider."""


@dataclass(frozen=True, eq=False)
class LoadSeries:
    """What one slot had done at the end of each of w windows of the run, or in it.

    Attributes
    ----------
    end_us : ndarray of int64, shape (w,)
        Ends of the windows; 0 is the start of the first task of the run.
    busy, waiting : ndarray of float, shape (w,)
        Share of the window in which it ran tasks, or waited for their inputs.
    tasks, bytes_in, bytes_out : ndarray of int64, shape (w,)
        Of the tasks that it had finished by then.
    peak_memory_bytes : ndarray of int64, shape (w,)
        Largest resident memory of its process by then; 0 before its first task has ended.
    seconds : ndarray of float, shape (tasks,)
        How long each of its tasks took.
    """

    end_us: Int64
    busy: Float64
    waiting: Float64
    tasks: Int64
    bytes_in: Int64
    bytes_out: Int64
    peak_memory_bytes: Int64
    seconds: Float64

    @classmethod
    def of(cls, load: LoadReport) -> dict[tuple[str, int], LoadSeries]:
        """Give the series of every slot by its executor and its number there, also of slots that ran nothing."""
        ends = np.unique(np.linspace(0, load.measured_makespan_us, WINDOWS + 1).astype(np.int64))[1:]
        where = (load.slots[name].to_pylist() for name in ("ran_executor", "executor", "slot"))
        tasks: dict[tuple[str, int], list[int]] = {
            (ran or meant, slot): [] for ran, meant, slot in zip(*where, strict=True)
        }
        done = load.tasks.filter(pc.is_valid(load.tasks["start_us"])).sort_by("finish_us")
        for row, slot in enumerate(zip(done["executor"].to_pylist(), done["slot"].to_pylist(), strict=True)):
            tasks.setdefault(slot, []).append(row)
        return {slot: cls._of_tasks(done.take(pa.array(rows, pa.int64())), ends) for slot, rows in tasks.items()}

    @classmethod
    def _of_tasks(cls, tasks: pa.Table, ends: Int64) -> LoadSeries:
        start, finish, wait = (_column(tasks, name) for name in ("start_us", "finish_us", "wait_us"))
        by_then = np.searchsorted(finish, ends, side="right")

        def summed(name: str) -> Int64:
            return np.concatenate([[0], np.cumsum(_column(tasks, name))])[by_then]

        highest = np.concatenate([[0], np.maximum.accumulate(_column(tasks, "peak_memory_bytes"))])
        return cls(
            end_us=ends,
            busy=_share(start, finish, ends),
            waiting=_share(np.maximum(start - wait, 0), start, ends),
            tasks=by_then.astype(np.int64),
            bytes_in=summed("bytes_in"),
            bytes_out=summed("bytes_out"),
            peak_memory_bytes=highest[by_then],
            seconds=(finish - start) / MICROSECONDS,
        )


def _column(tasks: pa.Table, name: str) -> Int64:
    return np.asarray(pc.fill_null(tasks[name], 0).to_numpy(), dtype=np.int64)


def _share(start_us: Int64, finish_us: Int64, ends: Int64) -> Float64:
    """Give the share of each window that intervals cover, which do not overlap."""
    edges = np.concatenate([[0], ends])
    covered = sum(
        (np.clip(edges, start, finish) - start for start, finish in zip(start_us, finish_us, strict=True)), 0 * edges
    )
    share: Float64 = np.diff(covered) / np.diff(edges)
    return share
