"""The doctor on a real Spark: what it finds wrong, and that it measures what is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from planner import read_cluster
from planner.cli import main
from planner.spark.executors import discover, live_executors
from planner.spark.launch import pinned
from tests.throttle import children, slowed


@pytest.mark.alone
def test_a_slowed_executor_is_measured_as_slower_and_planned_so(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    discover(spark)  # waits until all executors are there
    daemons = python_daemons(spark)
    first, slow, last = daemons  # whichever there are: an earlier test may have killed one
    conf, properties = spark.conf.getAll, spark.sparkContext.getLocalProperty("spark.job.description")
    file = tmp_path / "cluster.toml"
    with slowed(lambda: [pid for daemon in daemons[slow] for pid in children(daemon)]):
        code = main(["doctor", "--json", "-o", str(file)])
    said = capsys.readouterr()
    assert code == 0, said.err
    found = json.loads(said.out)
    speeds = {executor["id"]: executor["speed"] for executor in found["profile"]["executors"]}
    assert speeds[slow] < 0.6 * min(speeds[first], speeds[last]), speeds
    checks = {check["name"]: check for check in found["checks"]}
    assert found["well"] and not any(check["status"] == "wrong" for check in checks.values())
    assert checks["executors"]["said"] == "3 executors with 6 slots on 1 host"
    assert "everywhere, with planner, numpy, pyarrow and cloudpickle" in checks["Python"]["said"]
    assert f"{slow} on" in checks["speeds"]["said"] and "planner plan GRAPH --cluster" in checks["speeds"]["mend"]
    assert len(found["profile"]["links"]) == 3, "of each pair"

    cluster = read_cluster(file)
    assert [(each.id, each.slots) for each in cluster.executors] == [(each, 2) for each in daemons]
    assert cluster.executors[1].speed < 0.6 and cluster.overhead_us > 0 and cluster.network.latency_us > 0
    assert "# Measured: 3 executors" in file.read_text()
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": [{"id": str(i), "work": 1} for i in range(60)]}))
    assert main(["plan", str(graph), "--cluster", str(file), "--json", "-o", str(tmp_path / "plan.json")]) == 0
    plan = json.loads((tmp_path / "plan.json").read_text())
    counts = [sum(task["executor"] == each for task in plan["tasks"]) for each in daemons]
    assert counts[1] < min(counts[0], counts[2]), counts

    assert spark.conf.getAll == conf and spark.range(10).count() == 10, "the session is as it was"
    assert spark.sparkContext.getLocalProperty("spark.job.description") == properties


def python_daemons(spark: SparkSession) -> dict[str, set[int]]:
    """Give the processes that start the Python workers of each executor, by asking all its slots at once."""

    def ask(elements: Iterable[str]) -> Iterator[tuple[str, int]]:
        for element in list(elements):
            yield element, os.getppid()

    live = live_executors(spark)
    rdd = pinned(spark.sparkContext, [each.id for each in live], [each.location for each in live])
    found: dict[str, set[int]] = {each.id: set() for each in live}
    for executor, pid in rdd.mapPartitions(ask).collect():
        found[executor].add(pid)
    return found
