"""Slots that are killed, stopped or late: the run goes on, and every result is what it would have been."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.model import Bound, Cluster, Graph, GraphBuilder, Plan, Schedule
from planner.rebalancing import Rebalancer
from planner.runtime.members import LATE
from planner.runtime.slot import SlotConfig
from tests.evaluator import evaluate
from tests.unit.runtime.processes import ProcessSlots, driven
from tests.unit.runtime.test_moves import graph_of, planned

pytestmark = [pytest.mark.losses, pytest.mark.timeout(120)]


class Blows:
    """Slots that are dealt blows: so many seconds after all have come, and so many tasks have ended."""

    def __init__(
        self, blows: Sequence[tuple[float, int, int]], retries: int = 0, journal: Path | None = None, ended: int = 0
    ) -> None:
        self.blows, self.retries, self.journal, self.ended = blows, retries, journal, ended

    def __call__(self, configs: Sequence[SlotConfig]) -> ProcessSlots:
        slots = ProcessSlots(configs)
        slots.retries = self.retries
        threading.Thread(target=self.deal, args=(slots,), daemon=True).start()
        return slots

    def begun(self, told: str, slots: int) -> bool:
        return told.count('"hello"') >= slots and told.count('"finished"') >= self.ended

    def deal(self, slots: ProcessSlots) -> None:
        while self.journal and not self.begun(self.journal.read_text(), len(slots.configs)):
            time.sleep(0.02)
        began = time.monotonic()
        for after, slot, what in sorted(self.blows):
            time.sleep(max(0.0, began + after - time.monotonic()))
            if not slots.over:
                slots.kill(slot, what)


def check(outcome: Any, graph: Graph) -> None:
    assert outcome.status == "done", (outcome.reason, outcome.failures, outcome.lost)
    assert sorted(outcome.records) == list(range(graph.n))
    expected = evaluate(graph)
    for task, value in outcome.results.items():
        np.testing.assert_array_equal(value, expected[graph.names[task]])


@pytest.mark.parametrize(("seed", "retries"), [(0, 0), (1, 3), (2, 3)])
def test_slots_that_are_killed_cost_no_result(seed: int, retries: int, tmp_path: Path) -> None:
    rng, graph = np.random.default_rng(seed), graph_of(seed, layers=20)
    blows = [(float(after), int(rng.integers(0, 4)), signal.SIGKILL) for after in rng.uniform(0.0, 0.6, 2 + retries)]
    plan, path = planned(graph, 4), tmp_path / "journal.jsonl"
    if not retries:
        blows = blows[:2]
    outcome = driven(plan, Blows(blows, retries, path), journal_path=path, moving=bool(seed % 2))
    check(outcome, graph)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lost = [line for line in lines if line["event"] == "lost" and line["reason"] != LATE]
    assert len(lost) == len(outcome.lost) >= 1
    assert lines[-1]["event"] == "ended"


def test_what_a_lost_slot_had_made_is_made_again_and_no_more(tmp_path: Path) -> None:
    """Slot 1 dies after its values were made, and before they are taken: they alone are made again."""
    builder = GraphBuilder()
    roots = [builder.add("builtins:int", i, id=f"root-{i}") for i in range(4)]
    made = [builder.add("operator:add", root, 1, id=f"made-{i}") for i, root in enumerate(roots)]
    pause = builder.add("time:sleep", 1.5, id="pause")
    builder.add("operator:add", made[1], made[2], id="sum", after=[pause])
    builder.add("operator:add", made[0], made[3], id="other", after=[pause])
    graph = builder.build()
    where = {"root-0": 0, "root-1": 0, "root-2": 0, "root-3": 0, "made-1": 1, "made-2": 1}
    slot = np.array([where.get(name, 1 if name == "sum" else 0) for name in graph.names], dtype=np.int32)
    start = np.empty(graph.n, dtype=np.int64)
    start[graph.order] = np.arange(graph.n) * 10**6
    plan = Plan(graph, Cluster.uniform(2), Schedule(slot, start, start + 10**6), Bound(0, ""), "by hand")
    again: list[str] = []

    class Told(Rebalancer):
        def again(self, task: int) -> None:
            again.append(graph.names[task])
            super().again(task)

    blows = Blows([(0.2, 1, signal.SIGKILL)], journal=tmp_path / "j", ended=6)
    outcome = driven(plan, blows, rebalancer=Told(plan), journal_path=tmp_path / "j")
    check(outcome, graph)
    assert sorted(again) == ["made-1", "made-2"]


def stop(folder: str, seconds: float, value: Any) -> Any:
    """Stop the process where it is called first."""
    try:
        (Path(folder) / "stopped").touch(exist_ok=False)
    except FileExistsError:
        return value
    pid = os.getpid()
    if os.fork() == 0:
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        os._exit(0)
    os.kill(pid, signal.SIGSTOP)
    return value


@pytest.mark.parametrize(("seconds", "lost"), [(1.0, 0), (4.0, 1)])
def test_a_slot_that_stands_still_is_waited_for_a_while(seconds: float, lost: int, tmp_path: Path) -> None:
    builder = GraphBuilder()
    first = builder.add("builtins:int", 1, id="first")
    held = builder.add(stop, str(tmp_path), seconds, first, id="held")
    for i in range(6):
        builder.add("operator:add", held, i, id=f"after-{i}")
    graph = builder.build()
    outcome = driven(planned(graph, 3), Blows((), retries=1), silence_s=2.0)
    assert outcome.status == "done", (outcome.reason, outcome.failures, outcome.lost)
    assert sorted(outcome.results.values()) == list(range(1, 7))
    assert len(outcome.lost) == lost
    assert all("not heard of for 2 s" in each for each in outcome.lost)


def die(after: float) -> None:
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_every_slot_fails_and_takes_no_more() -> None:
    builder = GraphBuilder()
    deadly = builder.add(die, 0.6, id="deadly")
    builder.add("builtins:str", deadly, id="after")
    for i in range(8):
        builder.add("time:sleep", 0.3, id=f"nap-{i}")
    graph = builder.build()
    outcome = driven(planned(graph, 3), Blows((), retries=5))
    assert outcome.status == "failed", outcome
    [failure] = outcome.failures
    assert failure.task == "deadly"
    assert failure.error.startswith("its slot was lost each of the 4 times that it ran")
    assert outcome.skipped == (graph.index["after"],)
    assert len(outcome.records) == 8


def test_when_nobody_is_left_and_nobody_comes_back_the_run_ends_and_says_so(tmp_path: Path) -> None:
    builder = GraphBuilder()
    for i in range(4):
        builder.add("time:sleep", 30, id=f"t{i}")
    began = time.monotonic()
    blows = Blows([(0.1, 0, signal.SIGKILL), (0.2, 1, signal.SIGKILL)], journal=tmp_path / "j")
    outcome = driven(planned(builder.build(), 2), blows, rendezvous_s=2.0, journal_path=tmp_path / "j")
    assert outcome.status == "lost"
    assert "every slot was lost, and none came back: executor" in outcome.reason
    assert len(outcome.lost) == 2 and len(outcome.skipped) == 4
    assert time.monotonic() - began < 20


class _Late(ProcessSlots):
    """The last slot comes late."""

    late_s = 2.5

    def __init__(self, configs: Sequence[SlotConfig]) -> None:
        super().__init__(configs[:-1])
        self.last = configs[-1]
        threading.Thread(target=self.come, daemon=True).start()

    def come(self) -> None:
        time.sleep(self.late_s)
        with self.lock:
            if not self.over:
                self.configs.append(self.last)
                self.attempts.append(0)
                self.processes.append(self.start(len(self.configs) - 1))


def test_a_slot_that_does_not_come_in_time_is_done_without_and_gets_work_when_it_comes() -> None:
    builder = GraphBuilder()
    for i in range(90):
        builder.add("time:sleep", 0.2, id=f"t{i}", work=0.2)
    graph = builder.build()
    plan = planned(graph, 3)
    Rebalancer(plan).decide(0, plan.schedule.slot, {})  # compiled before slots wait for it
    outcome = driven(plan, _Late, rendezvous_s=1.0, moving=True)
    assert outcome.status == "done"
    assert outcome.lost == (), "it is no loss, once it has come"
    assert outcome.slot_of.count(2) > 3, "it came, and got nothing"


class _OneMissing(ProcessSlots):
    def __init__(self, configs: Sequence[SlotConfig]) -> None:
        super().__init__(configs[:0])


def test_slots_that_never_come_are_named() -> None:
    builder = GraphBuilder()
    builder.add("builtins:str", 1, id="a")
    outcome = driven(planned(builder.build(), 2), _OneMissing, rendezvous_s=1)
    assert outcome.status == "lost"
    assert outcome.reason == "no slot had started in time; missing: executor 0 slot 0, executor 1 slot 0"


def test_a_task_that_may_run_on_a_lost_slot_only_waits_for_it_to_come_back(tmp_path: Path) -> None:
    builder = GraphBuilder()
    for i in range(3):
        builder.add("time:sleep", 1.0, id=f"t{i}", pin={"executor": str(i)})
    blows = Blows([(0.2, 1, signal.SIGKILL)], retries=1, journal=tmp_path / "j")
    outcome = driven(planned(builder.build(), 3), blows, journal_path=tmp_path / "j")
    assert outcome.status == "done"
    assert outcome.slot_of == (0, 1, 2)


def test_a_task_that_may_run_on_a_lost_slot_only_ends_the_run(tmp_path: Path) -> None:
    builder = GraphBuilder()
    for i in range(3):
        builder.add("time:sleep", 2, id=f"t{i}", pin={"executor": str(i)})
    blows = Blows([(0.2, 1, signal.SIGKILL)], journal=tmp_path / "j")
    outcome = driven(planned(builder.build(), 3), blows, journal_path=tmp_path / "j", rendezvous_s=2.0)
    assert outcome.status == "lost"
    assert "tasks['t1']" in outcome.reason
