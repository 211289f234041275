"""Planned redundancy in a run: slots are killed, and no value of a task with replicas is made again."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from planner.errors import TaskFailure
from planner.model import Bound, Cluster, Graph, GraphBuilder, Plan, Schedule
from planner.partitioners.copies import with_copies
from planner.runtime import coordinator
from planner.runtime.fetch import fetch
from planner.runtime.keeper import PlanKeeper
from planner.runtime.ledger import TaskState
from planner.runtime.messages import Failed, Finished, Hello, Skip
from planner.runtime.replication import Replication
from planner.runtime.slot_queue import Record
from tests.unit.runtime.processes import driven
from tests.unit.runtime.test_losses import Blows

pytestmark = [pytest.mark.losses, pytest.mark.timeout(120)]
Mode = Literal["standby", "active"]
SMALL, LARGE = 10, 100_000


def by_hand(graph: Graph, where: Mapping[str, int], backups: Mapping[str, tuple[int, ...]], slots: int) -> Plan:
    slot = np.array([where[name] for name in graph.names], dtype=np.int32)
    start = np.empty(graph.n, dtype=np.int64)
    start[graph.order] = np.arange(graph.n) * 10**6
    schedule = Schedule(slot, start, start + 10**6)
    stand_by = {graph.index[name]: places for name, places in backups.items()}
    return Plan(graph, Cluster.uniform(slots), schedule, Bound(0, ""), "by hand", backups=stand_by)


def napping(plan: Plan) -> Plan:
    """Let the nap of a plan come before all else."""
    start = plan.schedule.start_us + 1
    start[plan.graph.index["nap"]] = 0
    return replace(plan, schedule=Schedule(plan.schedule.slot, start, start + 10**6))


def wide(folder: str, n: int) -> Any:
    with (Path(folder) / "made").open("a") as file:
        file.write("x")
    return np.arange(float(n))


def total(value: Any, *others: Any) -> float:
    return float(value.sum())


def made(folder: Path) -> int:
    return len((folder / "made").read_text())


def kept(folder: Path, n: int, mode: Mode, replicas: int = 2) -> Plan:
    """A value on slots 0, 1 and so on, and its taker, which begins after a while, on the last one."""
    builder = GraphBuilder()
    value = builder.add(wide, str(folder), n, id="value", replicas=replicas, redundancy=mode)
    soon = builder.add(total, value, id="soon")
    pause = builder.add("time:sleep", 3.0, id="pause", after=[soon])
    builder.add(total, value, id="late", after=[pause])
    last = replicas
    graph = with_copies(builder.build(), Cluster.uniform(last + 1))
    where = {"value": 0, "soon": 0, "pause": last, "late": 0} | {f"value~{i + 1}": i for i in range(1, replicas)}
    backups = {"value": tuple(range(1, replicas))} if mode == "standby" else {}
    return by_hand(graph, where, backups, last + 1)


@pytest.mark.parametrize("mode", ["standby", "active"])
@pytest.mark.parametrize(
    ("n", "replicas", "killed"),
    [(SMALL, 2, [0]), (LARGE, 2, [1]), (SMALL, 3, [0, 1]), (LARGE, 3, [0, 2])],
)
def test_what_has_replicas_is_not_made_again(
    mode: Mode, n: int, replicas: int, killed: list[int], tmp_path: Path
) -> None:
    plan = kept(tmp_path, n, mode, replicas)
    killed = [slot for slot in killed if slot < replicas]
    blows = [(0.4 + 0.7 * i, slot, signal.SIGKILL) for i, slot in enumerate(killed)]
    outcome = driven(plan, Blows(blows, journal=tmp_path / "j", ended=2), journal_path=tmp_path / "j")
    assert outcome.status == "done", (outcome.reason, outcome.failures, outcome.lost)
    assert len(outcome.lost) == len(killed)
    assert outcome.results[plan.graph.index["late"]] == n * (n - 1) / 2
    assert plan.graph.index["value"] not in outcome.again
    assert 1 <= made(tmp_path) <= (1 if mode == "standby" else replicas)


@pytest.mark.parametrize("n", [SMALL, LARGE])
def test_without_replicas_it_is_made_again(n: int, tmp_path: Path) -> None:
    """What the test above would see, if nothing was kept."""
    builder = GraphBuilder()
    value = builder.add(wide, str(tmp_path), n, id="value")
    pause = builder.add("time:sleep", 2.0, id="pause", after=[value])
    builder.add(total, value, id="late", after=[pause])
    plan = by_hand(builder.build(), {"value": 0, "pause": 1, "late": 0}, {}, 2)
    blows = Blows([(0.2, 0, signal.SIGKILL)], journal=tmp_path / "j", ended=1)
    outcome = driven(plan, blows, journal_path=tmp_path / "j")
    assert outcome.status == "done"
    assert outcome.again == (plan.graph.index["value"],)
    assert made(tmp_path) == 2


def test_a_task_whose_slot_is_lost_before_it_has_ended_runs_on_its_backup(tmp_path: Path) -> None:
    builder = GraphBuilder()
    pause = builder.add("time:sleep", 2.0, id="pause")
    value = builder.add(wide, str(tmp_path), SMALL, id="value", after=[pause], replicas=2)
    builder.add(total, value, id="after")
    plan = by_hand(builder.build(), {"pause": 2, "value": 0, "after": 2}, {"value": (1,)}, 3)
    blows = Blows([(0.3, 0, signal.SIGKILL)], journal=tmp_path / "j")
    outcome = driven(plan, blows, moving=True, journal_path=tmp_path / "j")
    assert outcome.status == "done"
    assert outcome.slot_of[plan.graph.index["value"]] == 1


def slow_once(folder: str, n: int) -> Any:
    """Be slow where it is called first: the copy comes after a nap on its slot."""
    try:
        (Path(folder) / "slow").touch(exist_ok=False)
    except FileExistsError:
        return np.full(n, 2.0)
    time.sleep(60)
    return np.full(n, 1.0)


@pytest.mark.parametrize("n", [SMALL, LARGE])
@pytest.mark.parametrize("result", [False, True])
def test_the_first_of_two_copies_counts_and_nobody_waits_for_the_other(n: int, result: bool, tmp_path: Path) -> None:
    builder = GraphBuilder()
    value = builder.add(slow_once, str(tmp_path), n, id="value", replicas=2, redundancy="active")
    builder.add("time:sleep", 1.0, id="nap")
    if not result:
        builder.add(total, value, id="here")
        builder.add(total, value, id="there")
        builder.add("builtins:len", value, id="third")
        builder.add("builtins:int", 1, id="waits", after=[value])
    graph = with_copies(builder.build(), Cluster.uniform(3))
    where = {"value": 0, "here": 2, "there": 1, "third": 2, "waits": 2, "value~2": 1, "nap": 1}
    began = time.monotonic()
    outcome = driven(napping(by_hand(graph, where, {}, 3)))
    assert outcome.status == "done", (outcome.reason, outcome.failures)
    assert time.monotonic() - began < 25
    assert outcome.skipped == () and outcome.again == ()
    assert graph.index["value"] in outcome.records
    assert graph.index["value~2"] not in outcome.results
    if result:
        assert outcome.results[graph.index["value"]].tolist() == [2.0] * n
    else:
        assert outcome.results[graph.index["third"]] == n
        assert outcome.results[graph.index["here"]] == outcome.results[graph.index["there"]] == 2.0 * n


def once(folder: str, name: str) -> int:
    """Fail where it is called first: the task comes after a nap on its slot, so that its copy is first."""
    try:
        (Path(folder) / name).touch(exist_ok=False)
    except FileExistsError:
        return 7
    raise ValueError("not here")


def test_a_copy_that_fails_alone_does_not_fail_the_run(tmp_path: Path) -> None:
    builder = GraphBuilder()
    value = builder.add(once, str(tmp_path), "once", id="value", replicas=2, redundancy="active")
    builder.add("builtins:int", value, id="after")
    builder.add("time:sleep", 1.5, id="nap")
    graph = with_copies(builder.build(), Cluster.uniform(3))
    plan = by_hand(graph, {"value": 0, "after": 1, "nap": 0, "value~2": 1}, {}, 3)
    outcome = driven(napping(plan))
    assert outcome.status == "done", (outcome.reason, outcome.failures)
    assert outcome.failures == () and outcome.skipped == ()
    assert outcome.results[graph.index["after"]] == 7


def test_a_large_result_is_fetched_from_a_backup_when_its_slot_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = GraphBuilder()
    builder.add(wide, str(tmp_path), LARGE, id="value", replicas=2)
    builder.add("time:sleep", 2.0, id="pause")
    plan = by_hand(builder.build(), {"value": 0, "pause": 2}, {"value": (1,)}, 3)
    fetched: list[int] = []

    def fetch_from_the_second(*about: Any) -> Any:
        fetched.append(about[2])
        if len(fetched) == 1:
            time.sleep(0.5)  # by then its backup has it
            raise ConnectionError("its slot is gone")
        return fetch(*about)

    monkeypatch.setattr(coordinator, "fetch", fetch_from_the_second)
    outcome = driven(plan)
    assert outcome.status == "done", (outcome.reason, outcome.failures, outcome.lost)
    assert fetched == [0, 0] and len(outcome.lost) == 1
    assert outcome.again == () and made(tmp_path) == 1
    np.testing.assert_array_equal(outcome.results[0], np.arange(float(LARGE)))


def record(task: int, size: int | None = None) -> Record:
    return Record(task, 0, 1, 0, 0, 0, None, None, 0, size)


def keeper_of_two(results: Sequence[int] = (1,)) -> PlanKeeper:
    """Task 0 on slot 0 with its copy 2 on slot 1; task 1 takes its value on slot 2."""
    keeper = PlanKeeper([0, 2, 1], [[1], [], []], results, 3, replication=Replication({}, {2: 0}))
    for slot in range(3):
        keeper.handle(Hello(slot, slot, f"at {slot}"))
    return keeper


def test_a_copy_that_is_first_ends_its_task_and_a_task_that_is_first_spares_its_copy() -> None:
    keeper = keeper_of_two()
    assert keeper.handle(Finished(1, 1, (record(2),))) == [Skip(0, (0, 2))]
    assert keeper.ledger.tasks_in(TaskState.DONE) == [0]
    assert keeper.slot_of == [1, 2, 0]
    assert keeper.handle(Finished(0, 0, (record(0),))) == []  # it had begun
    assert sorted(keeper.ledger.records) == [0, 2]
    keeper = keeper_of_two()
    assert keeper.handle(Finished(0, 0, (record(0),))) == [Skip(1, (0, 2))]
    assert keeper.slot_of == [0, 2, 1]


def test_a_task_that_fails_fails_with_all_its_copies_and_a_copy_fails_alone() -> None:
    failure = TaskFailure("0", "0", 0, 0, "ValueError", "")
    keeper = keeper_of_two()
    keeper.handle(Failed(1, 1, 2, failure))
    assert keeper.ledger.failures == [] and keeper.ledger.waits(0)
    keeper.handle(Failed(0, 0, 0, failure))
    assert keeper.outcome is not None
    assert keeper.outcome.reason == "1 of 2 tasks failed, 0 finished, 1 were not run"
