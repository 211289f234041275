"""The history of runs as arrays: which task, of which kind, in which run, where, and how far from what was stated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from planner.model.arrays import Float64, Int32, Int64
from planner.partitioners.measured_rows import codes_of, run_ranks

__all__ = ["MeasuredTasks", "measured_tasks"]

_SHARD = re.compile(r"\[\d+(\.\d+)?\]$")
"""How the id of a task ends that `decompose` has made."""


@dataclass(frozen=True, eq=False)
class MeasuredTasks:
    """Rows of a history of runs, those whose work is stated above 0.

    Attributes
    ----------
    task : ndarray of int64, shape (n,)
        Position in `names`; tasks of the same id and another kind are other tasks.
    family : ndarray of int64, shape (n,)
        Position in `families`: shards of a data-parallel task are of one family.
    kind : ndarray of int64, shape (n,)
        Position in `kinds`.
    run : ndarray of int32, shape (n,)
        0 is the newest.
    executor, host : ndarray of int32, shape (n,)
        Positions in `executors` and `hosts`.
    work_us : ndarray of int64, shape (n,)
        As stated, above 0.
    log_ratio : ndarray of float, shape (n,)
        Logarithm of measured ÷ stated work, as far as the stated speed of its executor is true.
    names, families : tuple of (str, str)
        Kind and id of each task; kind and id without the number of the shard.
    kinds : tuple of str
    executors : tuple of (str, str)
        Host and id: the ids that Spark gives mean little from one application to the next, unless the host agrees.
    hosts : tuple of str
    """

    task: Int64
    family: Int64
    kind: Int64
    run: Int32
    executor: Int32
    host: Int32
    work_us: Int64
    log_ratio: Float64
    names: tuple[tuple[str, str], ...]
    families: tuple[tuple[str, str], ...]
    kinds: tuple[str, ...]
    executors: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(self.run.max(initial=-1)) + 1

    @property
    def kind_of_task(self) -> Int64:
        """Kind of each of `names`."""
        return _kinds_of(self.names, self.kinds)

    @property
    def kind_of_family(self) -> Int64:
        """Kind of each of `families`."""
        return _kinds_of(self.families, self.kinds)


def measured_tasks(history: pa.Table) -> MeasuredTasks:
    """Read the columns of a history, as `planner.io.read_runs` gives it.

    Examples
    --------
    >>> from planner.io.run_history import RUN_HISTORY_SCHEMA
    >>> measured_tasks(RUN_HISTORY_SCHEMA.empty_table()).runs
    0
    """
    history = history.filter(pc.greater(history["work_us"], 0))
    (task, ids), (executor, executors) = codes_of(history["task"]), codes_of(history["executor"])
    (kind, kinds), (host, hosts) = (_used(*codes_of(history[name])) for name in ("kind", "host"))
    bare, without = np.unique([_SHARD.sub("", name) for name in ids], return_inverse=True)
    names, task_of_kind = _pairs(kind, kinds, task, ids)
    families, family = _pairs(kind, kinds, without[task], bare.tolist())
    places, place = _pairs(host, hosts, executor, executors)
    work_us, wall_us = _numbers(history["work_us"]), _numbers(history["wall_us"])
    scale = np.nan_to_num(_numbers(history["scale"]), nan=1.0)
    taken = (wall_us / scale - _numbers(history["overhead_us"])) * _numbers(history["speed"])
    return MeasuredTasks(
        task=task_of_kind,
        family=family,
        kind=kind,
        run=run_ranks(history),
        executor=place.astype(np.int32),
        host=host.astype(np.int32),
        work_us=work_us.astype(np.int64),
        log_ratio=np.log(np.maximum(taken, 1.0) / work_us),
        names=names,
        families=families,
        kinds=kinds,
        executors=places,
        hosts=hosts,
    )


def _used(codes: Int32, names: list[str]) -> tuple[Int64, tuple[str, ...]]:
    """Leave out the names that no row has."""
    used = np.bincount(codes, minlength=len(names)) > 0
    return (np.cumsum(used) - 1)[codes], tuple(name for name, one in zip(names, used.tolist(), strict=True) if one)


def _pairs(
    first: Int64, firsts: Sequence[str], second: Int32 | Int64, seconds: Sequence[str]
) -> tuple[tuple[tuple[str, str], ...], Int64]:
    """Give numbers to the pairs that there are: tell what they are of, and the number of each row."""
    count = max(len(seconds), 1)
    used, pair = np.unique(first * count + second, return_inverse=True)
    return tuple((firsts[each // count], seconds[each % count]) for each in used.tolist()), pair.astype(np.int64)


def _kinds_of(names: Sequence[tuple[str, str]], kinds: Sequence[str]) -> Int64:
    position = {kind: i for i, kind in enumerate(kinds)}
    return np.array([position[kind] for kind, _ in names], dtype=np.int64)


def _numbers(column: pa.ChunkedArray) -> Float64:
    return np.asarray(column.to_numpy(), dtype=np.float64)
