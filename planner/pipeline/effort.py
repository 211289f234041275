"""How thoroughly to plan where many plans are wanted at once: by search while that is quick, else by list methods."""

from __future__ import annotations

from dataclasses import dataclass

from planner.cost import Problem
from planner.model.plan import Bound, Schedule
from planner.schedulers import auto, get

__all__ = ["Effort"]

_MOST_SCHEDULES = 2000
_STEPS = 40_000_000
"""Steps of the list-scheduling kernel that one plan may take: some tenths of a second."""

_FEWEST_SCHEDULES = 200
"""Where a search would come to fewer, none is begun."""

_LARGEST_INSERTED = 2 * 10**7
"""Tasks times slots up to which tasks are put into gaps as well."""

_MOST_INSERTED = 5000
"""Tasks up to which they are where memory stands in the way: looking for room in every gap takes longest."""


@dataclass(frozen=True)
class Effort:
    """How one plan of many is found.

    Attributes
    ----------
    schedules : int
        That ``auto`` tries; 0 where list methods alone are quick enough.
    insertion : bool
        Whether list methods put tasks into gaps between others.
    """

    schedules: int
    insertion: bool

    @classmethod
    def for_size(cls, tasks: int, edges: int, slots: int, *, memory: bool = False) -> Effort:
        """Choose by the size of the largest plan, and by whether memory may stand in the way.

        Examples
        --------
        >>> print(Effort.for_size(100, 300, 8))
        auto with 2000 schedules
        >>> print(Effort.for_size(100_000, 300_000, 64))
        the better of critical_path and heft
        >>> print(Effort.for_size(100_000, 300_000, 1000))
        critical_path
        """
        steps = max(1, (20 * tasks + 4 * edges + tasks * min(slots, 64)) * (8 if memory else 1))
        schedules = min(_MOST_SCHEDULES, _STEPS // steps)
        insertion = tasks * slots <= _LARGEST_INSERTED and (not memory or tasks <= _MOST_INSERTED)
        return cls(schedules if schedules >= _FEWEST_SCHEDULES else 0, insertion)

    def __str__(self) -> str:
        if self.schedules:
            return f"auto with {self.schedules} schedules"
        return f"the better of {' and '.join(self.lists)}" if self.insertion else self.lists[0]

    @property
    def lists(self) -> tuple[str, ...]:
        """The list methods that are quick enough."""
        return ("critical_path", "heft") if self.insertion else ("critical_path",)

    def schedule(self, problem: Problem, bound: Bound, seed: int) -> Schedule:
        """Find a schedule, the same for the same problem and seed."""
        if self.schedules:
            return auto(problem, bound, seed, schedules=self.schedules).schedule
        found = (get(name).schedule(problem, seed) for name in self.lists)
        return min(found, key=lambda schedule: schedule.makespan_us)
