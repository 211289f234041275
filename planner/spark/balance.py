"""``balance(df, by=...)``: groups that cost wildly different amounts, placed so that no slot waits for another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyspark
from pyspark.sql import DataFrame

from planner.errors import Fault, Finding, InputError, PreflightError
from planner.io.key_history import read_history
from planner.model.arrays import Float64
from planner.partitioners.experience import Experience, learn
from planner.partitioners.groups import group_items
from planner.spark.balanced import BalancedGroups
from planner.spark.keys import Key, checked_frame, column, resolve
from planner.spark.partition_plans import partition_plan
from planner.spark.placement import placement
from planner.spark.slots import is_classic, slot_speeds
from planner.spark.weighing import Weighed, weigh
from planner.spark.weights import KeyStats, weight_of

__all__ = ["balance"]

LARGE_BYTES = 64 * 2**30
"""Where the key's columns are estimated to be larger than this, rows are sampled."""

SAMPLED = 0.05

SMALL_BYTES = 2**18
"""Where they are smaller than this, looking at all keys costs less than a second pass."""

UNKNOWN_BYTES = 2**60
"""What Spark says of data of which it knows nothing is above this."""


def balance(
    df: DataFrame,
    by: str | Sequence[str],
    *,
    weight: Any | Callable[[KeyStats], float] | None = None,
    history: str | None = None,
    slots: int | None = None,
    partitions: int | None = None,
    sample: float | None = None,
) -> BalancedGroups:
    """Plan which partition the rows of each key go to, so that the work of all keys is done as early as possible.

    The keys are counted now; nothing else runs before an action on what the methods of the result give.

    Parameters
    ----------
    df : DataFrame
        Of a classic session or of Spark Connect.
    by : str or list of str
        The key's columns.
    weight : str, Column, or callable, optional
        What a key costs: a column, whose sum is taken; an expression such as ``"n_rows**2"`` or ``"sum(cost)"``; an
        aggregate `Column`; a function of `KeyStats`. The number of rows, or what `history` says, if left out.
    history : str, optional
        A folder or URI with the measured times of earlier runs, which need not be there yet; `BalancedGroups.load` adds
        to it. Keys that were never seen get a robust guess from their number of rows.
    slots : int, optional
        Tasks that run at a time; those of the session, if left out.
    partitions : int, optional
        So many partitions; chosen, if left out: never fewer than slots, as long as there are keys for them.
    sample : float, optional
        Which part of the rows to weigh, above 0 and below 1; all, if left out, unless the key's columns are very large.

    Returns
    -------
    BalancedGroups
        Shows the plan: its predicted time, its bound, the heaviest keys, and what Spark would do by itself.

    Raises
    ------
    InputError
        With everything that is wrong with what was given.
    PreflightError
        If PySpark is older than 4.1, which cannot place rows by number.
    """
    begin = time.perf_counter()
    check_version(pyspark.__version__)
    checked_frame(df)
    names = _checked(df, by, partitions, sample)
    spark = df.sparkSession
    experience = _experience(history, names)
    weigher = weight_of(weight, df, experience)
    speeds = slot_speeds(spark, slots, experience)
    key = Key.of(names, _shuffle_partitions(spark), len(speeds))
    size = _size_of(df, names)
    part = SAMPLED if sample is None and size is not None and size > LARGE_BYTES else sample
    rows = df if part is None else df.sample(fraction=part, seed=0)
    small = size is not None and size < SMALL_BYTES
    weighed = weigh(rows, key, weigher, len(speeds), sampled=part, small=small)
    notes = _notes(part, experience, weighed, speeds)
    weighing = time.perf_counter() - begin

    def planned(split: bool) -> BalancedGroups:
        began = time.perf_counter()
        grouping = group_items(weighed.items, speeds, partitions=partitions, split=split)
        placed = placement(key, weighed.bucket, weighed.key_hash, grouping.partitions, grouping.n)
        seconds = weighing + time.perf_counter() - began
        plan = partition_plan(df, key, weigher, weighed, grouping, speeds, part, notes, seconds)
        return BalancedGroups(df, plan, placed, history, None if split else planned)

    return planned(False)


def check_version(version: str) -> None:
    """Refuse a PySpark that cannot place rows by number.

    Raises
    ------
    PreflightError
    """
    major, minor = (int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")[:2])
    if (major, minor) < (4, 1):
        problem = f"this is PySpark {version}, which has no DataFrame.repartitionById"
        raise PreflightError([Finding(problem, "install PySpark 4.1 or newer, on the driver and on the cluster")])


def _checked(df: DataFrame, by: Any, partitions: int | None, sample: float | None) -> tuple[str, ...]:
    """Check what needs no Spark job, all of it at once."""
    faults: list[Fault] = []
    names: tuple[str, ...] = ()
    try:
        names = resolve(df, by)
    except InputError as error:
        faults += error.faults
    if partitions is not None and (isinstance(partitions, bool) or not isinstance(partitions, int) or partitions < 1):
        faults.append(Fault("partitions", f"{partitions!r}; expected a whole number of at least 1"))
    if sample is not None and not (isinstance(sample, int | float) and 0 < sample < 1):
        faults.append(Fault("sample", f"{sample!r}; expected a part of the rows, above 0 and below 1"))
    if faults:
        raise InputError(faults)
    return names


def _experience(history: str | None, by: tuple[str, ...]) -> Experience | None:
    if history is None:
        return None
    table = read_history(history, by)
    return None if table is None else learn(table)


def _shuffle_partitions(spark: Any) -> int:
    initial = spark.conf.get("spark.sql.adaptive.coalescePartitions.initialPartitionNum", None)
    return max(1, int(initial or spark.conf.get("spark.sql.shuffle.partitions", "200")))


def _size_of(df: DataFrame, names: tuple[str, ...]) -> int | None:
    """Give the estimated bytes of the key's columns, where Spark knows them; Connect sessions do not tell."""
    if not is_classic(df.sparkSession):
        return None
    stats: Any = df.select(*map(column, names))._jdf.queryExecution().optimizedPlan().stats()
    size = int(str(stats.sizeInBytes()))
    return size if size < UNKNOWN_BYTES else None


def _notes(part: float | None, experience: Experience | None, weighed: Weighed, speeds: Float64) -> tuple[str, ...]:
    notes = []
    if part is not None:
        notes.append(f"weighed from {part:.3g} of the rows, and scaled up")
    if experience is not None:
        seen = np.isin(weighed.key_hash, experience.key_hash)
        if len(seen) and not seen.all():
            notes.append(
                f"{int((~seen).sum()):,} of the {len(seen):,} heaviest keys were never measured: guessed by rows"
            )
    if len(set(speeds.tolist())) > 1:
        notes.append(f"executors measured slower or faster: speeds {speeds.min():.2g} to {speeds.max():.2g}")
    return tuple(notes)
