"""Exact: a constraint programme over intervals, solved by CP-SAT, which proves its schedule or gives a bound.

L. Perron, F. Didier, S. Gay, The CP-SAT-LP solver, CP 2023, doi:10.4230/LIPIcs.CP.2023.3. A task has an optional
interval on every executor that may take it; an executor is a cumulative resource of as many units as it has slots, and
so is its memory; a value is on its way unless both ends are on one executor. Equal executors are used in the order of
the tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.plan import Schedule
from planner.schedulers.even import is_even
from planner.schedulers.heft import heft
from planner.schedulers.list_schedule import list_schedule
from planner.spills import spilled_bytes, worth

__all__ = ["Proved", "exact", "refuses_exact", "solve"]

_MOST_INTERVALS = 20_000
"""Tasks times executors above which the programme itself takes longer to build than a search takes."""


_EFFORT = 2.0
"""Deterministic time of the solver where nothing is said: ten to twenty seconds."""


class Proved(NamedTuple):
    """The best schedule, never worse than the start; a makespan that none can be below; and what the solver said."""

    schedule: Schedule
    bound_us: int
    note: str


def exact(problem: Problem, seed: int) -> Schedule:
    """Look for the shortest schedule with a constraint solver, starting from that of HEFT."""
    start = heft(problem, seed)
    return solve(problem, start=start, bound_us=0, seed=seed, effort=_EFFORT).schedule


def refuses_exact(problem: Problem) -> str | None:
    """Say why a problem is not tried; None, if it is."""
    if problem.n * (1 if is_even(problem) else problem.n_executors) <= _MOST_INTERVALS:
        return None
    return f"is for up to {_MOST_INTERVALS} tasks times executors"


def solve(
    problem: Problem,
    *,
    start: Schedule,
    bound_us: int,
    seed: int,
    seconds: float | None = None,
    effort: float = _EFFORT,
) -> Proved:
    """Look for a shorter schedule and for a proof that there is none.

    Parameters
    ----------
    problem : Problem
    start : Schedule
        The best one known.
    bound_us : int
        A makespan that none can be below.
    seed : int
    seconds : float, optional
        Time for the solver. Using it up is no failure: then there is a bound.
    effort : float
        Without `seconds`, the solver's deterministic time: the same everywhere, and some seconds for 1.
    """
    from ortools.sat.python import cp_model  # takes longer to import than most plans take

    model = _Programme(problem, cp_model.CpModel(), start, bound_us)
    solver = cp_model.CpSolver()
    if seconds is None:
        solver.parameters.max_deterministic_time = effort
    else:
        solver.parameters.max_time_in_seconds = max(0.01, seconds)
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    status = solver.solve(model.programme)
    said = solver.status_name(status).lower()
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Proved(start, bound_us, f"the solver said {said} after {solver.wall_time:.1f} s")
    bound = max(bound_us, int(np.ceil(solver.best_objective_bound - 1e-6)) * model.unit)
    best = min(start, *model.schedules(solver), key=lambda schedule: worth(problem, schedule))
    return Proved(best, min(bound, best.makespan_us), f"the solver said {said} after {solver.wall_time:.1f} s")


class _Programme:
    """The variables of a problem, and the constraints between them."""

    def __init__(self, problem: Problem, programme: Any, start: Schedule, bound_us: int) -> None:
        self.problem, self.programme, self.known = problem, programme, start
        self.left = problem.fixed_slot < 0
        self.unit = self._unit()
        self.horizon = self._horizon()
        self.alone = is_even(problem)  # then all slots are one resource
        self.executors = 1 if self.alone else problem.n_executors
        self.start = [self._time(task, problem.fixed_start_us) for task in range(problem.n)]
        self.end = [self._time(task, problem.fixed_finish_us) for task in range(problem.n)]
        self.on: list[dict[int, Any]] = [self._choices(task) for task in range(problem.n)]
        self.intervals = [self._intervals(executor) for executor in range(self.executors)]
        self.taken = self._taken()
        self._resources()
        self._edges()
        self._apart()
        makespan = programme.new_int_var(-(-bound_us // self.unit), self.horizon, "makespan")
        for task in range(problem.n):
            programme.add(makespan >= self.end[task])
        programme.minimize(makespan)
        programme.add_hint(makespan, start.makespan_us // self.unit)

    def _unit(self) -> int:
        """Give the largest unit of which all that can be a difference of times is a multiple."""
        p = self.problem
        parts = [p.time_us.reshape(-1), p.slot_ready_us, p.fixed_finish_us, p.fixed_start_us]
        if not p.free_network:
            parts.append(p.edge_us if len(p.edge_us) else np.ones(1, dtype=np.int64))
        parts.append(np.array([self.known.makespan_us]))
        return int(np.gcd.reduce(np.unique(np.concatenate(parts)))) or 1

    def _horizon(self) -> int:
        """Give the makespan of the known schedule; if it spills values, one that is enough without."""
        p, known = self.problem, self.known.makespan_us
        if spilled_bytes(p, self.known).any():
            sending = int(p.latency_us.max()) * len(p.pred) + int(np.ceil(p.edge_bytes * p.us_per_byte.max()).sum())
            known += int(p.time_us.max(axis=1).sum()) + sending
        return known // self.unit

    def _time(self, task: int, fixed: Int64) -> Any:
        if not self.left[task]:
            return int(fixed[task]) // self.unit
        return self.programme.new_int_var(0, self.horizon, "")

    def _takes(self, task: int, executor: int) -> int:
        return int(self.problem.time_us[task, self.problem.executor_class[executor]]) // self.unit

    def _choices(self, task: int) -> dict[int, Any]:
        """Give a literal for every executor that a task may be on; of equal ones, no more than tasks before it."""
        p = self.problem
        if not self.left[task]:
            return {0 if self.alone else int(p.slot_executor[p.fixed_slot[task]]): True}
        if self.alone:
            return {0: True}
        literals = {
            executor: self.programme.new_bool_var("")
            for executor in np.flatnonzero(p.place[p.place_row[task]]).tolist()
            if self._place_among_equals[executor] <= task or not p.fresh
        }
        self.programme.add_exactly_one(literals.values())
        known = int(p.slot_executor[self.known.slot[task]])
        if p.n_executors == 1 or known in literals:
            for executor, literal in literals.items():
                self.programme.add_hint(literal, executor == known)
        self.programme.add_hint(self.start[task], int(self.known.start_us[task]) // self.unit)
        return literals

    @property
    def _place_among_equals(self) -> list[int]:
        """Give for each executor how many that are equal to it stand before it."""
        if not hasattr(self, "_among"):
            p = self.problem
            slots = np.bincount(p.slot_executor, minlength=p.n_executors)
            keys = [
                (p.executor_class[e], p.network_class[e], slots[e], p.executor_memory[e], p.place[:, e].tobytes())
                for e in range(p.n_executors)
            ]
            one_network = len(p.latency_us) == 1
            self._among = [sum(a == b for a in keys[:i]) if one_network else 0 for i, b in enumerate(keys)]
        return self._among

    def _intervals(self, executor: int) -> list[tuple[int, Any]]:
        made = []
        for task in np.flatnonzero(self.left).tolist():
            literal, takes = self.on[task].get(executor), self._takes(task, executor)
            if literal is None:
                continue
            times = self.start[task], takes, self.end[task]
            if literal is True:
                made.append((task, self.programme.new_interval_var(*times, "")))
            else:
                made.append((task, self.programme.new_optional_interval_var(*times, literal, "")))
        return made

    def _resources(self) -> None:
        p = self.problem
        for executor, intervals in enumerate(self.intervals):
            slots = range(p.n_slots) if self.alone else range(p.first_slot[executor], p.first_slot[executor + 1])
            busy = [int(p.slot_ready_us[s]) // self.unit for s in slots]
            taken = [self.programme.new_fixed_size_interval_var(0, until, "") for until in busy if until]
            held = [interval for task, interval in intervals if self._takes(task, executor)]
            self.programme.add_cumulative([*held, *taken], [1] * (len(held) + len(taken)), len(slots))
            limit = int(p.executor_memory[executor])
            if limit >= 0 and not self.alone:
                self._memory(executor, intervals, limit)

    def _memory(self, executor: int, intervals: list[tuple[int, Any]], limit: int) -> None:
        """Let tasks that run, and values until the last task that waits for them has started, fit into memory."""
        p = self.problem
        demands = [int(p.memory_bytes[task]) for task, _ in intervals]
        running = [
            task
            for task in np.flatnonzero(~self.left).tolist()
            if p.slot_executor[p.fixed_slot[task]] == executor and p.fixed_finish_us[task] > p.slot_ready_us.min()
        ]
        still = [self.programme.new_fixed_size_interval_var(0, self.end[task], "") for task in running]
        demands += [min(limit, int(p.memory_bytes[task])) for task in running]
        values = [task for task in self.taken if executor in self.on[task]]
        waiting = [self._waiting(task, self.on[task][executor]) for task in values]
        demands += [int(p.waiting_bytes[task]) for task in values]
        self.programme.add_cumulative([*(interval for _, interval in intervals), *still, *waiting], demands, limit)

    def _taken(self) -> dict[int, Any]:
        """Give when the last task has started that waits for a value, for the values of which that matters."""
        p, taken = self.problem, {}
        for task in np.flatnonzero(p.waiting_bytes).tolist():
            taken[task] = self.programme.new_int_var(0, self.horizon, "")
            for after in p.succ[p.succ_ptr[task] : p.succ_ptr[task + 1]].tolist():
                self.programme.add(taken[task] >= self.start[after])
        return taken

    def _waiting(self, task: int, literal: Any) -> Any:
        times = self.end[task], self.programme.new_int_var(0, self.horizon, ""), self.taken[task]
        return self.programme.new_optional_interval_var(*times, literal, "")

    def _edges(self) -> None:
        p = self.problem
        for task in np.flatnonzero(self.left).tolist():
            for edge in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
                source = int(p.pred[edge])
                self.programme.add(self.start[task] >= self.end[source])
                if not self.alone and not p.free_network:
                    self._sending(edge, source, task)

    def _sending(self, edge: int, source: int, task: int) -> None:
        """Let a value be on its way, unless one executor has both tasks."""
        p = self.problem
        together = self.programme.new_bool_var("")
        for executor, literal in self.on[source].items():
            there = self.on[task].get(executor)
            self.programme.add_bool_or(
                [
                    together.negated(),
                    *(() if literal is True else (literal.negated(),)),
                    *(() if there is None else (there,)),
                ]
            )
        if len(p.edge_us):
            takes = int(p.edge_us[edge]) // self.unit
            self.programme.add(self.start[task] >= self.end[source] + takes).only_enforce_if(together.negated())
            return
        for executor, literal in self.on[source].items():
            for other, there in self.on[task].items():
                a, b = p.network_class[executor], p.network_class[other]
                size = float(p.edge_bytes[edge]) * float(p.us_per_byte[a, b])
                takes = -(-(int(p.latency_us[a, b]) + int(np.ceil(size - 1e-6))) // self.unit)
                if executor != other and takes:
                    both = [given for given in (literal, there) if given is not True]
                    self.programme.add(self.start[task] >= self.end[source] + takes).only_enforce_if(both)

    def _apart(self) -> None:
        p = self.problem
        for group in range(len(p.apart_ptr) - 1):
            members = p.apart_member[p.apart_ptr[group] : p.apart_ptr[group + 1]].tolist()
            zones = p.host if p.apart_host[group] else np.arange(self.executors)
            for zone in np.unique(zones).tolist():
                executors = np.flatnonzero(zones == zone).tolist()
                there = [self.on[task][e] for task in members for e in executors if e in self.on[task]]
                if any(literal is True for literal in there):
                    self.programme.add_bool_and([x.negated() for x in there if x is not True])
                else:
                    self.programme.add_at_most_one(there)

    def schedules(self, solver: Any) -> Iterator[Schedule]:
        """Schedule in the order and on the executors of the solution: nothing starts later. Then, as it stands.

        Where a value waits, a task that starts sooner than it has to may hold memory that another needs.
        """
        p = self.problem
        start, finish = p.fixed_start_us // self.unit, p.fixed_finish_us // self.unit
        where = np.zeros(p.n, dtype=np.int64)
        for task in np.flatnonzero(self.left).tolist():
            chosen = (e for e, literal in self.on[task].items() if literal is True or solver.boolean_value(literal))
            where[task] = next(chosen)
            start[task] = solver.value(self.start[task])
            finish[task] = solver.value(self.end[task])
        order = np.lexsort((np.argsort(p.order), finish, start)).astype(np.int32)
        yield list_schedule(p, order, executors=None if self.alone else where.astype(np.int32), insertion=True)
        if len(p.waiting_bytes) and (schedule := self._as_it_stands(order, where, start * self.unit)):
            yield schedule

    def _as_it_stands(self, order: Int32, where: Int64, start: Int64) -> Schedule | None:
        """Give every task a slot that is free then: a task that takes no time may have none."""
        p, slot = self.problem, self.problem.fixed_slot.copy()
        start_us, finish_us, free = p.fixed_start_us.copy(), p.fixed_finish_us.copy(), p.slot_ready_us.copy()
        for task in order[self.left[order]].tolist():
            slots = range(p.first_slot[where[task]], p.first_slot[where[task] + 1])
            slot[task] = next((s for s in slots if free[s] <= start[task]), -1)
            if slot[task] < 0:
                return None
            start_us[task], finish_us[task] = start[task], start[task] + p.time_us[task, p.executor_class[where[task]]]
            free[slot[task]] = finish_us[task]
        return Schedule(slot, start_us, finish_us)
