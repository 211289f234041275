"""Tasks that run on a second slot as well, because the first is slow; what ends first counts.

A second slot gets its task in a new epoch, for then it is known which values are there: a task whose inputs are gone
is not run twice, because nothing is made again for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from planner.runtime.ledger import Ledger
from planner.runtime.members import Members
from planner.runtime.recovery import Recovery

__all__ = ["Speculation"]


class Speculation:
    """Keeps account of tasks that run twice.

    Parameters
    ----------
    ledger : Ledger
    members : Members
    slot_of : list of int
        Slot of each task; changed here when the second one is first.

    Attributes
    ----------
    seconds : dict of int to int
        The second slot of each task that runs, or is about to run, on two.
    doubled : set of int
        Tasks that ever had one.
    """

    def __init__(self, ledger: Ledger, members: Members, slot_of: list[int]) -> None:
        self.seconds: dict[int, int] = {}
        self.doubled: set[int] = set()
        self._ledger, self._members, self._slot_of = ledger, members, slot_of
        self._asked: dict[int, int] = {}

    def ask(self, targets: Mapping[int, int]) -> bool:
        """Note which tasks are to run on which second slots in the next epoch; tell whether any may."""
        self._asked = {
            task: slot
            for task, slot in targets.items()
            if self._ledger.waits(task)
            and task not in self.doubled
            and self._members.lives(slot)
            and self._slot_of[task] != slot
        }
        return bool(self._asked)

    def survey(self, recovery: Recovery, held: AbstractSet[int]) -> None:
        """Once all have said what they hold: find out who runs twice, still or from now on."""
        for task, second in list(self.seconds.items()):
            first_runs = (self._slot_of[task], task) in recovery.runs
            second_runs = (second, task) in recovery.runs
            if second_runs and not first_runs:
                self._slot_of[task] = second
            if not (first_runs and second_runs):
                del self.seconds[task]
        for task, second in self._asked.items():
            runs = self._ledger.waits(task) and (self._slot_of[task], task) in recovery.runs
            if runs and self._members.lives(second) and set(self._ledger.takes[task]) <= held:
                self.seconds[task] = second
                self.doubled.add(task)
        self._asked = {}

    def runs(self, task: int, slot: int) -> bool:
        """Tell whether this slot is to run a task, as its first or second."""
        return slot in (self._slot_of[task], self.seconds.get(task))

    def ended(self, task: int, slot: int) -> int | None:
        """Note that a task has ended on one of its slots, and give the other one."""
        if (second := self.seconds.pop(task, None)) is None:
            return None
        other = second if slot == self._slot_of[task] else self._slot_of[task]
        self._slot_of[task] = slot
        return other

    def failed(self, task: int, slot: int) -> bool:
        """Note that a task has failed on a slot; tell whether it goes on, on the other one."""
        if (other := self.ended(task, slot)) is None:
            return False
        self._slot_of[task] = other
        return True

    def beaten(self, task: int, slot: int) -> bool:
        """Tell whether a slot runs a task whose value comes from another one."""
        return task in self.doubled and self._slot_of[task] != slot and task not in self.seconds
