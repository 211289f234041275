"""Real executors and Python workers that are killed while they run a plan."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from planner import GraphBuilder, plan
from planner.spark import discover, run

pytestmark = [pytest.mark.spark, pytest.mark.timeout(180)]


def _slowly(seconds: float, *values: Any) -> int:
    time.sleep(seconds)
    return 1 + sum(values)


def _layers(width: int, depth: int, seconds: float) -> tuple[Any, int]:
    """Give layers of tasks, each of which adds up two of the layer before, and the sum of all in the last."""
    builder = GraphBuilder()
    now = [builder.add(_slowly, seconds, id=f"0-{i}", work=seconds) for i in range(width)]
    value = 1
    for layer in range(1, depth):
        now = [
            builder.add(_slowly, seconds, now[i], now[(i + 1) % width], id=f"{layer}-{i}", work=seconds)
            for i in range(width)
        ]
        value = 1 + 2 * value
    return builder.build(), value


@pytest.mark.parametrize("victim", ["python", "executor"])
def test_a_killed_process_costs_no_result_and_its_slots_come_back(
    spark: SparkSession, victim: str, tmp_path: Path
) -> None:
    graph, value = _layers(12, 16, 0.4)
    warm, _ = _layers(6, 1, 0.02)
    before = run(plan(warm, discover(spark)), spark, progress="none").load.slots.to_pandas().dropna(subset="pid")
    pid, executor = int(before["pid"].iloc[0]), str(before["ran_executor"].iloc[0])
    target = pid if victim == "python" else executor_process(pid)
    killer = threading.Timer(2.5, os.kill, (target, signal.SIGKILL))
    killer.start()
    result = run(plan(graph, discover(spark)), spark, run_dir=tmp_path / "run", progress="none")
    assert set(result.values.values()) == {value}
    assert len(result.values) == 12
    lines = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert events.count("lost") == (1 if victim == "python" else 2)
    assert "regrouped" in events and lines[-1]["status"] == "done"
    assert any(f"executor {executor} slot" in warning and "was lost" in warning for warning in result.warnings)
    finished = [line["task"] for line in lines if line["event"] == "finished"]
    again = len(finished) - graph.n
    assert set(finished) == set(graph.names) and again <= 40, "more was made again than can have been lost"
    came_back = [line for line in lines if line["event"] == "hello"][6:]
    assert came_back, "Spark starts what was lost once more"
    assert any(line["at_us"] > came_back[0]["at_us"] for line in lines if line["event"] == "finished")


def executor_process(pid: int) -> int:
    """The JVM above a Python process: the first ancestor that is a Java process."""
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        pid = int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))
        if b"CoarseGrainedExecutorBackend" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid


def test_a_run_whose_driver_was_killed_goes_on_with_fewer_slots(tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = []
    for i in range(24):
        tasks.append({"id": f"nap-{i}", "run": "time:sleep", "args": [0.5], "work": 0.5})
        tasks.append({"id": f"one-{i}", "run": "builtins:abs", "args": [-i], "after": [f"nap-{i}"], "work": 0.01})
    tasks.append(
        {"id": "sum", "run": "builtins:sum", "args": [{"tasks": [f"one-{i}" for i in range(24)]}], "work": 0.1}
    )
    graph, folder = tmp_path / "graph.json", tmp_path / "run"
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    journal = folder / "journal.jsonl"

    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "planner", "run", *words]

    store = ["--run-dir", str(folder), "--store", str(tmp_path / "values")]
    with subprocess.Popen(command(str(graph), "--master", "local-cluster[2,1,1024]", *store)) as driver:
        until = time.monotonic() + 90
        while not journal.exists() or journal.read_text().count('"finished"') < 12:
            assert time.monotonic() < until and driver.poll() is None
            time.sleep(0.05)
        driver.kill()
    before = [json.loads(line) for line in journal.read_text().splitlines()]
    done = {line["task"] for line in before if line["event"] == "finished"}
    assert 12 <= len(done) < 40

    resumed = command("--resume", str(folder), "--master", "local-cluster[1,1,1024]", "--json")
    ended = subprocess.run(resumed, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"] == "done"
    after = [json.loads(line) for line in journal.read_text().splitlines()][len(before) :]
    ran = [line["task"] for line in after if line["event"] == "finished"]
    assert not done & set(ran) and len(ran) == len(set(ran)) == 49 - len(done)
    [result] = (folder / "results").glob("*-sum.json")
    assert json.loads(result.read_text()) == sum(range(24))
