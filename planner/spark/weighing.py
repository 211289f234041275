"""Weigh the keys of a DataFrame: light ones summed in buckets, heavy ones one by one.

Two passes over the key's columns, the second only where there is something heavy to look at. What comes to the driver
is bounded by the buckets and by `MOST_SINGLE`, however many keys there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from planner.errors import Fault, InputError
from planner.model.arrays import Int64
from planner.partitioners.groups import Items
from planner.spark.keys import Key
from planner.spark.weights import BUCKET, FAILED, HASH, LABEL, ROWS, WEIGHT, Weight

__all__ = ["Weighed", "weigh"]

MOST_SINGLE = 4_096
"""Keys that are looked at one by one, at most; more, where there are many slots."""

SINGLE_PER_SLOT = 8
"""Keys of more than an eighth of a slot's share are looked at one by one: there are at most so many for each slot."""

FULL = 0.95
"""Part of the buckets that hold something, from which on it tells nothing how many are empty."""

FEW = 0.25
"""Where no more than this part of `MOST_SINGLE` buckets hold anything, all their keys are looked at."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """Keys as items: first the single ones, then what is left in each bucket.

    Attributes
    ----------
    items : Items
    bucket : ndarray of int64, shape (items,)
    key_hash : ndarray of int64, shape (single keys,)
    labels : list of str
        Of the single keys.
    n_keys : int
    exact : bool
        Whether `n_keys` was counted.
    """

    items: Items
    bucket: Int64
    key_hash: Int64
    labels: list[str]
    n_keys: int
    exact: bool


def weigh(
    rows: DataFrame, key: Key, weight: Weight, slots: int, *, sampled: float | None = None, small: bool = False
) -> Weighed:
    """Weigh the keys of rows.

    Parameters
    ----------
    rows : DataFrame
    key : Key
    weight : Weight
    slots : int
    sampled : float, optional
        Which part of the rows these are.
    small : bool
        Whether it costs little to look at all keys in the hope that they are few.

    Raises
    ------
    InputError
        If a weight is negative, null or no finite number, or the weight function raises: with the key.
    """
    most = max(MOST_SINGLE, SINGLE_PER_SLOT * slots)
    single = _single(rows, key, weight, None, most) if small else None
    if single is not None and len(single["hash"]) < most:
        if single["bad"].any():
            raise InputError(_bad(rows, key, weight))
        buckets = {name: np.zeros(0, np.int64) for name in ("bucket", "rows", "n")} | {"weight": np.zeros(0)}
        weighed = _items(buckets, single, len(single["hash"]), key.buckets)
        return _scaled(weighed, sampled) if sampled else weighed
    linear = weight.row is not None
    buckets = _collected(_linear(rows, key, weight) if linear else _summed(weight.per_key(rows, key)))
    if int(buckets["bad"].sum()):
        raise InputError(_bad(rows, key, weight))
    total = buckets["weight"].astype(np.float64)
    few = len(total) <= FEW * most
    heavy = np.ones(len(total), bool) if few else total > total.sum() / (slots * SINGLE_PER_SLOT)
    single = _single(rows, key, weight, None if few else buckets["bucket"][heavy], most) if heavy.any() else None
    counted = _distinct(buckets["least"].astype(np.int64), key.buckets) if linear else int(buckets["n"].sum())
    weighed = _items(buckets, single, counted, key.buckets, estimated=linear)
    return _scaled(weighed, sampled) if sampled else weighed


def _linear(rows: DataFrame, key: Key, weight: Weight) -> DataFrame:
    """Sum rows by bucket, without a table of all keys."""
    assert weight.row is not None  # noqa: S101
    hashed = rows.select(key.hash().alias(HASH), *key.columns, weight.row.alias(WEIGHT))
    placed = hashed.select(key.bucket(F.col(HASH)).alias(BUCKET), HASH, WEIGHT)
    return placed.groupBy(BUCKET).agg(
        F.sum(WEIGHT).alias("weight"), F.count(F.lit(1)).alias("rows"), F.min(HASH).alias("least"), _count_bad()
    )


def _summed(per_key: DataFrame) -> DataFrame:
    """Sum keys by bucket."""
    return per_key.groupBy(BUCKET).agg(
        F.sum(WEIGHT).alias("weight"), F.sum(ROWS).alias("rows"), F.count(F.lit(1)).alias("n"), _count_bad()
    )


def _is_bad() -> Any:
    value = F.col(WEIGHT)
    return value.isNull() | F.isnan(value) | (value < 0) | (value == float("inf"))


def _count_bad() -> Any:
    return F.sum(_is_bad().cast("long")).alias("bad")


def _single(rows: DataFrame, key: Key, weight: Weight, buckets: Int64 | None, most: int) -> dict[str, Any]:
    """Look at the keys of some buckets one by one, the heaviest of them."""
    if buckets is not None:
        local = rows.sparkSession.createDataFrame([(int(b),) for b in buckets], f"{BUCKET} int")
        if weight.row is not None:  # rows of other keys need not be grouped
            hashed = rows.withColumn(BUCKET, key.bucket(key.hash()))
            rows = hashed.join(F.broadcast(local), BUCKET, "left_semi").drop(BUCKET)
    per_key = weight.per_key(rows, key).withColumn("bad", _is_bad())
    if buckets is not None:
        per_key = per_key.join(F.broadcast(local), BUCKET, "left_semi")
    return _collected(per_key.orderBy(F.desc(WEIGHT), F.col(HASH)).limit(most))


def _items(
    buckets: dict[str, Any], single: dict[str, Any] | None, counted: int, size: int, *, estimated: bool = False
) -> Weighed:
    """Take single keys out of their buckets; what is left of a bucket is an item of its own."""
    if single is None:
        single = {name: np.zeros(0, np.int64) for name in ("bucket", "rows", "hash")}
        single |= {"weight": np.zeros(0), "label": np.zeros(0, object)}
    weight = np.bincount(buckets["bucket"], buckets["weight"], size) - np.bincount(
        single["bucket"], single["weight"], size
    )
    rows = np.zeros(size, np.int64)
    np.add.at(rows, buckets["bucket"], buckets["rows"])
    np.subtract.at(rows, single["bucket"], single["rows"])
    left, n = np.flatnonzero(rows > 0), len(single["hash"])
    counted = max(counted, n + len(left)) if estimated else counted
    keys = np.full(len(left), max(1, (counted - n) // max(1, len(left))))
    if not estimated and len(left):
        exactly = np.bincount(buckets["bucket"], buckets["n"], size) - np.bincount(single["bucket"], minlength=size)
        keys = exactly[left].astype(np.int64)
    return Weighed(
        items=Items(
            weight=np.concatenate([single["weight"], np.maximum(weight[left], 0.0)]).astype(np.float64),
            rows=np.concatenate([single["rows"], rows[left]]).astype(np.int64),
            keys=np.concatenate([np.ones(n, np.int64), keys]),
            single=np.arange(n + len(left)) < n,
        ),
        bucket=np.concatenate([single["bucket"], left]).astype(np.int64),
        key_hash=single["hash"].astype(np.int64),
        labels=[str(label) for label in single["label"]],
        n_keys=counted if len(left) else n,
        exact=not estimated or not len(left),
    )


def _distinct(least: Int64, buckets: int) -> int:
    """Estimate the number of keys from the least hash in each bucket, or from the buckets that are empty.

    Where enough are empty, these are counted (K.-Y. Whang, B. T. Vander-Zanden, H. M. Taylor, A linear-time
    probabilistic counting algorithm for database applications, ACM Transactions on Database Systems 15(2), 1990,
    doi:10.1145/78922.78925). Else: the least of n uniform hashes is 1 / (n + 1) of their range on average, and where
    n is Poisson, 1 / λ (Z. Bar-Yossef et al., Counting distinct elements in a data stream, RANDOM 2002,
    doi:10.1007/3-540-45726-7_1).
    """
    occupied = len(least)
    if occupied < FULL * buckets:
        return max(occupied, round(-buckets * math.log(1 - occupied / buckets)))
    mean = float(((least.astype(np.float64) + 2.0**63) / 2.0**64).mean())
    return max(occupied, round(buckets / mean))


def _scaled(weighed: Weighed, sampled: float) -> Weighed:
    items = weighed.items
    rows = np.rint(items.rows / sampled).astype(np.int64)
    scaled = Items(items.weight / sampled, rows, items.keys, items.single)
    return Weighed(scaled, weighed.bucket, weighed.key_hash, weighed.labels, weighed.n_keys, False)


def _bad(rows: DataFrame, key: Key, weight: Weight) -> list[Fault]:
    """Name some of the keys whose weights are no weights."""
    if weight.row is not None:
        found = rows.select(weight.row.alias(WEIGHT), key.label(rows.schema).alias(LABEL))
    else:
        found = weight.per_key(rows, key)
    shown = found.where(_is_bad()).select(LABEL, WEIGHT).dropDuplicates([LABEL]).orderBy(LABEL).limit(3).collect()
    of = "a row" if weight.row is not None else "the key"
    return [
        Fault("weight", f"{weight.text} is {_told(value)} for {of} of {label!r}; expected a number of at least 0")
        for label, value in shown
    ]


def _told(value: float | None) -> str:
    return "null" if value is None else "NaN" if math.isnan(value) else f"{value:g}"


def _collected(frame: DataFrame) -> dict[str, Any]:
    """Bring a small result to the driver, as arrays named without their prefix."""
    try:
        table = frame.toArrow()
    except PySparkException as error:
        line = next((line for line in str(error).splitlines() if FAILED in line), None)
        if line is None:
            raise
        said = line[line.index(FAILED) + len(FAILED) :].strip()
        raise InputError(
            [Fault("weight", f"the function raised for {said}; expected a number of at least 0")]
        ) from error
    return {
        name.removeprefix("__planner_"): table.column(name).to_numpy(zero_copy_only=False)
        for name in table.column_names
    }
