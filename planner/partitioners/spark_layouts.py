"""What Spark would make of the same keys by itself, and when the last of its tasks would end.

Spark hashes keys onto shuffle partitions. Adaptive execution then reads neighbours together until they hold enough
bytes. How much work they are, neither of them knows. Tasks start in the order of their numbers, each on the slot that
is free first.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Sequence

import numpy as np

from planner.model.arrays import Float64, Int64
from planner.model.partition_plan import Layout

__all__ = ["adaptive_layout", "coalesced", "estimated_row_bytes", "hash_layout", "in_order", "target_bytes"]

ROW = 3.0
"""Of every row: its length, its nulls, and its key, which is often that of the row before."""

ELEMENTS = 10
"""How many there may be in an array or a map."""

NESTED = 6.0
"""Of an array, a map or a struct beside what is in it."""

UNKNOWN = 16.0
MANY_DIGITS = 18
"""A decimal of more takes two values' room."""

_BYTES = {
    "void": 0.0,
    "boolean": 0.6,  # 0.6
    "tinyint": 4.5,  # 4.4
    "smallint": 4.5,  # 4.4
    "int": 5.0,  # 5.3 up to 10,000
    "bigint": 5.5,  # 4.4 up to 100; 5.6 counting up; 8.7 up to 10¹²
    "date": 5.0,  # 4.7
    "timestamp": 8.5,  # 8.6 whole seconds; 9.1 microseconds
    "timestamp_ntz": 8.5,
    "float": 6.0,  # 7.0 random
    "double": 7.0,  # 9.5 random; 6.1 prices; 4.2 counts; 3.1 four of five null
    "decimal": 6.0,  # 5.8 of 10 digits; twice as much of 38
    "string": 16.0,  # 5.2 one of four; 6.0 short codes; 17.6 16 random letters; 38.7 UUIDs; 58 texts of 105 letters
    "varchar": 16.0,
    "char": 16.0,
    "binary": 18.0,  # 18.6 of 16
}
"""A value's, with what was measured on PySpark 4.3, LZ4, 100,000 rows: Spark shuffles 8 bytes a value, compressed."""

_WORDS = re.compile(r"(?P<nested>array|map|struct)<|(?P<close>>)|\b(?P<scalar>[a-z_]+)\b(?:\((?P<digits>\d+))?(?!\w*:)")


def in_order(weights: Float64, speeds: Float64, task_overhead: float = 0.0) -> float:
    """Give the time at which the last of some tasks ends, if each starts on the slot that is free first.

    Parameters
    ----------
    weights : ndarray of float, shape (tasks,)
        In the order in which they start.
    speeds : ndarray of float, shape (slots,)
        Above 0, relative to 1. Of slots that are free at the same time, the first takes the task.
    task_overhead : float
        What each task takes beside its weight, on any slot; in the weights' unit.

    Examples
    --------
    >>> in_order(np.array([1.0, 1, 4]), np.ones(2)), in_order(np.array([4.0, 1, 1]), np.ones(2))
    (5.0, 4.0)
    """
    slots = [(0.0, slot) for slot in range(len(speeds))]
    pace, end = speeds.tolist(), 0.0
    for weight in weights.tolist():
        free, slot = slots[0]
        finish = free + task_overhead + weight / pace[slot]
        heapq.heapreplace(slots, (finish, slot))
        end = max(end, finish)
    return end


def hash_layout(weights: Float64, speeds: Float64, task_overhead: float = 0.0) -> Layout:
    """Predict a shuffle whose partitions are one task each: ``spark.sql.shuffle.partitions`` of them.

    Parameters
    ----------
    weights : ndarray of float, shape (shuffle partitions,)
        Of the keys that hash to each; 0 where there are none. Empty partitions are tasks too.
    speeds, task_overhead
        As `in_order` takes them.

    Examples
    --------
    >>> hash_layout(np.array([0.0, 1, 5, 0]), np.ones(2))
    Layout(name='hash partitioning', partitions=2, makespan=5.0, skew=1.6666666666666667)
    """
    held = weights[weights > 0]
    return Layout("hash partitioning", len(held), in_order(weights, speeds, task_overhead), _skew(held))


def adaptive_layout(
    weights: Float64,
    bytes_per_partition: Float64,
    speeds: Float64,
    *,
    advisory_bytes: int,
    min_partition_bytes: int,
    parallelism_first: bool,
    default_parallelism: int,
    min_partitions: int | None = None,
    most_per_task: int | None = None,
    task_overhead: float = 0.0,
) -> tuple[Layout, tuple[tuple[int, int], ...]]:
    """Predict what adaptive execution makes of a shuffle; groups are never split, so its skew joins do not matter.

    Parameters
    ----------
    weights : ndarray of float, shape (shuffle partitions,)
    bytes_per_partition : ndarray of float, shape (shuffle partitions,)
        As they are shuffled, that is compressed; above 0 where there are rows.
    speeds, task_overhead
        As `in_order` takes them.
    advisory_bytes, min_partition_bytes, parallelism_first, default_parallelism, min_partitions, most_per_task
        ``spark.sql.adaptive.advisoryPartitionSizeInBytes``, ``spark.default.parallelism`` (all cores, unless it is
        set), and of ``spark.sql.adaptive.coalescePartitions``: ``minPartitionSize``, ``parallelismFirst``,
        ``minPartitionNum``, ``maxReducerPartitionsPerTask``.

    Returns
    -------
    layout : Layout
    groups : tuple of (int, int)
        For each task the first of its shuffle partitions, and the one after the last.

    Examples
    --------
    >>> light = np.full(6, 1000.0)
    >>> adaptive_layout(np.array([1.0, 9, 1, 1, 9, 1]), light, np.ones(2), advisory_bytes=2**26,
    ...     min_partition_bytes=2**20, parallelism_first=True, default_parallelism=2)
    (Layout(name='adaptive execution', partitions=1, makespan=22.0, skew=1.0), ((0, 6),))
    """
    size = np.ceil(bytes_per_partition).astype(np.int64)
    wanted = min_partitions if min_partitions is not None else default_parallelism if parallelism_first else 1
    target = target_bytes(int(size.sum()), wanted, advisory_bytes, min_partition_bytes)
    groups = coalesced(size, target, min_partition_bytes, most_per_task)
    load = np.array([float(weights[first:last].sum()) for first, last in groups])
    held = load if size.any() else load[:0]
    return Layout("adaptive execution", len(held), in_order(load, speeds, task_overhead), _skew(held)), groups


def target_bytes(total: int, partitions: int, advisory_bytes: int, min_partition_bytes: int) -> int:
    """Give the bytes that adaptive execution aims at for a task, where it wants at least so many partitions.

    Examples
    --------
    >>> target_bytes(2**30, 8, 2**26, 2**20) == 2**26, target_bytes(2**25, 8, 2**26, 2**20) == 2**22
    (True, True)
    """
    return max(min_partition_bytes, min(advisory_bytes, math.ceil(total / max(1, partitions))))


def coalesced(size: Int64, target: int, least: int, most: int | None = None) -> tuple[tuple[int, int], ...]:
    """Read neighbouring shuffle partitions together, as Spark's ``ShufflePartitionsUtil.coalescePartitions`` does.

    Parameters
    ----------
    size : ndarray of int64, shape (shuffle partitions,)
        In bytes.
    target : int
        A task takes partitions until the next would take it above so many bytes.
    least : int
        A task of fewer bytes is put to the smaller of its neighbours.
    most : int, optional
        A task takes no more partitions than that.

    Returns
    -------
    tuple of (int, int)
        For each task the first of its partitions, and the one after the last. Empty partitions may be in none.

    Examples
    --------
    >>> coalesced(np.array([110, 30, 170, 15, 35]), target=128, least=0)
    ((0, 1), (1, 2), (2, 3), (3, 5))
    >>> coalesced(np.array([110, 30, 170, 15, 35]), target=128, least=60)
    ((0, 2), (2, 5))
    """
    limit = len(size) if most is None else most
    groups: list[tuple[int, int]] = []
    begin = held = before = 0
    for at, part in enumerate(size.tolist()):
        full = at - begin >= limit
        if at == begin or not (full or held + part > target):
            held += part
        elif full or held >= least:
            groups += [(begin, at)] if held > 0 else []
            begin, before, held = at, held, part
        elif 0 < before < part and at - groups[-1][0] <= limit:
            groups[-1] = (groups[-1][0], at)
            begin, before, held = at, before + held, part
        else:
            held += part
    if held < least and before > 0 and len(size) - groups[-1][0] <= limit:
        groups[-1] = (groups[-1][0], len(size))
    elif held > 0 or not groups:
        groups.append((begin, len(size)))
    return tuple(groups)


def estimated_row_bytes(types: Sequence[str]) -> float:
    """Guess the bytes that a row takes in a shuffle, after compression.

    Within a factor of 2 where columns are numbers and times; texts and arrays, whose length no type tells, may be off
    by 6. Where a map task has few rows for a partition, each such block adds some 55 bytes.

    Parameters
    ----------
    types : sequence of str
        Of the columns beside the key's, as Spark writes them: ``bigint``, ``decimal(10,2)``, ``array<double>``,
        ``struct<a:int,b:string>``. What is not known is taken for a short text.

    Examples
    --------
    >>> estimated_row_bytes(["date", "double", "double", "boolean"])  # 15 to 17 were measured on generated sales
    22.6
    >>> estimated_row_bytes(["array<double>"])
    79.0
    """
    return ROW + sum(map(_column_bytes, types))


def _column_bytes(name: str) -> float:
    total, times = 0.0, [1]
    for word in _WORDS.finditer(name):
        if word["nested"]:
            total += NESTED * times[-1]
            times.append(times[-1] * (1 if word["nested"] == "struct" else ELEMENTS))
        elif word["close"]:
            times = times[:-1] or [1]
        elif word["scalar"] in _BYTES:
            wide = word["scalar"] == "decimal" and int(word["digits"] or 0) > MANY_DIGITS
            total += _BYTES[word["scalar"]] * times[-1] * (2 if wide else 1)
    return total if total > 0 or name == "void" else UNKNOWN


def _skew(held: Float64) -> float:
    """Give heaviest ÷ mean; 1, where nothing weighs anything."""
    return float(held.max() / held.mean()) if held.any() else 1.0
