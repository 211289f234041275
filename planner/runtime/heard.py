"""What the driver is told of a run while it goes on."""

from __future__ import annotations

from dataclasses import dataclass

from planner.runtime.slot_queue import Record

__all__ = ["Heard"]


@dataclass(frozen=True)
class Heard:
    """What the coordinator knows of a run.

    Attributes
    ----------
    told : list of Record
        Of all tasks that ended, in that order.
    again : list of int
        Those of them that had to run again.
    running : dict of int to (int, int)
        Slot and start of each task that runs.
    beside : dict of int to (int, int)
        Task and start of each slot that runs a task of another slot as well, or one that has ended there.
    slots : list of int
        Where each task is, or goes; −1 where it has no slot.
    living : list of int
        Slots that are there, and get work.
    orphans : list of int
        Tasks that are to get a slot.
    spared : list of int
        Copies that need not run.
    """

    told: list[Record]
    again: list[int]
    running: dict[int, tuple[int, int]]
    beside: dict[int, tuple[int, int]]
    slots: list[int]
    living: list[int]
    orphans: list[int]
    spared: list[int]
