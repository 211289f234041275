"""``curve(...)``: a graph planned anew on ever more executors, what that takes and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.errors import Fault, InfeasibleError, InputError
from planner.model.cluster import Cluster, Network
from planner.model.graph import Graph
from planner.model.plan import Bound
from planner.model.units import MICROSECONDS, format_bytes
from planner.partitioners import decompose
from planner.pipeline.planning import plan
from planner.pipeline.plans import Plan
from planner.schedulers.backups import choose_backups
from planner.schedulers.effort import Effort
from planner.validate import validate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Curve", "curve"]

_MOST_KEPT = 2_000_000
"""Tasks of all plans together up to which a curve keeps them: some 50 MB."""


@dataclass(frozen=True, eq=False, repr=False)
class Curve:
    """What more executors bring: the graph planned anew at each number of them.

    Shows itself as a table and a plot; in a notebook, a slider drags from the fewest executors to the most, and shows
    the Gantt chart of each plan.

    Attributes
    ----------
    executors : tuple of int
    makespan_us, bound_us : tuple of int
        Makespan and lower bound with each number of executors.
    about : str
        What was planned, on what, and by which method.
    too_few : tuple of int
        Numbers of executors that cannot hold the tasks, because some need more memory, another kind, or more apart.
    plans : tuple of Plan
        The plan for each number of executors; empty where they have more than 2 million tasks together.

    Examples
    --------
    >>> from planner import Graph, curve
    >>> line = curve(Graph.from_arrays(work=[3, 2, 2]), range(1, 5))
    >>> line
    Curve(1 executor 7 s, 2 executors 4 s, 3 executors 3 s, 4 executors 3 s)
    >>> line.at(2)
    Plan(3 tasks on 2 slots, makespan 4 s, lower bound 4 s, gap 0.00%, optimal, heft)
    """

    executors: tuple[int, ...]
    makespan_us: tuple[int, ...]
    bound_us: tuple[int, ...]
    about: str = ""
    too_few: tuple[int, ...] = ()
    plans: tuple[Plan, ...] = ()

    def __repr__(self) -> str:
        points = zip(self.executors, self.makespan_us, strict=True)
        told = [f"{count} executor{'s' * (count != 1)} {us / MICROSECONDS:.4g} s" for count, us in points]
        return f"Curve({', '.join(told if len(told) <= 6 else [*told[:3], '…', *told[-2:]])})"

    def at(self, executors: int) -> Plan:
        """Give the plan for so many executors: it explains itself, and can be run.

        Raises
        ------
        InputError
            If the curve has no such point, or was too large to keep its plans.
        """
        if executors not in self.executors:
            known = f"{self.executors[0]} to {self.executors[-1]}"
            raise InputError([Fault("executors", f"{executors!r} is no point of this curve; expected one of {known}")])
        if not self.plans:
            raise InputError(
                [Fault("executors", "plans of so many tasks are not kept; expected plan(graph, cluster) for one")]
            )
        return self.plans[self.executors.index(executors)]

    @property
    def knee(self) -> int | None:
        """The number of executors after which more of them bring little; None when the curve has no bend."""
        from planner.report.measures import knee

        at = knee(list(self.executors), [us / MICROSECONDS for us in self.makespan_us])
        return None if at is None else self.executors[at]

    def to_pandas(self) -> pd.DataFrame:
        """Give a row a number of executors.

        Returns
        -------
        pandas.DataFrame
            Columns ``executors``, ``makespan``, ``lower_bound`` (s), ``speedup`` over the first row, ``cost``
            (executor-seconds).
        """
        import pandas as pd

        makespan = pd.Series(self.makespan_us) / MICROSECONDS
        executors = pd.Series(self.executors)
        return pd.DataFrame(
            {
                "executors": executors,
                "makespan": makespan,
                "lower_bound": pd.Series(self.bound_us) / MICROSECONDS,
                "speedup": makespan.iloc[0] / makespan.where(makespan > 0),
                "cost": makespan * executors,
            }
        )

    def report(self, path: str | Path) -> Path:
        """Write the plot, the knee marked: a picture where the name ends in ``.svg``, else a self-contained page.

        On the page, a slider shows the Gantt chart of each plan, as in a notebook.

        Raises
        ------
        InputError
            If the file cannot be written, or its name promises something else.
        """
        from planner.report import write_curve

        return write_curve(self.to_pandas(), path, self.about, self.plans)

    def _repr_html_(self) -> str:
        from planner.report import curve_html

        return curve_html(self.to_pandas(), self.plans)

    def __str__(self) -> str:
        from planner.report import curve_text

        few = f"{self.too_few[-1]} executors or fewer cannot hold the tasks" if self.too_few else ""
        return "\n".join(part for part in (self.about, few, curve_text(self.to_pandas())) if part)


def curve(
    graph: Graph,
    executors: Iterable[int],
    *,
    slots: int = 1,
    memory_bytes: int | None = None,
    network: Network | None = None,
    cluster: Cluster | None = None,
    method: str = "auto",
    budget: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
) -> Curve:
    """Plan a graph on each number of executors.

    A plan for fewer executors is one for more of them, so that the makespan never rises.

    Parameters
    ----------
    graph : Graph
    executors : iterable of int
        For example ``range(2, 65)``.
    slots : int
        Slots of each executor.
    memory_bytes : int, optional
        Memory of each executor.
    network : Network, optional
    cluster : Cluster, optional
        Instead of equal executors: its first ones, and once there are no more of them, others like them, in turn.
    method, budget, iterations, seed
        As `plan`, for each point; with neither budget nor iterations, as many schedules as take some tenths of a
        second, and of large graphs quick list methods alone.

    Raises
    ------
    InputError
        If there is no number, or one below 1; if slots, memory or a network stand beside a cluster.
    InfeasibleError
        If no number of the executors can hold the tasks.

    Examples
    --------
    >>> from planner import Graph, curve
    >>> curve(Graph.from_arrays(work=[1] * 12), range(1, 5)).to_pandas()["makespan"].tolist()
    [12.0, 6.0, 4.0, 3.0]
    """
    counts = sorted(set(executors))
    if not counts or counts[0] < 1:
        raise InputError(f"executors are {counts[:5]}; expected numbers of 1 or more, such as 2..64")
    if cluster is not None and (slots != 1 or memory_bytes is not None or network is not None):
        raise InputError(
            [Fault("cluster", "stands beside slots, memory or a network, which it says itself; expected one")]
        )
    like = Cluster.uniform(1, slots, memory_bytes=memory_bytes, network=network) if cluster is None else cluster
    largest = _of(like, counts[-1])
    whole = decompose(graph, largest).graph
    problem = Problem.of(whole, largest)  # what even all of them cannot hold is told here
    told = {"method": method, "budget": budget, "iterations": iterations, "seed": seed}
    chosen = method != "auto" or budget is not None or iterations is not None
    effort = None if chosen else Effort.for_problem(problem, largest.n_slots)
    if effort is not None and effort.schedules:
        told["iterations"] = effort.schedules
    points: dict[int, tuple[int, int]] = {}
    plans: list[Plan] = []
    best: Plan | None = None
    for count in counts:
        with suppress(InfeasibleError):
            best = _point(graph, _of(like, count), effort, told, best)
            points[count] = best.makespan_us, best.bound.us
            plans += [best] if whole.n * len(counts) <= _MOST_KEPT else []
    tasks = "1 task" if whole.n == 1 else f"{whole.n:,} tasks"
    about = f"{tasks} on ever more executors, {_each(like)}; planned by {effort or _by(method, budget, iterations)}"
    makespans, bounds = zip(*points.values(), strict=True)
    too_few = tuple(count for count in counts if count not in points)
    return Curve(tuple(points), makespans, bounds, about, too_few, tuple(plans))


def _by(method: str, budget: float | None, iterations: int | None) -> str:
    spent = "" if budget is None else f" within {budget:g} s"
    return method + spent + ("" if iterations is None else f" with {iterations} schedules")


def _point(graph: Graph, cluster: Cluster, effort: Effort | None, told: dict[str, Any], before: Plan | None) -> Plan:
    """Plan as was told, or with an effort; `before` is the plan for fewer executors, which stays where it is better."""
    whole = decompose(graph, cluster).graph
    problem = Problem.of(whole, cluster)
    bound = lower_bound(problem)
    if before is not None and before.makespan_us <= bound.us:
        return _on(before, cluster, bound)
    if effort is None or effort.schedules:
        found = plan(graph, cluster, **told)
    else:
        began = time.perf_counter()
        schedule = effort.schedule(effort.counted(problem), bound, told["seed"])
        backups = choose_backups(problem, whole.replicas, schedule)
        validate(whole, cluster, schedule, backups=backups)
        spent, value = time.perf_counter() - began, schedule.makespan_us / MICROSECONDS
        found = Plan(whole, cluster, schedule, bound, str(effort), spent, value=value, settings=told, backups=backups)
    return _on(before if before is not None and before.makespan_us < found.makespan_us else found, cluster, found.bound)


def _on(found: Plan, cluster: Cluster, bound: Bound) -> Plan:
    """Give a plan on a cluster that has its executors first, and what is known there of the lower bound.

    Fewer executors may have been given fewer shards, which may be better than what is bounded.
    """
    return replace(found, cluster=cluster, bound=replace(bound, us=min(bound.us, found.makespan_us)))


def _of(like: Cluster, count: int) -> Cluster:
    """Give a cluster of so many executors: the first ones of another, and then others like them."""
    known, taken = like.executors, {executor.id for executor in like.executors}
    executors = list(known[:count])
    for i in range(len(executors), count):
        name = f"{i}"
        while name in taken:
            name += "'"
        taken.add(name)
        executors.append(replace(known[i % len(known)], id=name))
    hosts = {executor.host for executor in executors}
    links = tuple(link for link in like.network.links if hosts.issuperset(link.hosts))
    return replace(like, executors=tuple(executors), network=replace(like.network, links=links))


def _each(like: Cluster) -> str:
    """Say what the executors of a curve are like."""
    first = like.executors[0]
    if any(replace(executor, id="", host="") != replace(first, id="", host="") for executor in like.executors):
        return f"like the {len(like.executors)} of the cluster, in turn"
    memory = "" if first.memory_bytes is None else f" and {format_bytes(first.memory_bytes)}"
    return f"each of {first.slots} slot{'s' * (first.slots != 1)}{memory}"
