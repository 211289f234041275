"""Put a grouping into words and numbers: the partition plan, beside what Spark would do by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from planner.model.arrays import Float64
from planner.model.partition_plan import HeavyKey, Layout, PartitionPlan
from planner.partitioners.groups import Grouping
from planner.partitioners.spark_layouts import adaptive_layout, estimated_row_bytes, hash_layout
from planner.spark.keys import Key
from planner.spark.settings import spark_bytes
from planner.spark.weighing import Weighed
from planner.spark.weights import Weight

__all__ = ["partition_plan"]

MOST_SHOWN = 20


def partition_plan(
    df: DataFrame, key: Key, weight: Weight, weighed: Weighed, grouping: Grouping, speeds: Float64,
    sampled: float | None, notes: tuple[str, ...], seconds: float,
) -> PartitionPlan:  # fmt: skip
    """Make the plan that is shown.

    Parameters
    ----------
    df : DataFrame
    key, weight, weighed, grouping
    speeds : ndarray of float, shape (slots,)
    sampled : float or None
    notes : tuple of str
    seconds : float
        What weighing and grouping took.
    """
    return PartitionPlan(
        by=key.by,
        weight=weight.text,
        unit=weight.unit,
        n_keys=weighed.n_keys,
        keys_exact=weighed.exact,
        n_rows=int(weighed.items.rows.sum()),
        sampled=sampled,
        slots=len(speeds),
        speeds=speeds,
        partition_weight=grouping.weight,
        partition_keys=grouping.keys,
        partition_rows=grouping.rows,
        heaviest=_heaviest(weighed, grouping),
        lower_bound=grouping.lower_bound,
        bound_reason=grouping.bound_reason,
        layouts=(_planned(grouping), *_sparks(df, key, weighed, speeds)),
        notes=notes,
        seconds=seconds,
    )


def _heaviest(weighed: Weighed, grouping: Grouping) -> tuple[HeavyKey, ...]:
    singles = len(weighed.key_hash)
    order = np.argsort(-weighed.items.weight[:singles], kind="stable")[:MOST_SHOWN].tolist()
    return tuple(
        HeavyKey(
            weighed.labels[i],
            float(weighed.items.weight[i]),
            int(weighed.items.rows[i]),
            int(grouping.partitions[i][0]),
            len(set(grouping.partitions[i].tolist())),
        )
        for i in order
    )


def _planned(grouping: Grouping) -> Layout:
    held = grouping.weight[grouping.weight > 0]
    skew = float(held.max() / held.mean()) if len(held) else 1.0
    return Layout("planned", grouping.n, grouping.makespan, skew)


def _sparks(df: DataFrame, key: Key, weighed: Weighed, speeds: Float64) -> tuple[Layout, ...]:
    """Predict what a plain ``groupBy`` would do with these keys in this session."""
    partition = weighed.bucket // key.per_partition
    weight, rows = (
        np.bincount(partition, weights=values, minlength=key.hash_partitions).astype(np.float64)
        for values in (weighed.items.weight, weighed.items.rows)
    )
    hashed = hash_layout(weight, speeds)
    conf: Any = df.sparkSession.conf

    def setting(name: str, default: str) -> str:
        return str(conf.get(f"spark.sql.adaptive.{name}", default))

    def number(name: str) -> int | None:
        value = conf.get(f"spark.sql.adaptive.{name}", None)  # Spark refuses a default of another type
        return None if value is None else int(value)

    adaptive = str(conf.get("spark.sql.adaptive.enabled", "true")).lower() == "true"
    if not adaptive or setting("coalescePartitions.enabled", "true").lower() != "true":
        return (hashed,)
    types = [field.dataType.simpleString() for field in df.schema if field.name not in key.by]
    adaptive_one, _ = adaptive_layout(
        weight,
        rows * estimated_row_bytes(types),
        speeds,
        advisory_bytes=spark_bytes(setting("advisoryPartitionSizeInBytes", "64m")),
        min_partition_bytes=spark_bytes(setting("coalescePartitions.minPartitionSize", "1m")),
        parallelism_first=setting("coalescePartitions.parallelismFirst", "true").lower() == "true",
        default_parallelism=int(conf.get("spark.default.parallelism", None) or len(speeds)),
        min_partitions=number("coalescePartitions.minPartitionNum"),
        most_per_task=number("coalescePartitions.maxReducerPartitionsPerTask"),
    )
    return adaptive_one, hashed
