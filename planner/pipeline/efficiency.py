"""The objective of efficiency: max over π of Σᵢ f(tᵢ, c_π(i)) ÷ e_π(i).

f(t, c) is the efficiency of task t on unit c, e_c the capacity of the unit. Each unit takes one task, or, where there
are more tasks than units, no more than its even share of them.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.arrays import Float64, Int32
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.plan import Trial
from planner.schedulers import Found
from planner.schedulers.kernel import by_rank, list_schedule, upward_rank

__all__ = ["Efficiency", "plan_by_efficiency", "read_efficiency"]

_LARGEST_EXACT = 4_000_000
"""Cells of the assignment matrix up to which the exact answer takes a second or so."""


@dataclass(frozen=True)
class Efficiency:
    """Efficiencies of tasks on executors.

    Parameters
    ----------
    pairs : mapping of (str, str) to float
        From a task's id or kind and an executor's id or kind; an id goes before a kind, the task's before the
        executor's.
    default : float
        For pairs that are not named.
    capacity : mapping of str to float
        Capacity of executors, by id or kind; 1 where it is not named.

    Examples
    --------
    >>> from planner.model import Cluster, Executor, Graph
    >>> units = Cluster(tuple(Executor(f"c{i}") for i in (1, 2)))
    >>> Efficiency({("t1", "c1"): 2.0}, default=0.5).matrix(Graph.from_arrays(["t1"], work=[1]), units)
    array([[2. , 0.5]])
    """

    pairs: Mapping[tuple[str, str], float]
    default: float = 0.0
    capacity: Mapping[str, float] = field(default_factory=dict)

    def matrix(self, graph: Graph, cluster: Cluster) -> Float64:
        """Give f(t, c) ÷ e_c for every task and executor; shape (n, executors).

        Raises
        ------
        InputError
            For names that are neither ids nor kinds, efficiencies below 0, capacities that are not above 0.
        """
        self._check(graph, cluster)
        rows = {name: [i] for i, name in enumerate(graph.names)}
        columns = {executor.id: [j] for j, executor in enumerate(cluster.executors)}
        kinds = {kind: np.flatnonzero(graph.kind == k).tolist() for k, kind in enumerate(graph.kinds)}
        sorts = _by_kind(cluster)
        values = np.full((graph.n, len(cluster.executors)), float(self.default))
        # From the general to the particular, so that the particular stays.
        for tasks, units in ((kinds, sorts), (kinds, columns), (rows, sorts), (rows, columns)):
            for (task, unit), value in self.pairs.items():
                if task in tasks and unit in units:
                    values[np.ix_(tasks[task], units[unit])] = value
        capacity = np.ones(len(cluster.executors))
        for units in (sorts, columns):
            for unit, value in self.capacity.items():
                if unit in units:
                    capacity[units[unit]] = value
        return values / capacity

    def _check(self, graph: Graph, cluster: Cluster) -> None:
        tasks = {*graph.names, *graph.kinds}
        units = {name for executor in cluster.executors for name in (executor.id, executor.kind)}
        faults = []
        for (task, unit), value in self.pairs.items():
            path = f"efficiency.{task}.{unit}"
            if task not in tasks:
                faults.append(Fault(path, f"{task!r} is neither a task nor a kind of task of the graph"))
            if unit not in units:
                faults.append(Fault(path, f"{unit!r} is neither an executor nor a kind of executor of the cluster"))
            if not (math.isfinite(value) and value >= 0):
                faults.append(Fault(path, f"is {value}; expected a finite number of 0 or more"))
        for unit, value in self.capacity.items():
            if unit not in units:
                faults.append(Fault(f"capacity.{unit}", "is neither an executor nor a kind of executor of the cluster"))
            if not (math.isfinite(value) and value > 0):
                faults.append(Fault(f"capacity.{unit}", f"is {value}; expected a finite number above 0"))
        if faults:
            raise InputError(faults)


def plan_by_efficiency(problem: Problem, efficiency: Float64, method: str) -> tuple[Found, float, float]:
    """Assign tasks to executors by efficiency.

    Parameters
    ----------
    problem : Problem
    efficiency : ndarray of float64, shape (n, executors)
        As `Efficiency.matrix` gives it.
    method : str
        ``auto`` solves the assignment exactly; ``greedy`` takes tasks as they stand, each to the best unit with room.

    Returns
    -------
    found : Found
    value : float
        Sum of the efficiencies over capacities.
    best_value : float
        What no assignment can exceed: the optimum itself when solved exactly, else every task on its best unit.

    Raises
    ------
    InputError
        For another method.
    """
    if method not in ("auto", "greedy"):
        raise InputError(
            [Fault("method", f"{method!r} does not know the objective efficiency; expected auto or greedy")]
        )
    share = -(-problem.n // problem.n_slots) if problem.n else 1
    per_slot = efficiency[:, problem.slot_executor]
    exact = method == "auto" and problem.n * problem.n_slots * share <= _LARGEST_EXACT
    slots = _assigned(per_slot, share) if exact else _greedily(per_slot, share)
    value = float(per_slot[np.arange(problem.n), slots].sum())
    best = value if exact else float(per_slot.max(axis=1).sum()) if problem.n else 0.0
    name = "assignment" if exact else "greedy"
    schedule = list_schedule(problem, by_rank(problem, upward_rank(problem)), slots=slots, insertion=True)
    why = f"each slot takes at most {share} of the {problem.n} tasks; "
    why += "the assignment problem was solved exactly" if exact else "tasks went to the best slot with room, in turn"
    return Found(schedule, name, (Trial(name, schedule.makespan_us, 0.0, f"value {value:g}"),), why), value, best


def _assigned(per_slot: Float64, share: int) -> Int32:
    """Exact maximum, each slot standing `share` times (Kuhn–Munkres, by scipy's Jonker–Volgenant variant)."""
    _, columns = linear_sum_assignment(np.tile(per_slot, (1, share)), maximize=True)
    slots: Int32 = (columns % per_slot.shape[1]).astype(np.int32)
    return slots


def _greedily(per_slot: Float64, share: int) -> Int32:
    room = np.full(per_slot.shape[1], share)
    slots = np.empty(len(per_slot), dtype=np.int32)
    for task, row in enumerate(per_slot):
        slots[task] = np.where(room > 0, row, -1.0).argmax()
        room[slots[task]] -= 1
    return slots


def read_efficiency(path: str | Path) -> Efficiency:
    """Read efficiencies from TOML or JSON: ``default``, ``[efficiency.TASK] UNIT = f``, ``[capacity] UNIT = e``.

    Raises
    ------
    InputError
        With every fault, each with its place in the file.
    """
    content = _parsed(Path(path))
    faults = [
        Fault(f"{path}: {key}", "is not known; expected default, efficiency, capacity")
        for key in content
        if key not in ("default", "efficiency", "capacity")
    ]
    pairs: dict[tuple[str, str], float] = {}
    for task, row in _table(content, "efficiency", path, faults).items():
        if not isinstance(row, dict):
            faults.append(Fault(f"{path}: efficiency.{task}", "is no table; expected UNIT = number"))
            continue
        for unit, value in row.items():
            pairs[task, unit] = _number(value, f"{path}: efficiency.{task}.{unit}", faults)
    capacity = {
        unit: _number(value, f"{path}: capacity.{unit}", faults)
        for unit, value in _table(content, "capacity", path, faults).items()
    }
    default = _number(content.get("default", 0.0), f"{path}: default", faults)
    if faults:
        raise InputError(faults)
    return Efficiency(pairs, default, capacity)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InputError([Fault(str(path), f"cannot be read as TOML or JSON: {error}")]) from error
    if not isinstance(content, dict):
        raise InputError([Fault(str(path), "holds no table; expected default, efficiency, capacity")])
    return content


def _table(content: dict[str, Any], key: str, path: str | Path, faults: list[Fault]) -> dict[str, Any]:
    table = content.get(key, {})
    if isinstance(table, dict):
        return table
    faults.append(Fault(f"{path}: {key}", "is no table; expected names and numbers"))
    return {}


def _number(value: Any, path: str, faults: list[Fault]) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    faults.append(Fault(path, f"is {value!r}; expected a number"))
    return 0.0


def _by_kind(cluster: Cluster) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {}
    for position, executor in enumerate(cluster.executors):
        kinds.setdefault(executor.kind, []).append(position)
    return kinds
