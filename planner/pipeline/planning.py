"""``plan(...)``: from a graph and a cluster to a proved, validated plan. Read this function first."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, fields

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.cluster import Cluster
from planner.model.compiled import slowness
from planner.model.graph import Graph
from planner.model.plan import Bound, Learnt, Trial
from planner.model.units import MICROSECONDS
from planner.model.weights import Weights
from planner.objective import price_us
from planner.partitioners import decompose
from planner.pipeline.efficiency import Efficiencies, efficiency_matrix, plan_by_efficiency
from planner.pipeline.learning import History, with_history
from planner.pipeline.plans import Plan
from planner.schedulers import Found, auto, choose_backups, get, solve
from planner.spills import spills_told
from planner.validate import validate

__all__ = ["OBJECTIVES", "plan"]

OBJECTIVES = ("makespan", "efficiency", "weighted")


def plan(
    graph: Graph,
    cluster: Cluster,
    *,
    method: str = "auto",
    budget: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    objective: str = "makespan",
    efficiency: Efficiencies | None = None,
    weights: Weights | Mapping[str, float] | None = None,
    history: History | None = None,
) -> Plan:
    """Plan a graph on a cluster.

    Parameters
    ----------
    graph : Graph
        Data-parallel tasks in it are cut into shards first, and active replicas become tasks of their own.
    cluster : Cluster
    method : str
        A name that `planner methods` lists, or ``auto``: the best of them, and a search around it.
    budget : float, optional
        Seconds for which ``auto`` searches, unless it proves the plan optimal before. A plan found against the clock
        may be another one the next time.
    iterations : int, optional
        Schedules that ``auto`` tries, instead. With neither, it tries as many as take about a second.
    seed : int
        The same graph, cluster, method, seed and iterations give the same plan.
    objective : {"makespan", "efficiency", "weighted"}
        Least makespan, the greatest sum of efficiencies over capacities, or the least weighted sum of makespan, bytes
        that are sent and imbalance.
    efficiency : Efficiency, mapping or array_like of shape (n, executors), optional
        Efficiencies of tasks on executors, for that objective: by names, as ``{(task, executor): f}`` with ids or
        kinds, or as an array in the graph's and the cluster's order.
    weights : Weights or mapping, optional
        For the objective ``weighted``, such as ``{"time": 1, "gigabytes": 5, "imbalance": 0.5}``.
    history : str or path, optional
        Folder, or URI of one, to which runs were added (`planner.spark.run` with ``history=``): works and speeds are
        corrected by what these took, and notes of the plan say how. One that is not there yet changes nothing.

    Returns
    -------
    Plan
        Validated, with its lower bound.

    Raises
    ------
    InputError
        For an unknown method or objective, a budget or seed below 0, an efficiency or weights that do not fit the
        objective, files in the history that are none.
    InfeasibleError
        If a task fits no executor's memory, or has more replicas than executors that may take it.

    Examples
    --------
    >>> from planner import Cluster, Graph, plan
    >>> print(repr(plan(Graph.from_arrays(work=[3, 2, 2]), Cluster.uniform(2))))
    Plan(3 tasks on 2 slots, makespan 4 s, lower bound 4 s, gap 0.00%, optimal, heft)
    """
    _check(budget, iterations, seed, objective, efficiency, weights)
    counts = Weights(**weights) if isinstance(weights, Mapping) else weights
    if method != "auto":
        get(method)  # an unknown name is told before any work
    began = time.perf_counter()
    told: tuple[str, ...] = ()
    learnt: Learnt | None = None
    if history is not None:
        corrected = with_history(graph, cluster, history)
        graph, cluster, learnt, told = corrected.graph, corrected.cluster, corrected.learnt, corrected.notes
    whole = decompose(graph, cluster)
    problem = Problem.of(whole.graph, cluster)
    bound = lower_bound(problem)
    best: float | None = None
    if efficiency is not None:
        if whole.graph.copy_of:
            what = "knows nothing of active replicas; expected standby ones, or another objective"
            raise InputError([Fault("objective", f"'efficiency' {what}")])
        matrix = efficiency_matrix(efficiency, whole.graph, cluster)
        found, value, best = plan_by_efficiency(problem, matrix, method, bound)
    else:
        found = _solve(problem, bound, method, budget, iterations, seed, counts)
        value = price_us(problem, found.schedule, counts) / MICROSECONDS
        best = None if counts is None else counts.time * found.bound.us / MICROSECONDS
    backups = choose_backups(problem, whole.graph.replicas, found.schedule)
    validate(whole.graph, cluster, found.schedule, backups=backups)
    return Plan(
        whole.graph,
        cluster,
        found.schedule,
        found.bound,
        found.method,
        seconds=time.perf_counter() - began,
        objective=objective,
        value=value,
        best_value=best,
        trials=found.trials,
        notes=(*told, *whole.notes, found.stopped, *_in_haste(found), *spills_told(problem, cluster, found.schedule)),
        settings={
            **{"method": method, "budget": budget, "iterations": iterations, "seed": seed},
            **({} if counts is None else {"weights": asdict(counts)}),
        },
        learnt=None if learnt is None else Learnt(learnt.works[whole.origin], learnt.speeds),
        backups=backups,
    )


def _in_haste(found: Found) -> list[str]:
    """Say so where another plan may be better, because this one was not made by compiled loops."""
    if slowness() == 1 or found.schedule.makespan_us <= found.bound.us:
        return []
    again = "plan again when it is (planner warm), for a longer one"
    return [f"planned before everything is compiled, with a short search; {again}"]


def _solve(
    problem: Problem,
    bound: Bound,
    method: str,
    budget: float | None,
    iterations: int | None,
    seed: int,
    weights: Weights | None,
) -> Found:
    if method == "auto":
        return auto(problem, bound, seed, seconds=budget, schedules=iterations, weights=weights)
    began = time.perf_counter()
    if why := get(method).refuses(problem):
        raise InputError([Fault("method", f"{method} {why}; expected another, such as heft")])
    note = f"{method} was asked for"
    if method == "exact":
        start = get("heft").schedule(problem, seed)
        proved = solve(problem, start=start, bound_us=bound.us, seed=seed, seconds=budget)
        schedule, note = proved.schedule, proved.note
        if proved.bound_us > bound.us:
            bound = Bound(proved.bound_us, "a constraint solver has proved that there is nothing shorter")
    else:
        schedule = get(method).schedule(problem, seed)
    return Found(schedule, method, (Trial(method, schedule.makespan_us, time.perf_counter() - began),), note, bound)


def _check(
    budget: float | None,
    iterations: int | None,
    seed: int,
    objective: str,
    efficiency: Efficiencies | None,
    weights: Weights | Mapping[str, float] | None,
) -> None:
    faults = []
    if iterations is not None and iterations < 0:
        faults.append(Fault("iterations", f"is {iterations}; expected 0 or more"))
    if budget is not None and iterations is not None:
        faults.append(Fault("iterations", "stands beside a budget of seconds; expected one of them"))
    if budget is not None and not (math.isfinite(budget) and budget >= 0):
        faults.append(Fault("budget", f"is {budget}; expected seconds of 0 or more"))
    if seed < 0:
        faults.append(Fault("seed", f"is {seed}; expected 0 or more"))
    if objective not in OBJECTIVES:
        faults.append(Fault("objective", f"{objective!r} is not known; expected one of {', '.join(OBJECTIVES)}"))
    else:
        for name, given in (("efficiency", efficiency), ("weights", weights)):
            goes_with = "efficiency" if name == "efficiency" else "weighted"
            if (objective == goes_with) != (given is not None):
                faults.append(Fault(name, f"goes with objective={goes_with!r}; expected both or neither"))
    if isinstance(weights, Mapping):
        known = [each.name for each in fields(Weights)]
        unknown = [name for name in weights if name not in known]
        faults += [Fault(f"weights[{name!r}]", f"is not known; expected {', '.join(known)}") for name in unknown]
    if faults:
        raise InputError(faults)
