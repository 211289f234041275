"""A world in which a plan runs and is rebalanced, event by event, without Spark and without waiting."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.move import Decision
from planner.model.plan import Plan, Schedule
from planner.rebalancing.rebalancer import Rebalancer

__all__ = ["Lived", "live_through"]

TOLD_US = 50_000
"""Slots report what has ended so often."""

EVERY_US = 200_000
"""Between two decisions on all that is left."""

STEALING_US = 100_000
"""Between two looks at slots that run dry; when one has nothing to run, that is seen as soon as it is told."""


@dataclass(frozen=True, eq=False)
class Lived:
    """How it went.

    Attributes
    ----------
    schedule : Schedule
        What really ran where and when.
    decisions : tuple of Decision
    """

    schedule: Schedule
    decisions: tuple[Decision, ...] = field(default=())


def live_through(plan: Plan, takes_us: Callable[[int, int, int], int], rebalancer: Rebalancer | None = None) -> Lived:
    """Let slots run what waits on them in the plan's order; once tasks are moved, a slot that waits runs what is ready.

    Parameters
    ----------
    plan : Plan
    takes_us : callable
        ``takes_us(task, executor, at_us)``: what a task really takes that begins there and then.
    rebalancer : Rebalancer, optional
        Nothing is moved without one.
    """
    world = _World(plan, takes_us)
    decisions: list[Decision] = []
    told, due = 0, EVERY_US
    for now in world.steps(STEALING_US if rebalancer is not None else None):
        assert rebalancer is not None  # noqa: S101
        while told < len(world.ended) and world.finish[world.ended[told]] <= now - TOLD_US:
            task = world.ended[told]
            rebalancer.ended(task, int(world.slot[task]), int(world.start[task]), int(world.finish[task]))
            told += 1
        late = world.ended[told:]
        begun = {t: (int(world.slot[t]), int(world.start[t])) for t in (*world.running(), *late)}
        ask = rebalancer.decide if now >= due else rebalancer.steal
        decision = ask(now, world.slot, begun, (), world.beside())
        due = now + EVERY_US if now >= due else due
        decisions.append(decision)
        world.obey(decision)
    return Lived(Schedule(world.slot, world.start, world.finish), tuple(decisions))


class _World:
    def __init__(self, plan: Plan, takes_us: Callable[[int, int, int], int]) -> None:
        problem = Problem.of(plan.graph, plan.cluster)
        self.takes_us, self.problem, self.in_order, n = takes_us, problem, True, problem.n
        self.slot: Int32 = plan.schedule.slot.copy()
        self.order: Int64 = plan.schedule.start_us.copy()
        self.start, self.finish = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        self.ended: list[int] = []
        self._missing = np.diff(problem.pred_ptr).astype(np.int64)
        self._waiting: list[set[int]] = [set() for _ in range(problem.n_slots)]
        for task, slot in enumerate(self.slot.tolist()):
            self._waiting[slot].add(task)
        self._on: list[int | None] = [None] * problem.n_slots
        self._since = [0] * problem.n_slots
        self._seconds: dict[int, int] = {}  # slot -> a task that runs elsewhere, and is to run here as well
        # when, what (0: a slot ends its task, 1: look at it, 2: decide, 3: decide because it has nothing to run), which
        self._events: list[tuple[int, int, int]] = []
        self._every: int | None = None
        self._told_us = -1  # until when it is told that a slot has nothing to run

    def running(self) -> list[int]:
        return [task for slot, task in enumerate(self._on) if task is not None and self._counts(task, slot)]

    def beside(self) -> dict[int, tuple[int, int]]:
        on = ((slot, task) for slot, task in enumerate(self._on) if task is not None)
        return {slot: (task, self._since[slot]) for slot, task in on if not self._counts(task, slot)}

    def _counts(self, task: int, slot: int) -> bool:
        return bool(self.finish[task] < 0 and self.slot[task] == slot)

    def steps(self, every: int | None) -> Iterator[int]:
        for slot in range(self.problem.n_slots):
            heapq.heappush(self._events, (0, 1, slot))
        self._every = every
        if every is not None:
            heapq.heappush(self._events, (every, 2, 0))
        while len(self.ended) < self.problem.n:
            now, what, which = heapq.heappop(self._events)
            if what == 0:
                self._end(which, now)
            elif what == 1:
                self._begin(which, now)
            elif what == 3:
                if self._on[which] is None:
                    yield now
            else:
                yield now
                assert every is not None  # noqa: S101
                heapq.heappush(self._events, (now + every, 2, 0))

    def obey(self, decision: Decision) -> None:
        self.in_order = self.in_order and not decision.moves
        self.order = np.where(self.start < 0, decision.start_us, self.order)
        for move in decision.moves:
            if self.start[move.task] < 0:
                self._waiting[move.source].discard(move.task)
                self._waiting[move.target].add(move.task)
                self.slot[move.task] = move.target
                heapq.heappush(self._events, (decision.at_us + move.price_us, 1, move.target))
        for copy in decision.copies:
            self._seconds[copy.target] = copy.task
            heapq.heappush(self._events, (decision.at_us + copy.price_us, 1, copy.target))

    def _end(self, slot: int, now: int) -> None:
        task = self._on[slot]
        assert task is not None  # noqa: S101
        self._on[slot] = None
        if self.finish[task] < 0:  # the other slot that runs it, if there is one, is late
            self._ended(task, slot, now)
        self._begin(slot, now)

    def _ended(self, task: int, slot: int, now: int) -> None:
        problem = self.problem
        self.ended.append(task)
        self.slot[task], self.start[task], self.finish[task] = slot, self._since[slot], now
        for after in problem.succ[problem.succ_ptr[task] : problem.succ_ptr[task + 1]].tolist():
            self._missing[after] -= 1
            if not self._missing[after]:
                there = int(self.slot[after])
                heapq.heappush(self._events, (max(now, self._ready(after, there)), 1, there))

    def _ready(self, task: int, slot: int) -> int:
        """When all inputs of a task are there."""
        problem, latest = self.problem, 0
        here = problem.slot_executor[slot]
        for i in range(problem.pred_ptr[task], problem.pred_ptr[task + 1]):
            source = problem.pred[i]
            there = problem.slot_executor[self.slot[source]]
            sent = 0
            if there != here:
                pair = problem.network_class[there], problem.network_class[here]
                sent = int(problem.latency_us[pair] + np.ceil(problem.edge_bytes[i] * problem.us_per_byte[pair] - 1e-6))
            latest = max(latest, int(self.finish[source]) + sent)
        return latest

    def _begin(self, slot: int, now: int) -> None:
        if self._on[slot] is not None:
            return
        if (second := self._seconds.pop(slot, None)) is not None and self.finish[second] < 0:
            self._run(second, slot, now)
            return
        waiting = self._waiting[slot]
        if self.in_order and waiting:
            waiting = {min(waiting, key=lambda t: (self.order[t], t))}
        ready = [t for t in waiting if not self._missing[t]]
        there = [t for t in ready if self._ready(t, slot) <= now]
        if not there:
            if self._every is not None and self._told_us < now:
                self._told_us = now + TOLD_US
                heapq.heappush(self._events, (self._told_us, 3, slot))
            if ready:
                heapq.heappush(self._events, (min(self._ready(t, slot) for t in ready), 1, slot))
            return
        task = min(there, key=lambda t: (self.order[t], t))
        self._waiting[slot].discard(task)
        self.start[task] = now
        self._run(task, slot, now)

    def _run(self, task: int, slot: int, now: int) -> None:
        self._on[slot], self._since[slot] = task, now
        takes = self.takes_us(task, int(self.problem.slot_executor[slot]), now)
        heapq.heappush(self._events, (now + takes, 0, slot))
