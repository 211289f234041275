"""Tasks that change their slots while they wait: every result is what it would have been."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from planner import GraphBuilder
from planner import plan as make_plan
from planner.model import Bound, Cluster, Graph, Plan, Schedule
from planner.model.move import Decision, Move
from planner.rebalancing import Rebalancer
from planner.runtime.coordinator import Heard
from planner.runtime.drive import Outcome
from planner.runtime.mover import Mover
from planner.runtime.progress import Progress
from planner.runtime.slot_queue import Record
from tests.evaluator import evaluate
from tests.unit.runtime.processes import driven as drive

pytestmark = pytest.mark.timeout(120)


class Shuffle:
    """Moves tasks at random, as many as it is told, again and again; and runs some of those that run twice."""

    def __init__(self, plan: Plan, seed: int, share: float, copied: float = 0.0) -> None:
        self.plan, self.share, self.rng, self.copied = plan, share, np.random.default_rng(seed), copied
        self.told: list[int] = []

    def ended(self, task: int, slot: int, start_us: int, finish_us: int) -> None:
        assert 0 <= slot < self.plan.cluster.n_slots and start_us <= finish_us
        self.told.append(task)

    def again(self, task: int) -> None:
        self.told.remove(task)

    def place(self, now_us: int, slot: Any, running: Any, lost: Collection[int]) -> tuple[Any, Any]:
        living = [s for s in range(self.plan.cluster.n_slots) if s not in lost]
        return self.rng.choice(living, len(slot)).astype(np.int32), self.plan.schedule.start_us

    def decide(
        self,
        now_us: int,
        slot: Any,
        running: Mapping[int, tuple[int, int]],
        lost: Collection[int] = (),
        beside: Mapping[int, tuple[int, int]] | None = None,
    ) -> Any:
        chosen = self.rng.random(len(slot)) < self.share
        targets = self.rng.integers(0, self.plan.cluster.n_slots, len(slot))
        moves = [
            Move(t, int(slot[t]), int(targets[t]), now_us, 1, 1, "to shuffle") for t in np.flatnonzero(chosen).tolist()
        ]
        order = np.argsort(np.argsort(self.plan.schedule.start_us + self.rng.random(len(slot))))
        return Decision(now_us, tuple(moves), "to shuffle", order, tuple(self.copies(running)))

    steal = decide

    def copies(self, running: Mapping[int, tuple[int, int]]) -> list[Move]:
        """Run some of what runs elsewhere as well."""
        chosen = [task for task in running if self.rng.random() < self.copied]
        target = self.rng.integers(0, self.plan.cluster.n_slots, len(chosen)).tolist()
        return [Move(t, 0, s, 0, 1, 1, "to shuffle") for t, s in zip(chosen, target, strict=True)]


def nap(seconds: float, *values: Any) -> Any:
    import time

    time.sleep(seconds)
    return sum(np.sum(value) for value in values)


def wide(n: int, *values: Any) -> Any:
    import time

    time.sleep(0.01)
    return np.full(n, float(sum(np.sum(value) for value in values)) % 1000 + 1)


def graph_of(seed: int, layers: int = 8, width: int = 6) -> Graph:
    """Give layers of tasks that take values, large and small, from those before, or only wait for them."""
    rng, builder = np.random.default_rng(seed), GraphBuilder()
    before: list[Any] = []
    for layer in range(layers):
        now = []
        for i in range(width):
            taken = [before[k] for k in rng.permutation(len(before))[: rng.integers(0, 4)]]
            after = [before[k] for k in rng.permutation(len(before))[: rng.integers(0, 2)]]
            if rng.random() < 0.5:
                now.append(builder.add(nap, 0.02, *taken, i, id=f"nap-{layer}-{i}", after=after))
            else:
                n = int(rng.choice([10, 1000, 100_000]))  # the last is too large to travel in an announcement
                now.append(builder.add(wide, n, *taken, i, id=f"wide-{layer}-{i}", after=after))
        before = [*before[-width:], *now]
    return builder.build()


def planned(graph: Graph, slots: int) -> Plan:
    """Deal tasks out in turn."""
    start, slot = np.empty(graph.n, dtype=np.int64), np.empty(graph.n, dtype=np.int32)
    start[graph.order], slot[graph.order] = np.arange(graph.n) * 10**6, np.arange(graph.n) % slots
    return Plan(graph, Cluster.uniform(slots), Schedule(slot, start, start + 10**6), Bound(0, ""), "by hand")


def driven(plan: Plan, monkeypatch: pytest.MonkeyPatch, every: float = 0.02, **more: Any) -> Outcome:
    monkeypatch.setattr("planner.runtime.mover._EVERY_S", every)
    monkeypatch.setattr("planner.runtime.drive._TICK_S", every)
    return drive(plan, moving=True, **more)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_moved_the_results_are_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(seed)
    plan, expected = planned(graph, 3), evaluate(graph)
    shuffle = Shuffle(plan, seed, share=0.3)
    outcome = driven(plan, monkeypatch, rebalancer=shuffle, journal_path=tmp_path / "journal.jsonl")
    assert outcome.status == "done", outcome
    assert sorted(outcome.records) == list(range(graph.n))
    for task, value in outcome.results.items():
        np.testing.assert_array_equal(value, expected[graph.names[task]])
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    ran = {line["task"]: line["slot"] for line in lines if line["event"] == "finished"}
    assert ran == {graph.names[task]: slot for task, slot in enumerate(outcome.slot_of)}
    moved = sum(a != b for a, b in zip(outcome.slot_of, plan.schedule.slot.tolist(), strict=True))
    assert moved > 0, "this test shows nothing"
    assert {line["reason"] for line in lines if line["event"] == "move"} == {"to shuffle"}
    assert len(set(shuffle.told)) == len(shuffle.told)


def lock() -> Any:
    import threading

    return threading.Lock()


def held(seconds: float, value: Any, *more: Any) -> bool:
    import time

    time.sleep(seconds)
    return type(value).__name__ == "lock" and all(more)


@pytest.mark.parametrize("seed", range(3))
def test_a_value_that_does_not_pickle_brings_its_taker_back(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    builder, before = GraphBuilder(), []
    for i in range(10):
        made = builder.add(lock, id=f"lock-{i}")
        before.append(builder.add(held, 0.05, made, *before[-2:], id=f"held-{i}"))
    graph = builder.build()
    slot = np.arange(graph.n, dtype=np.int32) // 2 % 3  # a lock and its taker on one slot
    start = np.arange(graph.n) * 10**6
    plan = Plan(graph, Cluster.uniform(3), Schedule(slot, start, start + 10**6), Bound(0, ""), "by hand")
    outcome = driven(plan, monkeypatch, rebalancer=Shuffle(plan, seed, share=0.3))
    assert outcome.status == "done" and set(outcome.results.values()) == {True}


def nap_here(folder: str, seconds: float, *_: Any) -> int:
    """Sleep; five times as long in the process that came first."""
    import os
    import time

    try:
        (Path(folder) / "slow").touch(exist_ok=False)
        (Path(folder) / str(os.getpid())).touch()
    except FileExistsError:
        pass
    time.sleep(seconds * (5 if (Path(folder) / str(os.getpid())).exists() else 1))
    return os.getpid()


def test_a_slot_that_is_slow_gives_its_tasks_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder, stream = GraphBuilder(), io.StringIO()
    first = [builder.add(nap_here, str(tmp_path), 0.05, id=f"a{i}", work=0.05) for i in range(24)]
    for i in range(24):
        builder.add(nap_here, str(tmp_path), 0.05, first[i], first[(i + 5) % 24], id=f"b{i}", work=0.05)
    plan = make_plan(builder.build(), Cluster.uniform(3), iterations=20)
    Rebalancer(plan).decide(0, plan.schedule.slot, {})  # compiled before slots wait for it
    progress = Progress(plan, stream=stream, every=0)
    outcome = driven(plan, monkeypatch, rebalancer=Rebalancer(plan), progress=progress)
    assert outcome.status == "done"
    slow = int(next(path.name for path in tmp_path.iterdir() if path.name != "slow"))
    where = next(summary.slot for summary in outcome.summaries if summary.pid == slow)
    assert sum(slot == where for slot in outcome.slot_of) < sum(plan.schedule.slot == where)
    assert " moved" in stream.getvalue().splitlines()[-1]
    assert any("slower" in move.reason for decision in outcome.decisions for move in decision.moves)


def test_a_task_that_ran_again_and_has_ended_again_is_not_taken_for_one_that_waits() -> None:
    """Both ends and the loss between them may be told at once."""
    graph = graph_of(0, layers=1, width=2)
    plan, told = planned(graph, 2), list[str]()
    record = Record(0, 0, 1, 0, 0, 0, None, None, 0)
    heard = Heard([record, record], [0, 1], {}, {}, [0, 1], [0], [1], [])
    ledger = SimpleNamespace(waits=lambda task: task == 1)
    coordinator: Any = SimpleNamespace(
        keeper=SimpleNamespace(ledger=ledger, together=True, orphans=[1]), heard=lambda: heard, place=lambda *_: None
    )
    rebalancer: Any = SimpleNamespace(
        ended=lambda task, *_: told.append(f"{task} ended"),
        again=lambda task: told.append(f"{task} again"),
        place=lambda now, slots, *_: (slots, plan.schedule.start_us),
    )
    Mover(coordinator, rebalancer, plan, 1.0).tick()
    assert told == ["0 ended", "0 ended", "1 again"]


def test_between_two_decisions_dry_slots_take_tasks_and_are_told_an_order_only_if_it_is_new() -> None:
    plan, told = planned(graph_of(0, layers=1, width=3), 2), list[tuple[str, dict[int, int], bool]]()
    heard = Heard([Record(0, 0, 1, 0, 0, 0, None, None, 0)], [], {}, {}, [0, 0, 0], [0, 1], [], [])
    move = Move(1, 0, 1, 0, 5, 9, "a slot runs dry")
    first, second = plan.schedule.start_us, plan.schedule.start_us.copy()
    orders = [first, first, second]

    def ask(what: str) -> Any:
        def decide(*_: Any) -> Decision:
            told.append((what, {}, False))
            return Decision(0, (move,), what, orders[len(told) - 1])

        return decide

    def moved(targets: dict[int, int], order: dict[int, int]) -> None:
        told[-1] = (told[-1][0], targets, bool(order))

    coordinator: Any = SimpleNamespace(
        keeper=SimpleNamespace(ledger=SimpleNamespace(waits=lambda task: task > 0), together=True, orphans=[]),
        heard=lambda: heard,
        move=moved,
        note=lambda lines: None,
    )
    rebalancer: Any = SimpleNamespace(ended=lambda *_: None, decide=ask("decide"), steal=ask("steal"))
    mover = Mover(coordinator, rebalancer, plan, 1.0)
    mover.tick()
    mover.tick()
    mover._next_steal = 0.0
    mover.tick()
    assert told == [("decide", {1: 1}, True), ("steal", {1: 1}, False), ("steal", {1: 1}, True)]
