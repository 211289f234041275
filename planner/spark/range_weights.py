"""Weigh the values of ordered columns: each by itself, or in runs of consecutive ones where there are very many."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from planner.errors import Fault, InputError
from planner.partitioners.ranges import Atoms
from planner.spark.keys import column, resolve
from planner.spark.range_runs import joining

__all__ = ["MOST_VALUES", "WeighedValues", "checked_weight", "weigh_values"]

MOST_VALUES = 2**16
"""Up to about so many distinct values, the weight of each comes to the driver."""

RUNS = 2**15
"""Where there are more, runs of consecutive values of at most this part of the whole weight do: at most about twice so
many, however many values there are."""

RUNS_PER_PARTITION = 64
"""A run is at most this part of a partition: cuts between runs are at most so far from optimal."""

WORTH_GROUPING = 4
"""So many rows of each value pay for grouping them before they are sorted; else they are joined after that."""

_ROWS, _WEIGHT, _VALUES, _HEAVIEST, _TASK = "rows", "weight", "values", "heaviest", "task"


@dataclass(frozen=True, eq=False)
class WeighedValues:
    """Values in their order.

    Attributes
    ----------
    atoms : Atoms
    table : pyarrow.Table
        A row an atom; the first columns are those of its first value.
    by_rows : bool
        Whether rows were weighed instead, because all weights are 0.
    """

    atoms: Atoms
    table: pa.Table
    by_rows: bool


def checked_weight(df: DataFrame, weight: str | None) -> str | None:
    """Find the column that is to be weighed, as Spark would; None for rows.

    Raises
    ------
    InputError
        If there is none of this name, or it holds no numbers.
    """
    if weight is None:
        return None
    if not isinstance(weight, str):
        raise InputError([Fault("weight", f"{weight!r}; expected None (rows) or the name of a column")])
    [name] = resolve(df, weight, "weight")
    kind = df.schema[name].dataType
    if not isinstance(kind, NumericType):
        raise InputError([Fault("weight", f"{name!r} is of type {kind.simpleString()}; expected numbers")])
    return name


def weigh_values(df: DataFrame, by: tuple[str, ...], weight: str | None, partitions: int) -> WeighedValues:
    """Weigh the distinct values of columns, in their order.

    Two passes over these columns: the first counts and checks, the second weighs.

    Raises
    ------
    InputError
        If weights are null, NaN, infinite or negative: how many of each.
    """
    keys = [f"c{i}" for i in range(len(by))]
    weighs = F.lit(1.0) if weight is None else column(weight).cast("double")
    narrow = df.select(*(column(name).alias(key) for name, key in zip(by, keys, strict=True)), weighs.alias(_WEIGHT))
    rows, total, distinct = _counted(narrow, keys, weight)
    by_rows = weight is not None and total == 0 and rows > 0
    if by_rows:
        narrow, total = narrow.withColumn(_WEIGHT, F.lit(1.0)), float(rows)
    if distinct > MOST_VALUES and distinct * WORTH_GROUPING > rows:
        grouped = narrow.withColumn(_ROWS, F.lit(1).cast("long"))
    else:
        grouped = narrow.groupBy(*keys).agg(F.count(F.lit(1)).alias(_ROWS), F.sum(_WEIGHT).alias(_WEIGHT))
    ordered = grouped.select(*keys, _ROWS, _WEIGHT).orderBy(*keys)
    if distinct <= MOST_VALUES:
        table = ordered.toArrow()
        heavy = _numbers(table, _WEIGHT)
        return WeighedValues(
            Atoms(heavy, _numbers(table, _ROWS), np.ones(len(heavy), np.int64), float(heavy.max(initial=0.0))),
            table,
            by_rows,
        )
    most = total / max(RUNS, RUNS_PER_PARTITION * partitions)
    single = ordered.select("*", F.lit(1).cast("long").alias(_VALUES), F.col(_WEIGHT).alias(_HEAVIEST))
    numbered = single.withColumn(_TASK, F.spark_partition_id())
    table = numbered.mapInArrow(joining(len(keys), most), numbered.schema).toArrow()
    # Rows come in the order of the tasks; sorting by their numbers keeps the order inside each task.
    table = table.take(pa.array(np.argsort(_numbers(table, _TASK), kind="stable")))
    weights, counts, values = (_numbers(table, name) for name in (_WEIGHT, _ROWS, _VALUES))
    return WeighedValues(Atoms(weights, counts, values, float(_numbers(table, _HEAVIEST).max())), table, by_rows)


def _numbers(table: pa.Table, name: str) -> Any:
    return table.column(name).to_numpy(zero_copy_only=False)


def _counted(narrow: DataFrame, keys: list[str], weight: str | None) -> tuple[int, float, int]:
    """Give the number of rows, their weight, and about how many distinct values there are; refuse what is no weight."""
    value = F.col(_WEIGHT)
    wrong = {
        "null": value.isNull(),
        "NaN": F.isnan(value),
        "infinite": F.abs(value) == math.inf,
        "negative": (value < 0) & (value > -math.inf),
    }

    def many(condition: Column) -> Column:
        return F.coalesce(F.sum(condition.cast("long")), F.lit(0))

    distinct = F.approx_count_distinct(F.xxhash64(*keys))
    total = F.coalesce(F.sum(value), F.lit(0.0))
    rows, weighs, about, *bad = narrow.agg(
        F.count(F.lit(1)), total, distinct, *map(many, wrong.values())
    ).collect()[0]  # fmt: skip
    if any(bad):
        told = ", ".join(f"{name} in {number:,}" for name, number in zip(wrong, bad, strict=True) if number)
        problem = f"{weight!r} is {told} of {rows:,} rows; expected numbers of at least 0"
        raise InputError([Fault("weight", problem)])
    return int(rows), float(weighs), int(about)
