"""The objective of efficiency: max over π of Σᵢ f(tᵢ, c_π(i)) ÷ e_π(i).

f(t, c) is the efficiency of task t on unit c, e_c the capacity of the unit; the units are the executors. Each of their
slots takes one task, or, where there are more tasks than slots, no more than its even share of them.
"""

from __future__ import annotations

import json
import math
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.arrays import Float64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.plan import Bound, Trial
from planner.schedulers import Found
from planner.schedulers.assignment import (
    assign_exactly,
    assign_greedily,
    exact_cells,
    schedule_assigned,
    share_of,
)

__all__ = ["Efficiencies", "Efficiency", "efficiency_matrix", "plan_by_efficiency", "read_efficiency"]

_SHOWN = 20
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
        if not (math.isfinite(self.default) and self.default >= 0):
            faults.append(Fault("default", f"is {self.default}; expected a finite number of 0 or more"))
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


Efficiencies: TypeAlias = Efficiency | Mapping[tuple[str, str], float] | ArrayLike


def efficiency_matrix(given: Efficiencies, graph: Graph, cluster: Cluster) -> Float64:
    """Give f(t, c) ÷ e_c for every task and executor; shape (n, executors).

    Parameters
    ----------
    given : Efficiency, mapping of (task, executor) to float, or array_like of shape (n, executors)
        Pairs that a mapping does not name have efficiency 0. An array holds f ÷ e in the graph's and cluster's order.
    graph : Graph
    cluster : Cluster

    Raises
    ------
    InputError
        As `Efficiency.matrix`, and for an array of another shape or with values that are not finite numbers >= 0.
    """
    if isinstance(given, Mapping):
        given = Efficiency(given)
    if isinstance(given, Efficiency):
        return given.matrix(graph, cluster)
    matrix = np.asarray(given, dtype=np.float64)
    wanted = graph.n, len(cluster.executors)
    if matrix.shape != wanted:
        shape = f"has shape {matrix.shape}; expected {wanted}: a row a task, a column an executor"
        raise InputError([Fault("efficiency", shape)])
    wrong = np.argwhere(~(np.isfinite(matrix) & (matrix >= 0)))[:_SHOWN].tolist()
    if wrong:
        finite = "expected a finite number of 0 or more"
        raise InputError([Fault(f"efficiency[{i}, {j}]", f"is {matrix[i, j]}; {finite}") for i, j in wrong])
    return matrix


def plan_by_efficiency(problem: Problem, efficiency: Float64, method: str, bound: Bound) -> tuple[Found, float, float]:
    """Assign tasks to executors by efficiency.

    Parameters
    ----------
    problem : Problem
    efficiency : ndarray of float64, shape (n, executors)
        As `Efficiency.matrix` gives it.
    bound : Bound
        On the makespan.
    method : str
        ``auto`` solves the assignment exactly where that takes a second or so; ``greedy`` takes tasks as they stand,
        each to the best executor with room.

    Returns
    -------
    found : Found
    value : float
        Sum of the efficiencies over capacities.
    best_value : float
        What no assignment can exceed: the optimum itself when solved exactly, else every task on its best executor.

    Raises
    ------
    InputError
        For another method.
    """
    if method not in ("auto", "greedy"):
        problem_told = f"{method!r} does not know the objective efficiency; expected auto or greedy"
        raise InputError([Fault("method", problem_told)])
    began = time.perf_counter()
    exact = method == "auto" and exact_cells(problem) <= _LARGEST_EXACT
    executors = (assign_exactly if exact else assign_greedily)(problem, efficiency)
    schedule = schedule_assigned(problem, executors)
    value = float(efficiency[np.arange(problem.n), executors].sum())
    best = value if exact else float(efficiency.max(axis=1).sum()) if problem.n else 0.0
    name = "assignment" if exact else "greedy"
    trial = Trial(name, schedule.makespan_us, time.perf_counter() - began, f"value {value:g}")
    why = f"each slot takes at most {share_of(problem)} of the {problem.n} tasks; "
    why += (
        "the assignment problem was solved exactly" if exact else "tasks went to the best executor with room, in turn"
    )
    return Found(schedule, name, (trial,), why, bound), value, best


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
