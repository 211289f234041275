"""What is weighed: rows, a column, an expression, a function of a key's statistics, or times measured before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from planner.errors import Fault, InputError
from planner.partitioners.experience import Experience
from planner.spark.keys import Key, column, resolve
from planner.spark.weight_expression import parse_weight

__all__ = ["BUCKET", "FAILED", "HASH", "LABEL", "ROWS", "WEIGHT", "KeyStats", "Weight", "weight_of"]

FAILED = "planner could not weigh"
"""Begins the message of a weight function that raised, so that it is found in what Spark makes of it."""

HASH, BUCKET, LABEL = "__planner_hash", "__planner_bucket", "__planner_label"
ROWS, WEIGHT = "__planner_rows", "__planner_weight"


class KeyStats(NamedTuple):
    """What a weight function is told of a key.

    Attributes
    ----------
    key : tuple
        Values of the key's columns.
    n_rows : int
    """

    key: tuple[Any, ...]
    n_rows: int


@dataclass(frozen=True)
class Weight:
    """A way to weigh keys.

    Attributes
    ----------
    text : str
        As a person would say it.
    unit : str
        ``rows``, ``s``, or empty.
    row : Column or None
        Weight of a row, where the weight of a key is their sum; such weights need no table of all keys.
    aggregate : Column or None
        Weight of a key as an aggregate of its rows.
    function : callable or None
        Weight of a key from its `KeyStats`.
    experience : Experience or None
        Seconds per key from earlier runs.
    """

    text: str
    unit: str = ""
    row: Column | None = None
    aggregate: Column | None = None
    function: Callable[[KeyStats], float] | None = None
    experience: Experience | None = field(default=None, compare=False)

    def per_key(self, rows: DataFrame, key: Key) -> DataFrame:
        """Give a row a key: `HASH`, `BUCKET`, `ROWS`, `WEIGHT` and `LABEL`."""
        aggregate = F.sum(self.row) if self.row is not None else self.aggregate
        counted = rows.groupBy(*key.columns).agg(
            F.count(F.lit(1)).alias(ROWS), *([] if aggregate is None else [aggregate.cast("double").alias(WEIGHT)])
        )
        counted = counted.withColumn(HASH, key.hash())
        counted = counted.withColumns({BUCKET: key.bucket(F.col(HASH)), LABEL: key.label(rows.schema)})
        if self.experience is not None:
            counted = _remembered(counted, self.experience)
        elif self.function is not None:
            return _called(counted, key, self.function)
        return counted.select(HASH, BUCKET, ROWS, WEIGHT, LABEL)


def weight_of(weight: Any, df: DataFrame, experience: Experience | None) -> Weight:
    """Read what the user asked to be weighed.

    Raises
    ------
    InputError
    """
    if weight is None and experience is not None:
        return Weight("measured seconds", "s", experience=experience)
    if weight is None:
        return Weight("rows", "rows", row=F.lit(1.0))
    if isinstance(weight, Column):
        return Weight("a column expression", aggregate=weight)
    if isinstance(weight, str):
        if weight in df.columns or (weight.isidentifier() and weight != "n_rows"):
            return _sum_of(weight, df)
        return Weight(weight, aggregate=parse_weight(weight, df.columns))
    if callable(weight):
        return Weight(f"the function {getattr(weight, '__name__', type(weight).__name__)}", function=weight)
    problem = f"{weight!r}; expected a column, an expression such as 'n_rows**2', a Column, or a function of KeyStats"
    raise InputError([Fault("weight", problem)])


def _sum_of(name: str, df: DataFrame) -> Weight:
    (found,) = resolve(df, name, "weight")
    kind = df.schema[found].dataType
    if not isinstance(kind, NumericType):
        raise InputError([Fault("weight", f"{found!r} is of type {kind.simpleString()}; expected a column of numbers")])
    return Weight(f"sum of {found}", row=column(found).cast("double"))


def _remembered(counted: DataFrame, experience: Experience) -> DataFrame:
    """Weigh keys by what they took, and those that are new by what their number of rows suggests."""
    known = pa.table({HASH: experience.key_hash, "__planner_s": experience.seconds, "__planner_then": experience.rows})
    rows = F.greatest(F.col(ROWS), F.lit(1)).cast("double")
    guess = F.exp(F.lit(float(experience.intercept))) * F.pow(rows, F.lit(float(experience.slope)))
    if known.num_rows == 0:
        return counted.withColumn(WEIGHT, guess)
    joined = counted.join(F.broadcast(counted.sparkSession.createDataFrame(known)), HASH, "left")
    scaled = F.col("__planner_s") * F.pow(rows / F.col("__planner_then"), F.lit(float(experience.slope)))
    return joined.withColumn(WEIGHT, F.coalesce(scaled, guess)).drop("__planner_s", "__planner_then")


def _called(counted: DataFrame, key: Key, function: Callable[[KeyStats], float]) -> DataFrame:
    """Weigh keys by a function; it travels by value, so executors need nothing of ours."""
    failed, by, given, kept = FAILED, list(key.by), ROWS, [HASH, BUCKET, ROWS, LABEL]

    def weigh(batches: Any) -> Any:
        from collections import namedtuple

        KeyStats = namedtuple("KeyStats", ["key", "n_rows"])
        for frame in batches:
            found = []
            for values in zip(*(frame[name] for name in by), frame[given], strict=True):
                told = KeyStats(tuple(values[:-1]), int(values[-1]))
                try:
                    value = float(function(told))  # type: ignore[arg-type]
                    if not 0 <= value < float("inf"):
                        raise ValueError(f"it gave {value}")
                except Exception as error:
                    shown = ", ".join(f"{name}={value!r}" for name, value in zip(by, told.key, strict=True))
                    raise RuntimeError(f"{failed} {shown}: {type(error).__name__}: {error}") from error
                found.append(value)
            yield frame[kept].assign(weight=found)

    fields = f"{HASH} long, {BUCKET} int, {ROWS} long, {LABEL} string, weight double"
    return counted.mapInPandas(weigh, fields).withColumnRenamed("weight", WEIGHT)
