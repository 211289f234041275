"""How many tasks a session runs at a time, and how fast its executors are, as far as that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from planner.errors import InputError
from planner.model.arrays import Float64
from planner.partitioners.experience import Experience
from planner.spark.executors import discover

__all__ = ["is_classic", "session_slots", "slot_speeds"]


def is_classic(spark: Any) -> bool:
    """Tell a classic session from one of Spark Connect, which knows no executors."""
    return isinstance(spark, SparkSession)


def session_slots(spark: Any) -> int:
    """Give the number of tasks that a session runs at a time.

    A Spark Connect session does not know; there, the default parallelism is read off the partitions of a range.

    Raises
    ------
    PreflightError
        If no executor comes.
    """
    if is_classic(spark):
        return discover(spark).n_slots
    counted = spark.range(1_000_000).select(F.spark_partition_id().alias("p")).agg(F.count_distinct("p")).collect()
    return max(1, int(counted[0][0]))


def slot_speeds(spark: Any, slots: int | None, experience: Experience | None) -> Float64:
    """Give the speed of every slot.

    Parameters
    ----------
    spark : SparkSession
    slots : int or None
        So many slots; those of the session, if None.
    experience : Experience or None
        Of earlier runs. An executor that was not measured has the speed of its host; a host that was not, speed 1.

    Raises
    ------
    InputError
        If `slots` is no whole number above 0.
    """
    if slots is not None:
        if isinstance(slots, bool) or not isinstance(slots, int) or slots < 1:
            raise InputError(f"slots: {slots!r}; expected a whole number of at least 1")
        return np.ones(slots)
    if experience is None or not is_classic(spark):
        return np.ones(session_slots(spark))
    application = str(spark.sparkContext.applicationId)
    cluster = discover(spark)
    speeds = [
        experience.speeds.get((application, executor.id), experience.host_speeds.get(executor.host, 1.0))
        for executor in cluster.executors
    ]
    return np.array(speeds, dtype=np.float64)[cluster.slot_executor]
