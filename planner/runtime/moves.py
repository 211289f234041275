"""Tasks that change their slots while they wait, in two steps, so that none can run twice.

The slot of a task is asked to give it back, and only when it has answered that it had not begun, another gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from planner.runtime.ledger import Ledger
from planner.runtime.members import Members
from planner.runtime.messages import Give, Instruction, Released, Reorder, Watch, Withdraw
from planner.runtime.slot_queue import Handed

__all__ = ["Moves"]


class Moves:
    """Keeps account of tasks that are on their way.

    Parameters
    ----------
    ledger : Ledger
    members : Members
    slot_of : list of int
        Slot of each task; changed here when a task has gone.

    Attributes
    ----------
    count : int
        How many tasks went to another slot.
    home : dict of int to int
        Tasks that take what cannot leave a slot, and that slot.
    """

    def __init__(self, ledger: Ledger, members: Members, slot_of: list[int]) -> None:
        self.count = 0
        self.home: dict[int, int] = {}
        self._ledger, self._members, self._slot_of = ledger, members, slot_of
        self._moving: dict[int, int] = {}  # task -> slot to which it goes, once it has been given back

    def headed(self, task: int) -> int:
        """Give the slot of a task, or the one to which it goes."""
        there = self._slot_of[task]
        return self._moving.get(task, there) if self._ledger.waits(task) else there

    def ask(self, targets: Mapping[int, int], order: Mapping[int, int]) -> list[Instruction]:
        """Ask for tasks that are to go elsewhere; those that no longer wait, or are on their way already, stay."""
        asked: dict[int, list[int]] = {}
        for task, target in targets.items():
            source = self._slot_of[task]
            waits = self._ledger.waits(task) and task not in self._moving
            if waits and source != target and self._members.lives(target):
                self._moving[task] = target
                asked.setdefault(source, []).append(task)
        ordered: dict[int, dict[int, int]] = {}
        for task, key in order.items():
            if self._ledger.waits(task):
                ordered.setdefault(self._slot_of[task], {})[task] = key
        return [
            *(Reorder(slot, keys) for slot, keys in sorted(ordered.items())),
            *(Withdraw(slot, tuple(tasks)) for slot, tasks in sorted(asked.items())),
        ]

    def released(self, event: Released) -> list[Instruction]:
        """Give tasks that have come back to the slots to which they go."""
        targets = {task: self._moving.pop(task) for task in event.asked if task in self._moving}
        given: dict[int, list[Handed]] = {}
        watched: set[tuple[int, int]] = set()
        for handed in event.tasks:
            if not self._ledger.waits(handed.task) or handed.task not in targets:
                continue  # what it needs has failed in the meantime, or a new epoch has begun
            target = self.home.get(handed.task, targets[handed.task])
            self._slot_of[handed.task] = target
            self.count += 1
            given.setdefault(target, []).append(handed)
            watched.update((reader, target) for reader in (*handed.readers, *handed.followers) if reader != target)
        return [
            *(Give(target, event.slot, tuple(tasks)) for target, tasks in sorted(given.items())),
            *(Watch(reader, target) for reader, target in sorted(watched)),
        ]

    def bind(self, tasks: Iterable[int], slot: int) -> int | None:
        """Bind tasks to a slot whose value cannot leave it; give one that is bound to another already."""
        return next((task for task in tasks if self.home.setdefault(task, slot) != slot), None)

    def forget(self, living: Collection[int]) -> None:
        """Forget what was on its way, and what is bound to a slot that is gone: a new epoch begins."""
        self._moving.clear()
        for task, slot in list(self.home.items()):
            if slot not in living:
                del self.home[task]
