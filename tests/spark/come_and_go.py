"""A driver of its own for a test: executors are decommissioned, or come by dynamic allocation, while a plan runs."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from planner import Cluster, GraphBuilder, plan
from planner.spark import run


def _slowly(seconds: float, *values: int) -> int:
    time.sleep(seconds)
    return 1 + sum(values)


def graph(width: int, depth: int, seconds: float) -> Any:
    """Chains of tasks, each of which has to be where its predecessor's value is, and their sum."""
    builder, ends = GraphBuilder(), []
    for chain in range(width):
        last = builder.add(_slowly, seconds, id=f"{chain}-0", work=seconds)
        for step in range(1, depth):
            last = builder.add(_slowly, seconds, last, id=f"{chain}-{step}", work=seconds)
        ends.append(last)
    builder.add(_slowly, 0.0, *ends, id="sum", work=0.01)
    return builder.build()


def session(settings: dict[str, str]) -> SparkSession:
    builder = SparkSession.builder.master("local-cluster[3,1,1024]").appName("come and go")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        **settings,
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def decommission(spark: SparkSession, executor: str, journal: Path) -> None:
    """Tell Spark that an executor is about to go, as its host would, when some tasks have ended."""
    jvm, backend = spark.sparkContext._jvm, spark.sparkContext._jsc.sc().schedulerBackend()
    told = jvm.org.apache.spark.scheduler.ExecutorDecommissionInfo("for a test", jvm.scala.Option.empty())
    while not journal.exists() or journal.read_text().count('"finished"') < 12:
        time.sleep(0.05)
    backend.decommissionExecutor(executor, told, False, False)


def main(what: str, folder: str) -> None:
    if what == "go":
        spark = session({"spark.decommission.enabled": "true"})
        watch = (spark, "1", Path(folder) / "journal.jsonl")
        threading.Thread(target=decommission, args=watch, daemon=True).start()
        planned = plan(graph(6, 10, 0.4), Cluster.uniform(3), iterations=50)
    else:
        allocation = {"enabled": "true", "shuffleTracking.enabled": "true", "minExecutors": "1", "maxExecutors": "3"}
        settings = {f"spark.dynamicAllocation.{name}": value for name, value in allocation.items()}
        spark = session({"spark.executor.cores": "1", **settings})
        planned = plan(graph(6, 20, 0.4), Cluster.uniform(1), iterations=50)
    result = run(planned, spark, run_dir=folder, progress="none")
    ran = result.load.tasks.to_pandas()["executor"].value_counts().to_dict()
    slots = result.plan.cluster.n_slots
    print(json.dumps({"sum": result["sum"], "ran": ran, "slots": slots, "warnings": list(result.warnings)}))
    print(result, file=sys.stderr)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
