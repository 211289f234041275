"""What Spark would do with the same keys by itself: hash partitioning, and adaptive execution on top of it.

Adaptive execution joins neighbouring shuffle partitions by their bytes, as Spark 4's ``ShufflePartitionsUtil`` does for
one shuffle: a partition is added to those before it as long as the target size allows it, and empty ones start no task.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

import numpy as np

from planner.model.arrays import Float64
from planner.model.partition_plan import Layout

__all__ = ["adaptive_layout", "estimated_row_bytes", "hash_layout", "in_order"]

_ROW, _FIXED, _VARIABLE = 8.0, 8.0, 24.0
"""Bytes of a row's null bits, of a field of fixed size, and of one whose size varies (its place, and some letters)."""

_COMPRESSED = 0.5
"""What compression leaves of a shuffle, about: random numbers hardly shrink, repeated texts to a tenth."""

_FIXED_TYPES = ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp", "void")


def in_order(weights: Float64, speeds: Float64) -> float:
    """Give the makespan of partitions that start in the given order, each on the slot that is free first.

    Parameters
    ----------
    weights : ndarray of float, shape (partitions,)
    speeds : ndarray of float, shape (slots,)
        Of slots that are free at the same time, the first takes the partition.

    Examples
    --------
    >>> in_order(np.array([1.0, 1.0, 4.0]), np.ones(2)), in_order(np.array([4.0, 1.0, 1.0]), np.ones(2))
    (5.0, 4.0)
    """
    pace = speeds.tolist()
    free = [(0.0, slot) for slot in range(len(pace))]
    for weight in weights.tolist():
        at, slot = free[0]
        heapq.heapreplace(free, (at + weight / pace[slot], slot))
    return max(at for at, _ in free)


def hash_layout(weights: Float64, speeds: Float64) -> Layout:
    """Predict hash partitioning: the shuffle's partitions as they are.

    Parameters
    ----------
    weights : ndarray of float, shape (partitions,)
        Of every shuffle partition, 0 for empty ones.
    speeds : ndarray of float, shape (slots,)
    """
    return _layout("hash partitioning", weights, speeds)


def adaptive_layout(
    weights: Float64, size: Float64, speeds: Float64, *, advisory_bytes: int, min_partition_bytes: int,
    parallelism_first: bool, default_parallelism: int,
) -> Layout:  # fmt: skip
    """Predict adaptive execution, which joins neighbouring partitions by their bytes.

    Parameters
    ----------
    weights, size : ndarray of float, shape (partitions,)
        Weight and bytes of every shuffle partition.
    speeds : ndarray of float, shape (slots,)
    advisory_bytes, min_partition_bytes, parallelism_first
        As the settings ``spark.sql.adaptive.advisoryPartitionSizeInBytes`` and ``coalescePartitions.*`` have them.
    default_parallelism : int
        Tasks that the session runs at a time.

    Examples
    --------
    >>> settings = {"advisory_bytes": 64, "min_partition_bytes": 10, "parallelism_first": False}
    >>> weights, size = np.array([1.0, 2.0, 3.0, 4.0]), np.array([30.0, 30.0, 30.0, 30.0])
    >>> adaptive_layout(weights, size, np.ones(2), default_parallelism=2, **settings)
    Layout(name='adaptive execution', partitions=2, makespan=7.0, skew=1.4)
    """
    least = default_parallelism if parallelism_first else 1
    target = max(min_partition_bytes, min(advisory_bytes, math.ceil(float(size.sum()) / least)))
    starts, held = [0], 0.0
    for i, bytes_of in enumerate(size.tolist()):
        if i > starts[-1] and held + bytes_of > target:
            starts.append(i)
            held = 0.0
        held += bytes_of
    return _layout("adaptive execution", np.add.reduceat(weights, starts), speeds)


def estimated_row_bytes(types: Sequence[str]) -> float:
    """Estimate what a row takes in a shuffle, by its columns' types, named as by ``DataType.simpleString``.

    A guess within a factor of some five: what text has in it, and how it is compressed, is not known before it is read.
    """
    fields = (_FIXED if name.split("(")[0].split("_")[0] in _FIXED_TYPES else _VARIABLE for name in types)
    return (_ROW + sum(fields)) * _COMPRESSED


def _layout(name: str, weights: Float64, speeds: Float64) -> Layout:
    held = weights[weights > 0]
    if not len(held):
        return Layout(name, 0, 0.0, 1.0)
    return Layout(name, len(held), in_order(held, speeds), float(held.max() / held.mean()))
