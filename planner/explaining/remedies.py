"""What would help a plan: the same work planned again in other worlds, never a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.explaining.worlds import World, worlds
from planner.model.arrays import Int32
from planner.model.plan import Plan
from planner.schedulers.effort import Effort
from planner.schedulers.list_schedule import list_schedule
from planner.spills import worth
from planner.validate import validate

__all__ = ["Remedy", "effort_for", "remedies"]


@dataclass(frozen=True)
class Remedy:
    """What a plan would take in another world.

    Attributes
    ----------
    what : str
        What is different there.
    before_us, makespan_us : int
        The makespan of the plan at hand, and the one there.
    proved : bool
        Whether no plan there is shorter.
    again : bool
        Whether planning again in the world as it is brings as much.
    """

    what: str
    before_us: int
    makespan_us: int
    proved: bool
    again: bool = False

    @property
    def saved_us(self) -> int:
        """How much shorter it is there; below 0, if it is longer."""
        return self.before_us - self.makespan_us


def effort_for(found: Plan) -> Effort:
    """Choose how to plan again, by the largest of the worlds: the one of twice as many slots."""
    return Effort.for_problem(Problem.of(found.graph, found.cluster), 2 * found.cluster.n_slots)


def remedies(found: Plan, chain: Sequence[int], effort: Effort) -> list[Remedy]:
    """Plan again in every world that makes sense for a plan, and give what comes of it, the best first.

    A world that only allows more is never worse than the plan at hand, which can be had there too. Where values that
    wait are not counted, that is the one planned again in the world as it is.
    """
    here = World("planning again, as it is", found.graph, found.cluster, found.schedule.start_us)
    as_it_is = Remedy(here.what, found.makespan_us, found.makespan_us, True)
    if found.makespan_us > found.bound.us:
        as_it_is = _again(found, here, effort, found.makespan_us)
    told = {here.what: as_it_is}
    for world in worlds(found, chain):
        reference = min(told[what].makespan_us for what in (here.what, *world.over))
        remedy = _again(found, world, effort, reference)
        told[world.what] = replace(remedy, again=remedy.makespan_us == as_it_is.makespan_us < found.makespan_us)
    if not as_it_is.saved_us:
        del told[here.what]
    return sorted(told.values(), key=lambda remedy: remedy.makespan_us)


def _again(found: Plan, world: World, effort: Effort, reference_us: int) -> Remedy:
    """Plan again in a world where, if it only allows more, a plan of `reference_us` can be had."""
    problem = effort.counted(Problem.of(world.graph, world.cluster, found.progress))
    bound = lower_bound(problem)
    if world.relaxed and bound.us >= reference_us:
        return Remedy(world.what, found.makespan_us, reference_us, True)
    seed = found.settings.get("seed")
    anew = effort.schedule(problem, bound, seed if isinstance(seed, int) and seed >= 0 else 0)
    order, places = _order(world), _slots(found, world)
    in_order = (list_schedule(problem, order, slots=slots, insertion=effort.insertion) for slots in (None, places))
    best = min(anew, *in_order, key=lambda schedule: worth(problem, schedule))
    validate(world.graph, world.cluster, best, found.progress)
    spilled, makespan = worth(problem, best)
    if world.relaxed and (makespan > reference_us or (spilled and spilled > _spilled(found))):
        makespan = reference_us  # what is spilled takes time that no plan knows of, and is no gain
    return Remedy(world.what, found.makespan_us, makespan, makespan <= bound.us)


def _spilled(found: Plan) -> int:
    return worth(Problem.of(found.graph, found.cluster, found.progress), found.schedule)[0]


def _order(world: World) -> Int32:
    """Give the tasks as they start in the plan at hand: an order that a search has found, and that is good here too."""
    position = np.empty(world.graph.n, dtype=np.int64)
    position[world.graph.order] = np.arange(world.graph.n)
    return np.lexsort((position, world.start_us)).astype(np.int32)


def _slots(found: Plan, world: World) -> Int32:
    """Give where each task runs in the plan at hand, by the slots of another world; −1 for the half of a task."""
    first = np.searchsorted(world.cluster.slot_executor, np.arange(len(found.cluster.executors)))
    slots = first[found.cluster.slot_executor] + found.cluster.slot_number
    placed = np.full(world.graph.n, -1, dtype=np.int32)
    placed[: found.graph.n] = slots[found.schedule.slot]
    return placed
