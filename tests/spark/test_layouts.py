"""What Spark is predicted to do by itself, beside what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from planner.partitioners.spark_layouts import (
    adaptive_layout,
    coalesced,
    estimated_row_bytes,
    hash_layout,
    target_bytes,
)

pytestmark = pytest.mark.spark

COALESCE = "spark.sql.adaptive.coalescePartitions"
ADVISORY = "spark.sql.adaptive.advisoryPartitionSizeInBytes"
MiB = 2**20
PARTITIONS = 40


@contextmanager
def settings(spark: SparkSession, changes: dict[str, Any]) -> Iterator[None]:
    """Change a session's settings, and back; few shuffle partitions, some of which stay empty."""
    changes = {"spark.sql.shuffle.partitions": PARTITIONS, **changes}
    before = {name: spark.conf.get(name, None) for name in changes}
    for name, value in changes.items():
        spark.conf.set(name, str(value))
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.unset(name) if value is None else spark.conf.set(name, value)


@pytest.fixture(scope="module")
def sales(spark: SparkSession) -> DataFrame:
    """Give 60,000 rows over 60 stores, the first of which has a fifth of them; about a megabyte when shuffled."""
    share = 1 / np.arange(1, 61)
    rng = np.random.default_rng(0)
    store = rng.choice(60, 60_000, p=share / share.sum())
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 1000, len(store)), unit="D")
    columns = {"store": [f"s{i}" for i in store], "day": day.date, "sold": rng.poisson(5, len(store)) * 1.0}
    frame = pd.DataFrame({**columns, "price": rng.gamma(2, 20, len(store)).round(2)})
    return spark.createDataFrame(frame).repartition(6).localCheckpoint()


@pytest.fixture(scope="module")
def rows(sales: DataFrame) -> pd.DataFrame:
    """Give the rows of each store, and the shuffle partition it hashes to."""
    hashed = F.pmod(F.hash("store"), F.lit(PARTITIONS)).alias("hashed")
    return sales.groupBy("store", hashed).count().toPandas().set_index("store")


def per_partition(rows: pd.DataFrame) -> np.ndarray:
    return np.bincount(rows["hashed"], weights=rows["count"], minlength=PARTITIONS).astype(np.float64)


def tell(frame: pd.DataFrame) -> pd.DataFrame:
    context = TaskContext.get()
    assert context is not None
    return pd.DataFrame({"store": frame.store.iloc[:1], "task": [context.partitionId()]})


def ran(frame: DataFrame) -> tuple[dict[str, int], np.ndarray, list[tuple[int, int]] | None]:
    """Group a frame by store: the task of each store, the bytes of each shuffle partition, and what tasks read."""
    grouped = frame.groupBy("store").applyInPandas(tell, "store string, task int")
    execution: Any = grouped._jdf.queryExecution()
    where = {row.store: row.task for row in grouped.collect()}
    stage, read = shuffle_of(execution.executedPlan().finalPhysicalPlan())
    return where, np.array(list(stage.mapStats().get().bytesByPartitionId()), dtype=np.float64), read


def shuffle_of(plan: Any) -> tuple[Any, list[tuple[int, int]] | None]:
    """Find the one shuffle of a final plan, and which partitions each task reads, if they were coalesced."""
    read = None
    while plan.getClass().getSimpleName() != "ShuffleQueryStageExec":
        if plan.getClass().getSimpleName() == "AQEShuffleReadExec":
            specs = [plan.partitionSpecs().apply(i) for i in range(plan.partitionSpecs().length())]
            read = [(spec.startReducerIndex(), spec.endReducerIndex()) for spec in specs]
        plan = plan.children().apply(0)
    return plan, read


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {f"{COALESCE}.minPartitionSize": 20_000},
        {f"{COALESCE}.minPartitionSize": 1, ADVISORY: 30_000},
        {f"{COALESCE}.parallelismFirst": "false", f"{COALESCE}.minPartitionSize": 1, ADVISORY: 100_000},
        {f"{COALESCE}.minPartitionNum": 40, f"{COALESCE}.minPartitionSize": 5_000},
        {f"{COALESCE}.minPartitionSize": 1, ADVISORY: 1},
    ],
)
def test_tasks_read_what_adaptive_execution_is_predicted_to_coalesce(
    sales: DataFrame, rows: pd.DataFrame, changes: dict[str, Any]
) -> None:
    spark = sales.sparkSession
    with settings(spark, changes):
        where, size, read = ran(sales)
    layout, groups = adaptive_layout(
        per_partition(rows),
        size,
        np.ones(6),
        advisory_bytes=changes.get(ADVISORY, 64 * MiB),
        min_partition_bytes=changes.get(f"{COALESCE}.minPartitionSize", MiB),
        parallelism_first=changes.get(f"{COALESCE}.parallelismFirst", "true") == "true",
        default_parallelism=spark.sparkContext.defaultParallelism,
        min_partitions=changes.get(f"{COALESCE}.minPartitionNum"),
    )
    assert list(groups) == read
    assert layout.partitions == len(set(where.values()))
    task = {hashed: number for number, (first, last) in enumerate(groups) for hashed in range(first, last)}
    assert where == {store: task[hashed] for store, hashed in rows["hashed"].items()}


def test_without_coalescing_a_key_is_in_the_partition_it_hashes_to(sales: DataFrame, rows: pd.DataFrame) -> None:
    with settings(sales.sparkSession, {f"{COALESCE}.enabled": "false"}):
        where, _, read = ran(sales)
    assert read is None
    assert where == rows["hashed"].to_dict()
    assert hash_layout(per_partition(rows), np.ones(6)).partitions == len(set(where.values())) < PARTITIONS


def test_partitions_are_coalesced_as_spark_does(spark: SparkSession) -> None:
    """Ask the very function, with sizes and limits of every kind."""
    jvm: Any = spark.sparkContext._jvm
    util = getattr(getattr(jvm, "org.apache.spark.sql.execution.adaptive.ShufflePartitionsUtil$"), "MODULE$")
    (method,) = [one for one in util.getClass().getMethods() if one.getName() == "coalescePartitions"]
    newer = method.getParameterCount() == 7  # can limit how many partitions a task reads
    gateway: Any = spark.sparkContext._gateway

    def of_spark(size: np.ndarray, advisory: int, wanted: int, least: int, most: int | None) -> Any:
        sizes = gateway.new_array(jvm.long, len(size))
        for at, part in enumerate(size.tolist()):
            sizes[at] = part
        stats = jvm.PythonUtils.toSeq([jvm.scala.Some(jvm.org.apache.spark.MapOutputStatistics(0, sizes))])
        more = [jvm.PythonUtils.toSeq([]), most or 2**31 - 1] if newer else []
        found = util.coalescePartitions(
            stats, jvm.PythonUtils.toSeq([jvm.scala.Option.empty()]), advisory, wanted, least, *more
        )
        if found.isEmpty():
            return [(at, at + 1) for at in range(len(size))]
        specs = [found.head().apply(i) for i in range(found.head().length())]
        return [(spec.startReducerIndex(), spec.endReducerIndex()) for spec in specs]

    rng = np.random.default_rng(0)
    for case in range(150):
        size = np.rint(rng.lognormal(3, 2, rng.integers(1, 25))).astype(np.int64)
        size[rng.random(len(size)) < rng.choice([0, 0.3, 1.0], p=[0.5, 0.4, 0.1])] = 0
        advisory, wanted, least = int(rng.integers(1, 500)), int(rng.integers(1, 9)), int(rng.choice([0, 5, 30, 200]))
        most = int(rng.integers(1, 9)) if newer and case % 3 == 0 else None
        mine = coalesced(size, target_bytes(int(size.sum()), wanted, advisory, least), least, most)
        assert list(mine) == of_spark(size, advisory, wanted, least, most), (size, advisory, wanted, least, most)


def test_the_bytes_of_a_row_are_guessed_to_the_right_order_of_magnitude(sales: DataFrame) -> None:
    with settings(sales.sparkSession, {}):
        _, size, _ = ran(sales)
    types = [field.dataType.simpleString() for field in sales.schema if field.name != "store"]
    guessed = 60_000 * estimated_row_bytes(types)
    assert 0.5 < guessed / size.sum() < 2.0
