"""Results on their way to the driver: which slot it fetches each from."""

from __future__ import annotations

from planner.runtime.ledger import Ledger
from planner.runtime.members import Members
from planner.runtime.messages import Fetch, Instruction, Offered
from planner.runtime.slot_queue import Record

__all__ = ["Collecting"]


class Collecting:
    """Keeps account of results that do not come with the report of their task, but have to be fetched.

    Parameters
    ----------
    ledger : Ledger
    members : Members

    Attributes
    ----------
    under_way : dict of int to int
        The slot from which each of them is fetched.
    """

    def __init__(self, ledger: Ledger, members: Members) -> None:
        self.under_way: dict[int, int] = {}
        self._ledger, self._members = ledger, members

    def made(self, slot: int, value: int, record: Record) -> list[Instruction]:
        """Take in that the task of a value has ended on a slot."""
        if value not in self._ledger.to_collect or value in self.under_way:
            return []
        if record.result_bytes is None:  # it came with the report
            self._ledger.to_collect.discard(value)
            return []
        self.under_way[value] = slot
        return [Fetch(slot, value)]

    def offered(self, event: Offered) -> list[Instruction]:
        """Take in that a slot has a result as well."""
        task, lives = event.task, self._members.lives(event.slot, event.incarnation)
        if not lives or task not in self._ledger.to_collect or task in self.under_way or self._ledger.waits(task):
            return []
        self.under_way[task] = event.slot
        return [Fetch(event.slot, task)]

    def new_epoch(self) -> None:
        """Forget what was to be fetched from slots that are gone."""
        self.under_way = {task: slot for task, slot in self.under_way.items() if self._members.lives(slot)}
