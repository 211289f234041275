"""A history as arrays: which key, which run, where, how many rows, how long."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from planner.model.arrays import Bool, Float64, Int32, Int64

__all__ = ["MeasuredRows", "codes_of", "measured_rows", "run_ranks"]

_READ = ["key_hash", "keys", "partition", "executor", "host", "rows", "wall_us", "run", "application", "recorded_at"]


@dataclass(frozen=True, eq=False)
class MeasuredRows:
    """Rows of a history.

    Attributes
    ----------
    key_hash : ndarray of int64, shape (n,)
    keys : ndarray of float, shape (n,)
        Keys that a row stands for, at least 1.
    light : ndarray of bool, shape (n,)
        Whether it stands for light keys of a partition, taken together; then its hash means nothing.
    run : ndarray of int32, shape (n,)
        0 is the newest.
    partition : ndarray of int32, shape (n,)
        −1, where it is not known.
    executor, host : ndarray of int32, shape (n,)
        Positions in `executors` and `hosts`; −1, where it is not known.
    rows : ndarray of float, shape (n,)
        At least 1.
    us : ndarray of float, shape (n,)
        Wall time inside the function, at least 1.
    executors : tuple of (str, str)
        Application and executor.
    executor_host : ndarray of int32
        Of each of `executors`; −1, where it is not known.
    hosts : tuple of str
    """

    key_hash: Int64
    keys: Float64
    light: Bool
    run: Int32
    partition: Int32
    executor: Int32
    host: Int32
    rows: Float64
    us: Float64
    executors: tuple[tuple[str, str], ...]
    executor_host: Int32
    hosts: tuple[str, ...]

    def take(self, chosen: Bool | Int64) -> MeasuredRows:
        """Give some of the rows, by a mask or by their positions."""
        columns = [field.name for field in fields(self) if field.name not in ("executors", "executor_host", "hosts")]
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})


def measured_rows(history: pa.Table) -> MeasuredRows:
    """Read the columns of a history; rows that say nothing of time or of keys are left out.

    Examples
    --------
    >>> from planner.io.key_history import HISTORY_SCHEMA
    >>> measured_rows(HISTORY_SCHEMA.empty_table()).executors
    ()
    """
    history = history.select(_READ)
    said = pc.and_(pc.is_valid(history["wall_us"]), pc.greater(pc.fill_null(history["keys"], 0), 0))
    history = history if pc.all(said).as_py() else history.filter(said)
    application, applications = codes_of(history["application"])
    executor, executors = codes_of(history["executor"])
    host, hosts = codes_of(history["host"])
    pairs = np.where(executor >= 0, (application.astype(np.int64) + 1) * max(len(executors), 1) + executor, -1)
    used, place = np.unique(pairs, return_inverse=True)
    unknown = int(len(used) > 0 and used[0] < 0)
    place, used = place - unknown, used[unknown:]
    names = ["", *applications]
    executor_host = np.full(len(used), -1, dtype=np.int32)
    executor_host[place[place >= 0]] = host[place >= 0]
    keys = _numbers(history["keys"], 1)
    return MeasuredRows(
        key_hash=_whole(history["key_hash"], 0),
        keys=keys,
        light=np.asarray(history["key_hash"].is_null()) | (keys > 1),
        run=run_ranks(history),
        partition=_whole(history["partition"], -1).astype(np.int32),
        executor=place.astype(np.int32),
        host=host,
        rows=_numbers(history["rows"], 1),
        us=_numbers(history["wall_us"], 1),
        executors=tuple((names[pair // len(executors)], executors[pair % len(executors)]) for pair in used.tolist()),
        executor_host=executor_host,
        hosts=tuple(hosts),
    )


def run_ranks(history: pa.Table) -> Int32:
    """Give the run of each row: 0 is the newest."""
    run, runs = codes_of(history["run"])
    when = _whole(history["recorded_at"].cast(pa.int64()), 0)
    latest = np.zeros(len(runs), dtype=np.int64)
    np.maximum.at(latest, run, when)
    rank = np.empty(len(runs), dtype=np.int32)
    rank[sorted(range(len(runs)), key=lambda i: (latest[i], runs[i]), reverse=True)] = np.arange(len(runs))
    return rank[run]


def codes_of(column: pa.ChunkedArray) -> tuple[Int32, list[Any]]:
    """Give a column of text as positions in its ordered values; −1 for null."""
    coded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    coded = coded.unify_dictionaries().combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded  # only some versions give an array
    values = coded.dictionary.to_pylist()
    order = sorted(range(len(values)), key=values.__getitem__)
    position = np.full(len(values) + 1, -1, dtype=np.int32)
    position[order] = np.arange(len(values))
    return position[coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)], [values[i] for i in order]


def _whole(column: pa.ChunkedArray, missing: int) -> Int64:
    return np.asarray(column.cast(pa.int64()).fill_null(missing).to_numpy(), dtype=np.int64)


def _numbers(column: pa.ChunkedArray, least: float) -> Float64:
    return np.maximum(np.asarray(column.fill_null(0).to_numpy(), dtype=np.float64), least)
