"""``replan(...)``: what is left of a plan, planned anew around what has begun."""

from __future__ import annotations

import time

import numpy as np

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model import plan as model
from planner.model.cluster import Cluster
from planner.model.plan import Bound, Learnt
from planner.model.progress import Progress
from planner.model.units import MICROSECONDS
from planner.pipeline.plans import Plan
from planner.schedulers import Found, as_foreseen, auto, choose_backups, keep, list_anew
from planner.spills import spills_told, worth
from planner.validate import validate

__all__ = ["replan"]


def replan(
    plan: model.Plan,
    progress: Progress,
    cluster: Cluster | None = None,
    *,
    budget: float | None = None,
    iterations: int = 0,
    seed: int = 0,
) -> Plan:
    """Plan anew what of a plan has not begun.

    Parameters
    ----------
    plan : Plan
    progress : Progress
        What has begun, what is expected of it, and which executors are closed.
    cluster : Cluster, optional
        Where speeds or links have turned out otherwise. The slots of the plan are its first ones, in the same order;
        executors that have come since stand behind them.
    budget : float, optional
        Seconds to search in.
    iterations : int
        Schedules to try in a search. With neither, the better of two is taken within milliseconds: what is left stays
        on its slots in its order, or is all listed anew.
    seed : int

    Returns
    -------
    Plan
        Of all tasks; those that have begun stand as recorded. Slots that stand by do so again, where they may. Where
        closed executors leave too few for all replicas, there are fewer.

    Raises
    ------
    InfeasibleError
        If a task is left that no open executor may take.

    Examples
    --------
    >>> from planner import Cluster, Graph, Progress, plan
    >>> planned = plan(Graph.from_arrays(work=[4, 4, 4]), Cluster.uniform(3))
    >>> lost = Progress.none(3, now_us=1_000_000)  # executor 2 was lost before anything had begun
    >>> replan(planned, Progress(lost.now_us, lost.slot, lost.start_us, lost.finish_us, closed=("2",))).makespan
    9.0
    """
    began = time.perf_counter()
    world = plan.cluster if cluster is None else cluster
    problem = Problem.of(plan.graph, world, progress)
    bound = lower_bound(problem)
    if budget is None and not iterations:
        found = _found_at_once(problem, plan, bound, foreseen=world == plan.cluster)
    else:
        found = auto(problem, bound, seed, seconds=budget, schedules=None if budget is not None else iterations)
    backups = choose_backups(problem, plan.graph.replicas, found.schedule, plan.backups)
    validate(plan.graph, world, found.schedule, progress, backups)
    return Plan(
        plan.graph,
        world,
        found.schedule,
        found.bound,
        found.method,
        seconds=time.perf_counter() - began,
        value=found.schedule.makespan_us / MICROSECONDS,
        trials=found.trials,
        notes=(*plan.notes, found.stopped, *spills_told(problem, world, found.schedule)),
        settings={**plan.settings, "replanned_at": progress.now_us / MICROSECONDS},
        progress=progress,
        learnt=_carried(plan, world),
        backups=backups,
    )


def _carried(plan: model.Plan, world: Cluster) -> Learnt | None:
    """Keep what a history made of works, and of the speeds of executors that are still as they were."""
    if plan.learnt is None:
        return None
    known = {
        executor.id: (executor, by) for executor, by in zip(plan.cluster.executors, plan.learnt.speeds, strict=True)
    }
    same = [known.get(executor.id, (None, 1.0)) for executor in world.executors]
    speeds = [by if was == executor else 1.0 for executor, (was, by) in zip(world.executors, same, strict=True)]
    return Learnt(plan.learnt.works, np.array(speeds))


def _found_at_once(problem: Problem, plan: model.Plan, bound: Bound, *, foreseen: bool) -> Found:
    """Give the better of two: what is left as it was planned, or listed anew."""
    kept, anew = keep(problem, plan.schedule), list_anew(problem)
    if foreseen and as_foreseen(problem, plan.schedule):  # what starts sooner may be in the way where values wait
        kept = min(kept, plan.schedule, key=lambda trial: worth(problem, trial))
    name, better = min(("as planned", kept), ("critical_path", anew), key=lambda trial: worth(problem, trial[1]))
    return Found(better, name, (), f"{name} was the better of two", bound)
