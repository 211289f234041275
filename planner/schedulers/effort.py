"""How thoroughly to plan where many plans are wanted at once: by search while that is quick, else by list methods."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.cost import Problem
from planner.model.plan import Bound, Schedule
from planner.schedulers.auto import auto
from planner.schedulers.budget import steps_of
from planner.schedulers.registry import get
from planner.spills import worth

__all__ = ["Effort"]

_MOST_SCHEDULES = 2000
_STEPS = 40_000_000
"""Steps of the list-scheduling kernel that one plan may take: some tenths of a second."""

_FEWEST_SCHEDULES = 200
"""Where a search would come to fewer, none is begun."""

_LARGEST_INSERTED = 2 * 10**7
"""Tasks times slots up to which tasks are put into gaps as well."""

_MOST_IN_MEMORY = 5000
"""Tasks up to which they are where memory stands in the way, and up to which it is followed which values wait where."""


@dataclass(frozen=True)
class Effort:
    """How one plan of many is found.

    Attributes
    ----------
    schedules : int
        That ``auto`` tries; 0 where list methods alone are quick enough.
    insertion : bool
        Whether list methods put tasks into gaps between others.
    values : bool
        Whether values that wait count, where they need memory.
    """

    schedules: int
    insertion: bool
    values: bool = True

    @classmethod
    def for_problem(cls, problem: Problem, slots: int) -> Effort:
        """Choose by the size of a problem, the slots of the largest cluster, and whether memory may stand in the way.

        Examples
        --------
        >>> from planner.model import Cluster, Graph
        >>> for n in (100, 100_000):
        ...     print(Effort.for_problem(Problem.of(Graph.from_arrays(work=[1] * n), Cluster.uniform(8)), slots=64))
        auto with 2000 schedules
        the better of critical_path and heft
        """
        schedules = min(_MOST_SCHEDULES, _STEPS // steps_of(problem, slots))
        few = problem.fits or problem.n <= _MOST_IN_MEMORY
        values = problem.n <= _MOST_IN_MEMORY or not len(problem.waiting_bytes)
        insertion = few and problem.n * slots <= _LARGEST_INSERTED
        return cls(schedules if schedules >= _FEWEST_SCHEDULES else 0, insertion, values)

    def __str__(self) -> str:
        if self.schedules:
            return f"auto with {self.schedules} schedules"
        lists = f"the better of {' and '.join(self.lists)}" if self.insertion else self.lists[0]
        return lists if self.values else f"{lists} without counting values that wait"

    def counted(self, problem: Problem) -> Problem:
        """Give a problem with what is counted of it."""
        return problem if self.values else replace(problem, output_bytes=np.zeros(problem.n, dtype=np.int64))

    @property
    def lists(self) -> tuple[str, ...]:
        """The list methods that are quick enough."""
        return ("critical_path", "heft") if self.insertion else ("critical_path",)

    def schedule(self, problem: Problem, bound: Bound, seed: int) -> Schedule:
        """Find a schedule, the same for the same problem and seed."""
        if self.schedules:
            return auto(problem, bound, seed, schedules=self.schedules).schedule
        return min((get(name).schedule(problem, seed) for name in self.lists), key=lambda found: worth(problem, found))
