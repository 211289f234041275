"""Plans run on real executors: values, failures, losses, and the user's own session left as it was."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from planner import Cluster, GraphBuilder, InputError, PreflightError, RunError, plan
from planner.model import Bound, Graph, Plan, Schedule
from planner.spark import discover, run

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # executors cannot import tests


def _numbers(n: int) -> np.ndarray[Any, Any]:
    return np.arange(n, dtype=np.float64)


def _table(n: int) -> pa.Table:
    return pa.table({"x": np.arange(n), "name": [f"row {i}" for i in range(n)]})


def _bump(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array += 1  # nobody else takes it, so it may be written to
    return array


def _refuse(array: np.ndarray[Any, Any]) -> bool:
    return not array.flags.writeable  # others take it too


def _fail(_: Any) -> None:
    raise ValueError("this store has no sales")


def _pid(seconds: float, *_: Any) -> int:
    time.sleep(seconds)
    return os.getpid()


def _wide(builder: GraphBuilder, n: int, seconds: float) -> None:
    for i in range(n):
        builder.add(_pid, seconds, id=f"t{i}", work=seconds)


def _slow_on(slow: str, seconds: float, *_: Any) -> str:
    """Sleep four times as long on one executor; ids are in the words that started the JVM above this process."""
    status, executor = Path("/proc/self/status").read_text(), ""
    while not executor:
        pid = status.split("PPid:")[1].split()[0]
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        executor = words[words.index("--executor-id") + 1] if "--executor-id" in words else ""
        status = Path(f"/proc/{pid}/status").read_text()
    time.sleep(seconds * (4 if executor == slow else 1))
    return executor


@pytest.mark.parametrize("rebalance", ["planned", "none"])
def test_tasks_leave_an_executor_that_is_slower_than_planned(
    spark: SparkSession, tmp_path: Path, rebalance: Any
) -> None:
    builder, cluster = GraphBuilder(), discover(spark)
    slowest = cluster.executors[0].id
    first = [builder.add(_slow_on, slowest, 0.1, id=f"first-{i}", work=0.1) for i in range(36)]
    for i in range(36):
        builder.add(_slow_on, slowest, 0.1, first[i], first[(i + 7) % 36], id=f"second-{i}", work=0.1)
    planned = plan(builder.build(), cluster)
    result = run(planned, spark, run_dir=tmp_path / "run", rebalance=rebalance)
    tasks = result.to_pandas()
    slow = int((tasks.executor == slowest).sum())
    lines = [json.loads(line) for line in (tmp_path / "run" / "journal.jsonl").read_text().splitlines()]
    moved = [line for line in lines if line["event"] == "move"]
    assert int((tasks.planned_executor == slowest).sum()) == 24
    assert set(result.values.values()) <= {executor.id for executor in cluster.executors}
    told = {f"second-{i}": result[f"second-{i}"] for i in range(36)}
    assert told == {task: executor for task, executor in zip(tasks.task, tasks.executor, strict=True) if task in told}
    if rebalance == "none":
        assert slow == 24 and not moved and result.load.settings["moves"] == 0
    else:
        assert slow < 18 and len(moved) == result.load.settings["moves"] > 0
        assert any("slower" in line["reason"] for line in moved if line["from"] in (0, 1))


def test_values_of_every_kind_cross_from_slot_to_slot(spark: SparkSession, tmp_path: Path) -> None:
    builder = GraphBuilder()
    big = builder.add(_numbers, 500_000, id="big", work=0.1)
    table = builder.add(_table, 1000, id="table", work=0.1)
    frame = builder.add(pa.Table.to_pandas, table, id="frame", work=0.1)
    doubled = builder.add("numpy:multiply", big, 2.0, id="doubled", work=5)
    bumped = builder.add(_bump, doubled, id="bumped", work=5)
    builder.add("numpy:subtract", bumped, big, id="difference", work=0.1)
    for i in range(6):
        builder.add(_refuse, big, id=f"read-only-{i}", work=4)
    builder.add("builtins:dict", id="named", params={"frame": frame, "n": 3}, work=0.1)
    planned = plan(builder.build(), Cluster.uniform(3, 2), method="heft")
    assert len(set(planned.schedule.slot.tolist())) > 1
    result = run(planned, spark, run_dir=tmp_path / "run", progress="none")
    assert np.array_equal(result["difference"], np.arange(500_000) + 1.0)
    assert all(result[f"read-only-{i}"] for i in range(6))
    pd.testing.assert_frame_equal(result["named"]["frame"], _table(1000).to_pandas())
    assert result.load.status == "done"
    assert sorted(path.name for path in (tmp_path / "run").iterdir())[:2] == ["journal.jsonl", "plan.json"]


def test_slots_run_where_they_were_meant_to_and_the_load_adds_up(spark: SparkSession) -> None:
    builder = GraphBuilder()
    _wide(builder, 18, 0.05)
    result = run(plan(builder.build(), Cluster.uniform(3, 2)), spark, progress="none")
    slots = result.load.slots.to_pandas()
    assert not [warning for warning in result.warnings if "meant for" in warning]
    assert (slots["locality"] == "PROCESS_LOCAL").all()
    assert slots["pid"].nunique() == 6
    assert slots["tasks"].sum() == 18
    together = slots["busy_us"] + slots["wait_us"] + slots["idle_us"]
    assert (abs(together - result.load.measured_makespan_us) <= 2).all()
    assert result.load.elapsed_us >= result.load.measured_makespan_us >= 150_000
    assert len(set(result.values.values())) == 6


def test_a_session_of_the_user_is_left_as_it_was(spark: SparkSession) -> None:
    context = spark.sparkContext
    context.setJobGroup("mine", "my own work")
    spark.range(1).count()  # Spark itself settles some settings at its first query
    before = (dict(context.getConf().getAll()), context.getLocalProperty("spark.jobGroup.id"))
    builder = GraphBuilder()
    builder.add("builtins:len", "four", id="n")
    assert run(plan(builder.build(), discover(spark)), spark, progress="none")["n"] == 4
    assert (dict(context.getConf().getAll()), context.getLocalProperty("spark.jobGroup.id")) == before
    assert spark.range(10).count() == 10


def test_a_task_that_raises_takes_only_its_dependents_with_it(spark: SparkSession, tmp_path: Path) -> None:
    builder = GraphBuilder()
    source = builder.add("builtins:int", "7", id="source")
    broken = builder.add(_fail, source, id="broken")
    builder.add("builtins:str", broken, id="dependent")
    builder.add("operator:mul", source, 6, id="independent")
    with pytest.raises(RunError) as raised:
        run(plan(builder.build(), Cluster.uniform(3, 1)), spark, run_dir=tmp_path / "run", progress="none")
    error = raised.value
    assert [(f.task, f.error) for f in error.failed] == [("broken", "ValueError: this store has no sales")]
    assert "in _fail" in error.failed[0].traceback
    assert error.failed[0].executor in {"0", "1", "2"}, "as the plan calls it"
    assert error.skipped == ("dependent",)
    assert error.result.values == {"independent": 42}  # type: ignore[attr-defined]
    [kept] = list((tmp_path / "run" / "results").glob("*independent.json"))
    assert json.loads(kept.read_text()) == 42
    status = error.result.load.to_pandas().set_index("task")["status"].to_dict()  # type: ignore[attr-defined]
    assert status == {"source": "done", "broken": "failed", "dependent": "skipped", "independent": "done"}


def test_a_value_that_does_not_pickle_is_told(spark: SparkSession) -> None:
    builder = GraphBuilder()
    builder.add("threading:Lock", id="lock")
    with pytest.raises(RunError, match="value of type lock does not pickle"):
        run(plan(builder.build(), Cluster.uniform(1)), spark, progress="none")


def test_an_interrupt_ends_the_run_and_not_the_session(spark: SparkSession, tmp_path: Path) -> None:
    builder = GraphBuilder()
    _wide(builder, 6, 60.0)
    planned = plan(builder.build(), Cluster.uniform(3, 2))
    run(plan(_small(), Cluster.uniform(3, 2)), spark, progress="none")
    journal, struck = tmp_path / "run" / "journal.jsonl", list[float]()

    def strike() -> None:
        while not journal.exists() or journal.read_text().count('"hello"') < 6:
            time.sleep(0.05)
        time.sleep(0.5)  # by then tasks run
        struck.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    # PySpark's own handler would cancel every job of the session; Python's raises KeyboardInterrupt alone
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=strike, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(planned, spark, run_dir=tmp_path / "run", progress="none")
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - struck[0] < 30, "no task was waited for"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert lines[-1]["status"] == "cancelled"
    assert run(plan(_small(), Cluster.uniform(3, 2)), spark, progress="none")["n"] == 4


def _small() -> Graph:
    builder = GraphBuilder()
    builder.add("builtins:len", "four", id="n")
    return builder.build()


@pytest.mark.alone  # for its memory
def test_two_gigabytes_through_one_edge(spark: SparkSession) -> None:
    n = 2**31 // 8 + 1000
    builder = GraphBuilder()
    builder.add("numpy:sum", builder.add(_numbers, n, id="big"), id="sum")
    graph = builder.build()
    apart = Schedule(np.array([0, 1], dtype=np.int32), np.array([0, 10**6]), np.array([10**6, 2 * 10**6]))
    result = run(Plan(graph, Cluster.uniform(2), apart, Bound(0, ""), "by hand"), spark, progress="none")
    assert result["sum"] == (n - 1) * n / 2
    assert result.load.tasks.column("bytes_in").to_pylist()[1] > 2**31


def test_what_is_wrong_with_a_session_is_said_before_the_first_task(spark: SparkSession) -> None:
    with pytest.raises(PreflightError, match="needs 40 slots at once, and the session has 6"):
        from planner.spark.executors import wait_for_slots

        wait_for_slots(spark, 40, timeout=0.2)
    with pytest.raises(InputError, match="trace"):
        run(plan(Graph.from_arrays(work=[1, 2]), Cluster.uniform(2)), spark, progress="none")
    with pytest.raises(InputError, match="scale above 0"):
        run(plan(_small(), Cluster.uniform(2)), spark, emulate=-1, progress="none")


def test_a_trace_is_emulated(spark: SparkSession) -> None:
    trace = Graph.from_arrays(["a", "b", "c"], work=[10, 20, 30], source=[0, 0], target=[1, 2], output=[10**6] * 3)
    result = run(plan(trace, Cluster.uniform(2)), spark, emulate=0.01, progress="none")
    load = result.load
    assert load.predicted_makespan_us == 400_000
    assert 400_000 <= load.measured_makespan_us < 2_000_000
    assert 10_000 <= load.tasks.column("bytes_out").to_pylist()[0] < 10_500
