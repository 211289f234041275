"""Tasks that stand still on one slot and run on a second one as well."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.model import Cluster, Graph, GraphBuilder, Plan
from planner.rebalancing import Rebalancer
from planner.runtime import coordinator
from planner.runtime.drive import Outcome
from tests.evaluator import evaluate
from tests.unit.runtime.processes import driven
from tests.unit.runtime.test_moves import Shuffle, planned

pytestmark = [pytest.mark.losses, pytest.mark.timeout(120)]


def stands_still(folder: str, *values: Any) -> int:
    """Give the process that was second; the first stands still for longer than any test may take."""
    try:
        (Path(folder) / "first").touch(exist_ok=False)
    except FileExistsError:
        return os.getpid()
    time.sleep(1000)
    return 0


def nap(seconds: float, *values: Any) -> int:
    time.sleep(seconds)
    return os.getpid()


def straggling(folder: Path) -> Plan:
    """Give many short tasks, then one that stands still, and one that takes its value."""
    builder = GraphBuilder()
    short = [builder.add(nap, 0.05, id=f"nap-{i}", work=0.05) for i in range(16)]
    still = builder.add(stands_still, str(folder), short[0], short[1], id="still", work=0.1, after=short)
    builder.add(nap, 0.05, still, id="after", work=0.05)
    return planned(builder.build(), 2)


def copied(plan: Plan, **more: Any) -> Outcome:
    Rebalancer(plan).decide(0, plan.schedule.slot, {})  # compiled before slots wait for it
    return driven(plan, rebalancer=Rebalancer(plan, copying=True), moving=True, copying=True, **more)


def test_a_task_that_stands_still_is_done_by_a_second_slot(tmp_path: Path) -> None:
    plan = straggling(tmp_path)
    outcome = copied(plan, journal_path=tmp_path / "journal.jsonl")
    assert outcome.status == "done" and not outcome.lost and not outcome.again
    still = plan.graph.index["still"]
    assert outcome.slot_of[still] != plan.schedule.slot[still]
    assert outcome.records[still].finish_us <= outcome.records[plan.graph.index["after"]].start_us
    (copy,) = [copy for decision in outcome.decisions for copy in decision.copies]
    assert (copy.task, copy.source, copy.target) == (still, plan.schedule.slot[still], outcome.slot_of[still])
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert [line["task"] for line in lines if line["event"] == "copy"] == ["still"]
    assert [line["task"] for line in lines if line["event"] == "finished"].count("still") == 1
    assert any("copies win" in line["reason"] for line in lines if line["event"] == "rebalance")


def test_without_copies_it_waits(tmp_path: Path) -> None:
    """What the test above would see, if nothing was copied."""
    plan = straggling(tmp_path)
    decisions = Rebalancer(plan)
    for task in range(16):
        decisions.ended(task, task % 2, task * 10**6, task * 10**6 + 50_000)
    still = {plan.graph.index["still"]: (0, 17 * 10**6)}
    assert not decisions.decide(60 * 10**6, plan.schedule.slot, still).copies


def total(number: int, *values: Any) -> Any:
    return np.full(3 if number % 3 else 100_000, float(number)) + sum(value.sum() for value in values)


def spoils(number: int, *values: Any) -> Any:
    """Take a while, and spoil every input that belongs to the task alone."""
    time.sleep(0.06)
    made = total(number, *values)
    for value in values:
        if value.flags.writeable:
            value[:] = -1
    return made


def chained(seed: int, run: Callable[..., Any]) -> Graph:
    """Give a random graph in which many values have one taker."""
    rng, builder, made = np.random.default_rng(seed), GraphBuilder(), list[Any]()
    for i in range(60):
        inputs = rng.choice(len(made), size=min(len(made), int(rng.integers(0, 3))), replace=False) if made else []
        made.append(builder.add(run, i, *[made[k] for k in sorted(inputs)], id=f"t{i}"))
    return builder.build()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_copied_the_results_are_the_same(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.runtime.mover._EVERY_S", 0.1)
    graph, expected = chained(seed, spoils), evaluate(chained(seed, total))
    plan = planned(graph, 3)
    shuffle = Shuffle(plan, seed, share=0.1, copied=0.5)
    journal = tmp_path / "journal.jsonl"
    outcome = driven(plan, moving=True, copying=True, rebalancer=shuffle, journal_path=journal)
    assert outcome.status == "done", outcome
    assert sorted(outcome.records) == list(range(graph.n))
    for task, value in outcome.results.items():
        np.testing.assert_array_equal(value, expected[graph.names[task]])
    events = [json.loads(line)["event"] for line in journal.read_text().splitlines()]
    assert "copy" in events and "regrouped" in events, "this test shows nothing"


def fails_twice(folder: str, *values: Any) -> int:
    """Stand still in the first process, and raise in the second."""
    try:
        (Path(folder) / "first").touch(exist_ok=False)
    except FileExistsError:
        raise ValueError("there is one already") from None
    while not (Path(folder) / "raised").exists():
        time.sleep(0.02)
    return os.getpid()


def test_where_the_second_one_fails_the_first_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = GraphBuilder()
    short = [builder.add(nap, 0.05, id=f"nap-{i}", work=0.05) for i in range(16)]
    builder.add(fails_twice, str(tmp_path), id="twice", work=0.1, after=short)
    plan = planned(builder.build(), 2)
    write = coordinator.Coordinator._write

    def seen(self: Any, event: Any, ended: Any) -> None:
        if type(event).__name__ == "Failed":
            (tmp_path / "raised").touch()
        write(self, event, ended)

    monkeypatch.setattr(coordinator.Coordinator, "_write", seen)
    outcome = copied(plan)
    twice = plan.graph.index["twice"]
    assert outcome.status == "done" and not outcome.failures
    assert outcome.slot_of[twice] == plan.schedule.slot[twice]


def test_copies_are_made_of_what_may_run_elsewhere_and_only_once() -> None:
    builder = GraphBuilder()
    short = [builder.add("builtins:int", id=f"nap-{i}", work=0.5) for i in range(16)]
    builder.add("builtins:int", id="still", work=2, after=short)
    plan = planned(builder.build(), 2)
    decisions = Rebalancer(plan, copying=True)
    for task in range(16):
        decisions.ended(task, task % 2, task // 2 * 500_000, task // 2 * 500_000 + 500_000)
    running = {16: (0, 4_000_000)}
    slot = plan.schedule.slot
    assert not decisions.decide(8_000_000, slot, running).copies, "late, but that may be chance"
    found = [decisions.decide(now * 10**6, slot, running).copies for now in range(20, 60, 2)]
    assert [copy.target for copies in found for copy in copies] == [1]
    one = Rebalancer(planned(builder.build(), 1), copying=True)
    assert not one.decide(60 * 10**6, np.zeros(17, dtype=np.int32), running).copies


def test_cluster_without_another_executor_copies_nothing() -> None:
    builder = GraphBuilder()
    builder.add("builtins:int", id="still", work=2)
    graph = builder.build()
    plan = planned(graph, 1)
    assert plan.cluster == Cluster.uniform(1)
    assert not Rebalancer(plan, copying=True).decide(10**9, plan.schedule.slot, {0: (0, 0)}).copies
