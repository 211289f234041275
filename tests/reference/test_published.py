"""Published instances with proven optima: nothing may be better than the best there is, and no bound above it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from planner import Cluster, Executor, Network, plan, read_graph
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.schedulers import get, methods
from planner.validate import validate

pytestmark = pytest.mark.reference
SECOND = 10**6


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_standard_task_graphs(reference_data: Path) -> None:
    rows = [row for row in _rows(reference_data / "stg" / "optimum.csv") if row["proven"] == "1"][::10]
    rows += [row for row in _rows(reference_data / "stg" / "proto_bounds.csv") if row["proven"] == "1"]
    reached = 0
    for row in rows:
        graph = read_graph(reference_data / "stg" / row["graph"])
        cluster = Cluster.uniform(int(row["processors"]))
        problem, optimum = Problem.of(graph, cluster), int(row["upper"]) * SECOND
        assert lower_bound(problem).us <= optimum, row
        for method in methods():
            schedule = method.schedule(problem, 0)
            validate(graph, cluster, schedule)
            assert schedule.makespan_us >= optimum, (method.name, row)
            reached += method.name == "heft" and schedule.makespan_us == optimum
    assert reached >= len(rows) // 2


def test_workflow_traces(reference_data: Path) -> None:
    folder = reference_data / "wfinstances"
    speeds = json.loads((folder / "cluster8.json").read_text())["speeds"]
    executors = tuple(Executor(str(i), speed=speed) for i, speed in enumerate(speeds))
    files = {path.stem: path for path in folder.glob("*/*.json")}
    rows = [row for row in _rows(folder / "reference.csv") if row["setting"] == "1Gbit" and int(row["tasks"]) <= 400]
    assert rows
    for row in rows:
        graph = read_graph(files[row["instance"]])
        cluster = Cluster(executors, Network(0, float(row["bandwidth_bytes_per_s"])))
        problem = Problem.of(graph, cluster)
        heft = get("heft").schedule(problem, 0)
        validate(graph, cluster, heft)
        assert heft.makespan_us / SECOND <= float(row["heft"]) * 1.05, row
        found = plan(graph, cluster, budget=1)
        if row["proven_optimal"] == "1":
            assert found.makespan >= float(row["best_known"]) * (1 - 1e-4), row
            assert found.lower_bound <= float(row["best_known"]) * (1 + 1e-4), row
        assert found.makespan >= float(row["lower_bound"]) * (1 - 1e-3), row
