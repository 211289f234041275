"""What a slot must know to begin."""

from __future__ import annotations

from dataclasses import dataclass

from planner.runtime.outbox import ROOM_BYTES
from planner.runtime.storage import Storage
from planner.runtime.wire import Line

__all__ = ["SlotConfig"]


@dataclass(frozen=True)
class SlotConfig:
    """What a slot must know to begin.

    Attributes
    ----------
    coordinator : tuple of (str, int)
        Host and port.
    line : Line
        How it speaks to the coordinator and to other slots.
    slot : int
        Which slot of the plan it is.
    executor, number : str, int
        How users call it.
    machine : str
        The coordinator's `boot_id`: a slot on the same machine has the same clock.
    attempt : int
        How often this slot was started before.
    incarnation : int
        Distinct for every attempt.
    stage : int
        Of the Spark job that it is part of.
    storage : Storage or None
        Where it keeps the values of its tasks.
    room_bytes : int
        How much it may hold in memory of values that others have yet to fetch; the rest is on disk.
    """

    coordinator: tuple[str, int]
    line: Line
    slot: int
    executor: str
    number: int
    machine: str = ""
    attempt: int = 0
    incarnation: int = 0
    stage: int = -1
    storage: Storage | None = None
    room_bytes: int = ROOM_BYTES
