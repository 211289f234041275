"""Which values are to be on several executors, and on which slots: backups that stand by, and copies that run as well.

A copy has an id of its own in the plan. Its value counts as that of its task: it goes by that task's id, whoever takes,
holds or keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from planner.model.plan import Plan

__all__ = ["Replication", "needed"]


@dataclass(frozen=True)
class Replication:
    """The tasks of a run that have replicas.

    Attributes
    ----------
    backups : mapping of int to tuple of int
        Slots that stand by for a task, first choice first.
    copy_of : mapping of int to int
        The task of each copy.

    Examples
    --------
    >>> twice = Replication({0: (2,)}, {3: 1})
    >>> twice.places(0, [0, 1, 1, 2]), twice.places(1, [0, 1, 1, 2]), twice.places(2, [0, 1, 1, 2])
    ([0, 2], [1, 2], [])
    """

    backups: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    copy_of: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> Replication:
        """Give that of a plan."""
        return cls(dict(plan.backups), dict(plan.graph.copy_of))

    @cached_property
    def copies(self) -> dict[int, tuple[int, ...]]:
        """The copies of each task that has some."""
        copies: dict[int, tuple[int, ...]] = {}
        for copy, task in sorted(self.copy_of.items()):
            copies[task] = (*copies.get(task, ()), copy)
        return copies

    @cached_property
    def values(self) -> frozenset[int]:
        """Tasks whose values are to be on several slots; no copies."""
        return frozenset([*self.backups, *self.copies])

    def value(self, task: int) -> int:
        """Give the task as whose value that of a task counts: its own, unless it is a copy."""
        return self.copy_of.get(task, task)

    def runners(self, value: int) -> tuple[int, ...]:
        """Give the tasks that make a value."""
        return (value, *self.copies.get(value, ()))

    def stays(self, task: int) -> bool:
        """Tell whether a task is not moved, because a move might bring it to where a replica is."""
        return self.value(task) in self.values

    def places(self, value: int, slot_of: Sequence[int]) -> list[int]:
        """Give the slots on which a value is to be, whether they live or not; none without replicas."""
        if value not in self.values:
            return []
        slots = [*(slot_of[task] for task in self.runners(value)), *self.backups.get(value, ())]
        return [slot for slot in dict.fromkeys(slots) if slot >= 0]

    def stand_in(self, task: int, slot_of: Sequence[int], lives: Callable[[int], bool], begun: Collection[int]) -> int:
        """Give the slot to which a task goes whose own was lost; −1, if none stands by.

        Parameters
        ----------
        task : int
        slot_of : sequence of int
            Slot of each task.
        lives : callable
            ``lives(slot)``: whether it is there.
        begun : collection of int
            Tasks that run: the slot of a copy that does, makes the value already.
        """
        slots = [slot_of[copy] for copy in self.copies.get(task, ()) if copy not in begun]
        return next((slot for slot in (*self.backups.get(task, ()), *slots) if slot >= 0 and lives(slot)), -1)

    def all_done(self, done: Collection[int]) -> set[int]:
        """Give the tasks that are done, when these are: where a copy is, its task is as well."""
        return {self.value(task) for task in done}


def needed(takes: Sequence[Collection[int]], left: Collection[int]) -> set[int]:
    """Give all values that may be taken once more, as long as these tasks have yet to end and any slot may be lost.

    Examples
    --------
    >>> sorted(needed([[], [0], [1], []], [2]))
    [0, 1, 2]
    """
    found, frontier = set(left), list(left)
    while frontier:
        fresh = set(takes[frontier.pop()]) - found
        found |= fresh
        frontier.extend(fresh)
    return found
