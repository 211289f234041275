"""Rows to the partitions of a plan: a small table from buckets to partitions, broadcast, and one shuffle by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.group import GroupedData

from planner.model.arrays import Int64
from planner.spark.keys import Key, column, free_name

__all__ = ["Placed", "Placement", "placement"]

_BUCKET, _ALL, _HASHES, _OWN = "__planner_bucket", "__planner_all", "__planner_hashes", "__planner_own"


@dataclass(frozen=True)
class Placed:
    """A DataFrame whose rows lie where the plan wants them.

    Attributes
    ----------
    frame : DataFrame
        The partition (int), and behind it the columns of the original.
    key : Key
    partition : str
        Name of that first column.
    columns : tuple of str
        The original's.
    """

    frame: DataFrame
    key: Key
    partition: str
    columns: tuple[str, ...]

    def grouped(self) -> GroupedData:
        """Give the groups, keyed by partition, hash and key, which need no second shuffle.

        The hash is computed anew: what is grouped by and is no column costs the user's function nothing, while a
        column would have to be taken off each of its frames.
        """
        return self.frame.groupBy(column(self.partition), self.key.hash(), *self.key.columns)


@dataclass(frozen=True, eq=False)
class Placement:
    """Which partitions each bucket goes to, and which keys of a bucket go elsewhere.

    Attributes
    ----------
    key : Key
    partitions : int
    table : pyarrow.Table
        A row a bucket: partitions of its light keys; hashes of its heavy keys; partitions of each of those.
    split : bool
        Whether any key has more than one partition.
    """

    key: Key
    partitions: int
    table: pa.Table
    split: bool

    def place(self, df: DataFrame) -> Placed:
        """Shuffle a DataFrame with the key's columns, once.

        Rows of keys that the plan does not know go to the partition that their hash says.
        """
        partition, hashed = free_name("__planner_partition", df.columns), free_name("__planner_key", df.columns)
        own = [column(name) for name in df.columns]
        with_hash = df.withColumn(hashed, self.key.hash())
        known = F.broadcast(df.sparkSession.createDataFrame(self.table))
        joined = with_hash.withColumn(_BUCKET, self.key.bucket(column(hashed))).join(known, _BUCKET, "left")
        fallback = F.pmod(column(hashed), F.lit(self.partitions)).cast("int")
        number = F.coalesce(self._partition(column(hashed), own), fallback)
        shuffled = joined.select(number.alias(partition), *own).repartitionById(self.partitions, column(partition))
        return Placed(shuffled, self.key, partition, tuple(df.columns))

    def _partition(self, key_hash: Column, own: list[Column]) -> Column:
        """Give the partition of a row: its key's own, or that of its bucket's light keys."""
        if not self.split:
            position = F.array_position(_HASHES, key_hash).cast("int")
            return F.when(position > 0, F.element_at(_OWN, position)[0]).otherwise(F.col(_ALL)[0])
        position = F.array_position(_HASHES, key_hash).cast("int")
        where = F.when(position > 0, F.element_at(_OWN, position)).otherwise(F.col(_ALL))
        # The piece of a row depends on the row alone, so a task that is tried again makes the same pieces.
        piece = F.pmod(F.xxhash64(F.lit(1), *own), F.size(where)).cast("int")
        return F.element_at(where, piece + F.lit(1))


def placement(key: Key, bucket: Int64, key_hash: Int64, partitions: tuple[Int64, ...], n: int) -> Placement:
    """Write a grouping down as a table.

    Parameters
    ----------
    key : Key
    bucket : ndarray of int64, shape (items,)
        Single keys first.
    key_hash : ndarray of int64, shape (single keys,)
    partitions : tuple of ndarray of int64
        Of each item.
    n : int
        Number of partitions.
    """
    singles = len(key_hash)
    light = {b: p.tolist() for b, p in zip(bucket[singles:].tolist(), partitions[singles:], strict=True)}
    heavy: dict[int, list[tuple[int, list[int]]]] = {}
    for b, h, p in zip(bucket[:singles].tolist(), key_hash.tolist(), partitions, strict=False):
        heavy.setdefault(b, []).append((h, p.tolist()))
    for b in [b for b, keys in heavy.items() if b not in light and len(keys) == 1]:
        light[b] = heavy.pop(b)[0][1]  # the only key of its bucket needs not be told by its hash
    rows = sorted(light.keys() | heavy.keys())
    told: list[Any] = [heavy.get(b) for b in rows]
    numbers, hashes = pa.list_(pa.int32()), pa.list_(pa.int64())
    table = pa.table(
        {
            _BUCKET: pa.array(rows, pa.int32()),
            _ALL: pa.array([light.get(b) for b in rows], numbers),
            _HASHES: pa.array([keys and [h for h, _ in keys] for keys in told], hashes),
            _OWN: pa.array([keys and [p for _, p in keys] for keys in told], pa.list_(numbers)),
        }
    )
    return Placement(key, n, table, any(len(p) > 1 for p in partitions))
