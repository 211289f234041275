"""From run to run on a real Spark: the second plan knows what the first run took."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from pyspark.sql import SparkSession

from planner import Graph, GraphBuilder, InputError, plan
from planner.cli import main
from planner.io import read_runs
from planner.spark import RunResult, discover, run

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # executors cannot import tests


def _nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _spoil(folder: str) -> str:
    Path(folder).rmdir()
    Path(folder).write_text("no folder any more")
    return "done"


def _naps() -> Graph:
    """Give tasks that all are stated to take 50 ms, of which a third takes eight times as long."""
    builder = GraphBuilder()
    for i in range(36):
        builder.add(_nap, 0.05 if i % 3 else 0.4, id=f"t{i}", kind="long" if i % 3 == 0 else "short", work=0.05)
    return builder.build()


def _off(result: RunResult) -> float:
    return abs(math.log(result.load.predicted_makespan_us / result.load.measured_makespan_us))


@pytest.mark.alone
def test_the_second_plan_knows_what_the_first_run_took(spark: SparkSession, tmp_path: Path) -> None:
    cluster, folder = discover(spark), tmp_path / "history"
    first, second = (
        run(plan(_naps(), cluster, history=folder), spark, progress="none", history=folder) for _ in range(2)
    )
    assert _off(first) > 0.9 and _off(second) < 0.25
    assert first.plan.notes[0].startswith("the history holds no runs yet")
    assert second.plan.notes[0].startswith("1 earlier run: works of tasks 36 by what they took themselves")
    runs = read_runs(folder).to_pandas()
    assert len(list(folder.iterdir())) == 2 and len(runs) == 72 and set(runs["work_us"]) == {50_000}
    assert set(runs["host"]) == {executor.host for executor in cluster.executors}
    assert runs.groupby("kind", observed=True)["wall_us"].median().to_dict() == pytest.approx(
        {"long": 4e5, "short": 5e4}, rel=0.2
    )


def test_a_history_that_cannot_be_written_to_stops_the_run_before_and_loses_nothing_after(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    builder = GraphBuilder()
    builder.add(_spoil, str(tmp_path / "history"), id="spoil", work=0.1)
    planned = plan(builder.build(), discover(spark))
    with pytest.raises(InputError, match=r"file: .*expected a folder that can be written to"):
        run(planned, spark, progress="none", history=tmp_path / "file")
    result = run(planned, spark, progress="none", history=tmp_path / "history")
    assert result["spoil"] == "done"
    assert any("the run is not in the history" in warning for warning in result.warnings)


@pytest.mark.alone
def test_the_command_reads_the_history_before_and_adds_to_it_after(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [{"id": f"t{i}", "run": "time:sleep", "args": [0.2], "work": 0.02} for i in range(6)]
    (tmp_path / "graph.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    words = ["run", str(tmp_path / "graph.json"), "--history", str(tmp_path / "history"), "--json"]
    told = []
    for _ in range(2):
        assert main(words) == 0
        told.append(json.loads(capsys.readouterr().out))
    off = [abs(math.log(each["predicted_makespan"] / each["measured_makespan"])) for each in told]
    assert off[1] < 0.3 < 1 < off[0]
    assert main(["history", str(tmp_path / "history")]) == 0
    assert capsys.readouterr().out.startswith("2 runs")
