"""Planning alone: how long `balance` takes for many keys, and how much memory the driver needs for it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

_STEP = 7919
"""A prime, so that neighbouring rows have far keys, and every key has rows."""


def planned(spark: SparkSession, master: str, keys: int, folder: Path) -> list[dict[str, Any]]:
    """Time the planning of as many rows as keys, and of four times as many."""
    from planner.spark import balance

    found = []
    for rows in (keys, 4 * keys):
        place = str(folder / f"keys-{rows}")
        label = F.concat(F.lit("store-"), (F.col("id") * _STEP % keys).cast("string"))
        spark.range(rows).select(label.alias("key"), F.col("id").alias("value")).write.parquet(place)
        frame = spark.read.parquet(place)
        seconds = [_timed(balance, frame)[0] for _ in range(5)]
        found.append({"master": master, "keys": keys, "rows": rows, "seconds": seconds})
    return found


def held(spark: SparkSession, master: str, keys: int) -> dict[str, Any]:
    """Plan once in a session that has done nothing else, and read the peaks of both processes of the driver."""
    from planner.spark import balance

    jvm = int(spark._jvm.java.lang.ProcessHandle.current().pid())
    frame = spark.range(keys).select(F.concat(F.lit("store-"), F.col("id").cast("string")).alias("key"))
    before = {"python before": peak("self"), "jvm before": peak(jvm)}
    seconds, plan = _timed(balance, frame)
    after = {"python": peak("self"), "jvm": peak(jvm)}
    return (
        {"master": master, "keys": keys, "rows": keys, "seconds": seconds, "planned keys": plan.n_keys} | before | after
    )


def _timed(balance: Any, frame: DataFrame) -> tuple[float, Any]:
    began = time.perf_counter()
    plan = balance(frame, by="key").plan
    return time.perf_counter() - began, plan


def peak(process: int | str) -> float:
    """Give the most memory that a process has ever held, in MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")
