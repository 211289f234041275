"""What limits a plan, in words; what would help, found by planning again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from planner.cost import Problem
from planner.explaining.critical import critical_steps
from planner.explaining.limits import Limit, chain, huge_task, share_of
from planner.explaining.remedies import Remedy, effort_for, remedies
from planner.explaining.saturation import full_executors, slots_in_words
from planner.explaining.waiting import for_memory, links, memory, memory_waits
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_bytes, format_seconds
from planner.report.markup import percent
from planner.spills import spills_told

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """What limits a plan, and what would help it. Shows itself as text.

    Attributes
    ----------
    facts : tuple of str
        How long it takes, what no plan can be below, how full the slots are.
    limits : tuple of Limit
        The critical chain, and then what else limits the makespan, the most of it first.
    remedies : tuple of Remedy
        Each planned again, the best first.
    planned_by : str
        The method of planning again; empty if nothing was planned again.
    notes : tuple of str
        What was not planned again, and why.
    """

    facts: tuple[str, ...]
    limits: tuple[Limit, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    planned_by: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [*self.facts]
        if self.limits:
            lines += ["What limits it:", *(f"  {limit.words}" for limit in self.limits)]
        if self.remedies:
            helps = any(remedy.saved_us > 0 for remedy in self.remedies)
            asked = "What would help most" if helps else "Nothing of this would help"
            lines.append(f"{asked}, each planned again by {self.planned_by}, and in the order of this plan:")
            lines += [f"  {_told(remedy)}" for remedy in self.remedies]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Give it for programs; times in seconds, shares of the plan's makespan."""
        return {
            "facts": list(self.facts),
            "limits": [
                {"limit": limit.name, "seconds": limit.us / MICROSECONDS, "share": limit.share, "words": limit.words}
                for limit in self.limits
            ],
            "planned_by": self.planned_by,
            "remedies": [
                {
                    "remedy": remedy.what,
                    "makespan": remedy.makespan_us / MICROSECONDS,
                    "saved": remedy.saved_us / MICROSECONDS,
                    "saved_share": remedy.saved_us / remedy.before_us if remedy.before_us else 0.0,
                    "proved": remedy.proved,
                    "no_more_than_planning_again": remedy.again,
                }
                for remedy in self.remedies
            ],
            "notes": list(self.notes),
        }


def explain(found: Plan) -> Explanation:
    """Say what limits a plan, and what would help: each claim is computed, by measuring the plan or planning again.

    Large plans are planned again by quick list methods, so that some hundred thousand tasks take some seconds.
    """
    if not found.graph.n:
        return Explanation(("There is nothing to do.",))
    wait_us = memory_waits(found)
    steps = for_memory(critical_steps(found), wait_us)
    told = [huge_task(found, steps), full_executors(found, steps), memory(found, steps, wait_us), links(found, steps)]
    others = sorted((limit for limit in told if limit is not None), key=lambda limit: -limit.us)
    limits = (chain(found, steps), *others)
    if found.objective == "efficiency":
        return Explanation((_efficiency(found), slots_in_words(found)), limits)
    effort, problem = effort_for(found), Problem.of(found.graph, found.cluster, found.progress)
    takes = f"The plan takes {format_seconds(found.makespan_us)}; {_least(found)}."
    spills = [f"It counts on a disk: {told}." for told in spills_told(problem, found.cluster, found.schedule)]
    return Explanation(
        (takes, _proof(found), *spills, slots_in_words(found)),
        limits,
        tuple(remedies(found, [step.task for step in steps], effort)),
        f"{effort}{' for the makespan alone' if found.objective == 'weighted' else ''}",
        tuple(_free(found)),
    )


def _least(found: Plan) -> str:
    return f"no plan can take less than {format_seconds(found.bound.us)}, because {found.bound.reason}"


def _efficiency(found: Plan) -> str:
    takes = f"It takes {format_seconds(found.makespan_us)}; {_least(found)}."
    if found.gap <= 0:
        return f"The assignment's value is {found.value:g}, the greatest there is. {takes}"
    most = "" if found.best_value is None else f"; none can exceed {found.best_value:g}"
    return f"The assignment's value is {found.value:g}{most}. {takes}"


def _proof(found: Plan) -> str:
    if found.objective == "weighted":
        least = "" if found.best_value is None else f"; no plan's can be below {found.best_value:.4g}"
        return f"Its weighted price is {found.value:.4g} s{least}."
    if found.makespan_us <= found.bound.us:
        return "It is optimal: nothing but another graph or another cluster can make it shorter."
    return f"It is at most {percent(found.gap)} above the optimum."


def _told(remedy: Remedy) -> str:
    if remedy.saved_us == 0:
        change = "no gain is possible" if remedy.proved else "no gain was found"
    else:
        by, share = abs(remedy.saved_us), share_of(abs(remedy.saved_us), remedy.before_us)
        change = f"{format_seconds(by)} {'less' if remedy.saved_us > 0 else 'more'}, {share}"
        if remedy.again:
            change += ", no more than planning again brings"
    return f"{remedy.what}: {format_seconds(remedy.makespan_us)} ({change})"


def _free(found: Plan) -> list[str]:
    """Say that a faster network is no remedy where the plan takes the network as free."""
    size = int(found.graph.edge_bytes.sum())
    if not size or found.cluster.class_us_per_byte.any():
        return []
    return [f"a faster network: nothing, because the plan takes it as free ({format_bytes(size)} on all edges)"]
