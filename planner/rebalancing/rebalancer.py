"""What to move while a plan runs: a pure function of the plan, what has ended, and what runs.

What is left is predicted twice: where it is, and with tasks that go where they end soonest, if that is sooner by more
than their price. Moves are made when the second wins more than a margin, and more than chance may bring by itself; and
only of tasks that start soon, because the others can be decided when more is known. Every decision has its reason.

Where the run is not as planned, predictions are uncertain, and slots run dry between two decisions. So those that soon
will have nothing to run take, at any moment, what is ready elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from planner.cost import Problem
from planner.errors import Fault, InfeasibleError
from planner.model.arrays import Float64, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.move import Decision, Move
from planner.model.plan import Plan, Schedule
from planner.model.progress import Progress
from planner.model.units import format_seconds
from planner.rebalancing.beliefs import Beliefs
from planner.rebalancing.policies import POLICIES
from planner.rebalancing.stealing import GAIN_US, SLOWER, may_begin, stolen
from planner.rebalancing.stragglers import COPY_US, doubled, seconds
from planner.schedulers import list_near
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["Rebalancer"]

MARGIN = 0.02
"""Part of what is left that moves must win."""

SOON = 3.0
"""Tasks are moved that start within so many mean task times, and within so many `PRICE_US`."""

PRICE_US = 5_000
"""What a move costs at least: two slots have to be told."""

LEAST_US = 50_000
"""Least gain: what has ended in the last moments is not known yet, and makes predictions differ by as much."""

AT_ONCE, HELD = 0.05, 3
"""Part of what is left that moves must win to be made at once; less, if it was to be won so many times in a row."""

CHANCE = 0.25
"""Part of what chance will change by itself that moves must win: as long as much is left, a slot that is late may still
catch up."""

SUSPECT = 4.0
"""Spreads by which a task that still runs must be beyond what is expected, to be taken as a measurement."""

REPORTED_US = 100_000
"""For so long a task may have ended before that is known."""

NEVER_US = 10**15
"""A slot that is lost is free in so long: some thirty years."""

OVERDUE = 0.5
"""A task that runs longer than expected is expected to need this part of what it is late."""


@dataclass(frozen=True, eq=False)
class _Outlook:
    """What is believed of a run at one moment: the world as it seems to be, and how far the run has come in it."""

    now_us: int
    slowness: Float64
    kinds: Float64
    late_us: Mapping[int, float]
    progress: Progress
    graph: Graph
    cluster: Cluster
    problem: Problem


class Rebalancer:
    """Decides on moves while a plan runs; it has no clock and no sockets.

    Parameters
    ----------
    plan : Plan
    policy : {"planned", "least_loaded", "random"}
        What suggests where tasks might go.
    seed : int
        Of a policy that draws.
    copying : bool
        Whether tasks that run may be run elsewhere as well, where that is predicted to end sooner.
    """

    def __init__(self, plan: Plan, policy: str = "planned", seed: int = 0, *, copying: bool = False) -> None:
        self._suggest, self._draw = POLICIES[policy], np.random.default_rng(seed)
        self._by_rank: Int32 | None = None  # as long as the run is as planned
        self._turn: Int64 = plan.schedule.start_us
        self._graph, self._cluster = plan.graph, plan.cluster
        self._executor = plan.cluster.slot_executor
        self._beliefs = Beliefs(len(plan.cluster.executors), len(plan.graph.kinds))
        self._planned = Problem.of(plan.graph, plan.cluster)
        self._price_us = self._price(self._planned)
        self._gain_us: Int64 = np.full(plan.graph.n, GAIN_US, dtype=np.int64)
        self._stealing = policy == "planned" and self._planned.fits
        self._start_us: Int64 = plan.schedule.start_us.copy()
        self._done = Progress.none(plan.graph.n)
        self._held = 0
        self._copying, self._copied = copying and self._planned.fits, set[int]()
        self._stays = np.zeros(plan.graph.n, dtype=bool)  # a move might bring a replica to where another is
        self._stays[[*plan.graph.replicas, *plan.graph.copy_of]] = True

    def ended(self, task: int, slot: int, start_us: int, finish_us: int) -> None:
        """Take in that a task has ended."""
        executor = int(self._executor[slot])
        self._beliefs.learn(
            executor, int(self._graph.kind[task]), self._planned_us(task, executor), finish_us - start_us
        )
        done = self._done
        done.slot[task], done.start_us[task], done.finish_us[task] = slot, start_us, finish_us

    def again(self, task: int) -> None:
        """Take in that a task that had ended has to run again."""
        self._done.slot[task], self._done.start_us[task], self._done.finish_us[task] = -1, 0, 0

    def place(
        self, now_us: int, slot: Int32, running: Mapping[int, tuple[int, int]], lost: Collection[int]
    ) -> tuple[Int32, Int64]:
        """Give a slot to tasks that have none; others go elsewhere where they would end sooner by a move's price.

        Parameters
        ----------
        now_us : int
        slot : ndarray of int32, shape (n,)
            Where each task is; −1 where it has no slot.
        running : mapping of int to (int, int)
            Slot and start of each task that runs.
        lost : collection of int
            Slots that are gone.

        Returns
        -------
        slot : ndarray of int32, shape (n,)
        start_us : ndarray of int64, shape (n,)
            When each is predicted to start.

        Raises
        ------
        InfeasibleError
            If a task is left that no slot may run.
        """
        slowness, kinds = self._beliefs.slowness(), self._beliefs.kinds()
        progress = self._progress(now_us, running, {}, slowness, kinds, lost)
        problem = Problem.of(self._in_truth(kinds), self._world(slowness), progress)
        near = list_near(problem, slot, self._price(problem))
        left = np.flatnonzero(problem.fixed_slot < 0)
        stranded = left if near is None else left[near.start_us[left] >= now_us + NEVER_US]
        if near is None or len(stranded):
            names = [self._graph.names[task] for task in stranded[:5].tolist()]
            raise InfeasibleError([Fault(f"tasks[{name!r}]", "no slot that is left may run it") for name in names])
        self._start_us, self._held = near.start_us, 0
        return near.slot, near.start_us

    def decide(
        self,
        now_us: int,
        slot: Int32,
        running: Mapping[int, tuple[int, int]],
        lost: Collection[int] = (),
        beside: Mapping[int, tuple[int, int]] | None = None,
    ) -> Decision:
        """Decide what to move.

        Parameters
        ----------
        now_us : int
        slot : ndarray of int32, shape (n,)
            Where each task is now.
        running : mapping of int to (int, int)
            Slot and start of each task that runs.
        lost : collection of int
            Slots that are gone; nothing goes there.
        beside : mapping of int to (int, int), optional
            Task and start of each slot that runs what another one runs as well, or has ended.
        """
        seen = self._outlook(now_us, running, beside or {}, lost)
        self._rank(seen)
        problem, price = seen.problem, self._price(seen.problem)
        order = self._order()
        kept = list_schedule(problem, order, slots=slot, insertion=True)
        near = self._suggest(problem, slot, kept, price, order, self._draw)
        if near is None:
            reason = "tasks that stay apart find no other place"
            return Decision(now_us, (), reason, self._start_us)
        won, left = kept.makespan_us - near.makespan_us, max(0, kept.makespan_us - now_us)
        enough = won > max(LEAST_US, MARGIN * left, CHANCE * self._chance_us(problem))
        self._held = self._held + 1 if enough else 0
        if enough and (won > AT_ONCE * left or self._held >= HELD):
            moves = self._moves(seen, slot, kept, near, price)
            self._start_us = near.start_us
            reason = f"{len(moves)} moves win {format_seconds(won)} of {format_seconds(left)} that are left"
            return Decision(now_us, moves, reason, near.start_us)
        reason = f"moves would win {format_seconds(max(won, 0))} of {format_seconds(left)} that are left"
        reason += ", which may be an accident" if enough else ""
        copies, won = self._copies(seen, slot, running, price)
        if copies:
            reason = f"{len(copies)} copies win {format_seconds(won)} of {format_seconds(left)} that are left"
            return Decision(now_us, (), reason, self._start_us, copies)
        if self._by_rank is not None:
            decision = self._steals(self._by_rank, slot, seen.progress, seen.slowness, seen.kinds)
            if decision.moves:
                return decision
        return Decision(now_us, (), reason, self._start_us)

    def steal(
        self,
        now_us: int,
        slot: Int32,
        running: Mapping[int, tuple[int, int]],
        lost: Collection[int] = (),
        beside: Mapping[int, tuple[int, int]] | None = None,
    ) -> Decision:
        """Let slots that soon have nothing to run take what is ready elsewhere, unless all is as planned.

        That is quickly decided, between two times that all of what is left is looked at. Parameters are those of
        `decide`.
        """
        if self._by_rank is None:
            return Decision(now_us, (), "all is as planned", self._start_us)
        slowness, kinds = self._beliefs.slowness(), self._beliefs.kinds()
        self._suspect(now_us, running, slowness, kinds)
        progress = self._progress(now_us, running, beside or {}, slowness, kinds, lost)
        return self._steals(self._by_rank, slot, progress, slowness, kinds)

    def _steals(self, by_rank: Int32, slot: Int32, progress: Progress, slowness: Float64, kinds: Float64) -> Decision:
        moves = stolen(
            self._planned,
            progress,
            may_begin(self._planned, progress, self._done.slot >= 0, by_rank),
            slot,
            longer=kinds[self._graph.kind],
            slower=slowness[self._executor],
            price_us=self._price_us,
            gain_us=self._gain_us,
            stays=self._stays | (self._planned.apart >= 0),
        )
        if moves:
            self._start_us = self._turn
            self._gain_us[[move.task for move in moves]] *= 2
        return Decision(progress.now_us, tuple(moves), f"{len(moves)} tasks go to slots that run dry", self._start_us)

    def _rank(self, seen: _Outlook) -> None:
        """Order tasks by upward rank, where the run is not as planned."""
        if not (self._stealing and self._beliefs.surprised(seen.slowness)):
            self._by_rank = None
            return
        self._by_rank, self._turn = by_rank(seen.problem, upward_rank(seen.problem)), np.empty_like(self._turn)
        self._turn[self._by_rank] = np.arange(len(self._turn))

    def _outlook(
        self,
        now_us: int,
        running: Mapping[int, tuple[int, int]],
        beside: Mapping[int, tuple[int, int]],
        lost: Collection[int],
    ) -> _Outlook:
        slowness, kinds = self._beliefs.slowness(), self._beliefs.kinds()
        late = self._suspect(now_us, running, slowness, kinds)
        progress = self._progress(now_us, running, beside, slowness, kinds, lost)
        graph, cluster = self._in_truth(kinds), self._world(slowness)
        return _Outlook(now_us, slowness, kinds, late, progress, graph, cluster, Problem.of(graph, cluster, progress))

    def _moves(self, seen: _Outlook, slot: Int32, kept: Schedule, near: Schedule, price: Int64) -> tuple[Move, ...]:
        left = seen.problem.fixed_slot < 0
        soon = seen.now_us + SOON * max(PRICE_US, float(seen.problem.mean_time_us[left].mean()))
        chosen = np.flatnonzero(left & ~self._stays & (near.slot != slot) & (near.start_us <= soon))
        moves = []
        for task in chosen.tolist():
            source, target = int(slot[task]), int(near.slot[task])
            slow = seen.slowness[self._executor[source]] / seen.slowness[self._executor[target]]
            reason = f"its executor is {slow:.3g} × slower" if slow > SLOWER else "its slot is late"
            sooner = int(kept.finish_us[task] - near.finish_us[task])
            moves.append(Move(task, source, target, seen.now_us, int(price[task]), sooner, reason))
        return tuple(sorted(moves, key=lambda move: (-move.sooner_us, move.task)))

    def _copies(
        self, seen: _Outlook, slot: Int32, running: Mapping[int, tuple[int, int]], price: Int64
    ) -> tuple[tuple[Move, ...], int]:
        """Copy running tasks to where they end sooner, if that wins enough; give what it wins."""
        if not self._copying:
            return (), 0

        def takes_us(task: int, executor: int) -> float:
            usual = seen.slowness[executor] * seen.kinds[self._graph.kind[task]]
            return self._planned_us(task, executor) * float(usual)

        ends, free = {}, np.maximum(seen.problem.slot_ready_us, seen.now_us).astype(np.float64)
        for task, (where, _) in running.items():
            late_us = round(seen.now_us + OVERDUE * seen.late_us.get(task, 0.0))
            end = max(int(seen.progress.finish_us[task]), late_us)
            free[where] = max(free[where], end)
            if task not in self._copied and not self._stays[task]:
                ends[task] = where, end
        chosen = seconds(seen.problem, ends, takes_us, free, price)
        if not chosen:
            return (), 0
        without, with_them = (
            list_near(Problem.of(seen.graph, seen.cluster, doubled(seen.progress, chosen, copied=copied)), slot, price)
            for copied in (False, True)
        )
        if without is None or with_them is None:  # tasks that stay apart find no place
            return (), 0
        won = without.makespan_us - with_them.makespan_us
        if won <= max(LEAST_US, 2 * COPY_US, MARGIN * (without.makespan_us - seen.now_us)):
            return (), won
        self._copied.update(each.task for each in chosen)
        return tuple(each.move(seen.now_us, int(COPY_US + price[each.task])) for each in chosen), won

    def _suspect(
        self, now_us: int, running: Mapping[int, tuple[int, int]], slowness: Float64, kinds: Float64
    ) -> dict[int, float]:
        """Raise the slowness of executors on which a task runs longer than chance explains; give by how much longer."""
        late = {}
        most = np.exp(SUSPECT * self._beliefs.spread())
        for task, (where, since) in running.items():
            executor = int(self._executor[where])
            expected = self._planned_us(task, executor) * kinds[self._graph.kind[task]]
            runs = now_us - since - REPORTED_US
            if runs > expected * slowness[executor] * most:
                late[task] = runs - expected * float(slowness[executor])
                slowness[executor] = runs / expected
        return late

    def _chance_us(self, problem: Problem) -> float:
        """By how much the time that a slot has left varies by chance."""
        left = problem.fixed_slot < 0
        return self._beliefs.spread() * float(np.sqrt((problem.mean_time_us[left] ** 2).sum() / problem.n_slots))

    def _order(self) -> Int32:
        """Tasks as slots take them: what is planned to start first, goes first."""
        position = np.empty(self._graph.n, dtype=np.int64)
        position[self._graph.order] = np.arange(self._graph.n)
        return np.lexsort((position, self._start_us)).astype(np.int32)

    def _planned_us(self, task: int, executor: int) -> int:
        return int(self._planned.time_us[task, self._planned.executor_class[executor]])

    def _progress(
        self,
        now_us: int,
        running: Mapping[int, tuple[int, int]],
        beside: Mapping[int, tuple[int, int]],
        slowness: Float64,
        kinds: Float64,
        lost: Collection[int],
    ) -> Progress:
        def ends_us(task: int, where: int, since: int) -> float:
            executor = int(self._executor[where])
            expected = self._planned_us(task, executor) * float(slowness[executor] * kinds[self._graph.kind[task]])
            late = now_us - since - expected
            return since + expected if late < 0 else now_us + OVERDUE * late

        done = self._done
        slot, start, finish = done.slot.copy(), done.start_us.copy(), done.finish_us.copy()
        for task, (where, since) in running.items():
            slot[task], start[task], finish[task] = where, since, ends_us(task, where, since)
        free: dict[int, int] = {}
        for where, (task, since) in beside.items():
            free[where] = round(ends_us(task, where, since))
            if task in running and free[where] < finish[task]:  # the second slot is to be first
                free[running[task][0]] = int(finish[task])
                slot[task], start[task], finish[task] = where, since, free[where]
        free |= dict.fromkeys(lost, now_us + NEVER_US)
        return Progress(now_us, slot, start, finish, slot_free_us=free or None)

    def _in_truth(self, kinds: Float64) -> Graph:
        if np.allclose(kinds, 1):
            return self._graph
        return replace(self._graph, work_us=np.rint(self._graph.work_us * kinds[self._graph.kind]).astype(np.int64))

    def _world(self, slowness: Float64) -> Cluster:
        if np.allclose(slowness, 1):
            return self._cluster
        executors = tuple(
            replace(each, speed=each.speed / slow, speeds={kind: speed / slow for kind, speed in each.speeds.items()})
            for each, slow in zip(self._cluster.executors, slowness.tolist(), strict=True)
        )
        return replace(self._cluster, executors=executors)

    def _price(self, problem: Problem) -> Int64:
        """Price the move of each task: its largest input goes over the network once more."""
        largest = np.zeros(problem.n)
        np.maximum.at(largest, np.repeat(np.arange(problem.n), np.diff(problem.pred_ptr)), problem.mean_edge_us)
        return (PRICE_US + largest).astype(np.int64)
