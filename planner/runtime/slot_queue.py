"""What a slot has to do: its queue of tasks, who waits for them, and what it tells of those that have ended.

Plain data, which travels from the coordinator to a slot and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Entry", "Hand", "Handed", "Record", "SlotQueue", "SlotSummary"]


@dataclass(frozen=True)
class Entry:
    """One task in a slot's queue.

    Attributes
    ----------
    task : int
        Its position in the plan's graph.
    id : str
    inputs : tuple of int
        Tasks that must have ended first.
    takes : frozenset of int
        Those of them whose values it takes.
    order : int
        Of what is ready, the slot runs what has the least.
    call : tuple of (int, tuple, dict) or None
        Function (position in `SlotQueue.functions`), arguments, keyword arguments.
    emulate : tuple of (float, int) or None
        Seconds to sleep and bytes to hand on, instead of a call.
    readers : tuple of int
        Other slots that take its value.
    followers : tuple of int
        Other slots that only wait for its end.
    result : bool
        Whether its value goes to the driver.
    moved : bool
        Whether it was planned for another slot.
    retries : int
        How often it is run again when its own code raises.
    timeout_s : float or None
        Seconds after which it is interrupted.
    counts_as : tuple of (int, str) or None
        Position and id of the task that it is a copy of: its value goes by them.
    guarded : bool
        Whether its inputs are retained while it runs, because it may be begun on another slot as well.
    """

    task: int
    id: str
    inputs: tuple[int, ...] = ()
    takes: frozenset[int] = frozenset()
    order: int = 0
    call: tuple[int, tuple[Any, ...], dict[str, Any]] | None = None
    emulate: tuple[float, int] | None = None
    readers: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()
    result: bool = False
    moved: bool = False
    retries: int = 0
    timeout_s: float | None = None
    counts_as: tuple[int, str] | None = None
    guarded: bool = False

    @property
    def value(self) -> int:
        """The task as whose value its own counts."""
        return self.task if self.counts_as is None else self.counts_as[0]


@dataclass(frozen=True)
class Hand:
    """A value that a slot holds and has to hand to another one: which, for which task, to which slot.

    `taker` is None where it is only to be kept, and `slot` −1 where the driver is to have it.
    """

    task: int
    taker: int | None
    slot: int


@dataclass(frozen=True)
class SlotQueue:
    """The tasks of one slot in planned order, and what becomes of the values that it holds.

    Attributes
    ----------
    slot : int
    entries : tuple of Entry
    functions : tuple of str or callable
    uses : dict of int to int
        For each value that tasks of this slot take: how many of them do.
    shared : frozenset of int
        Tasks whose value more than one task takes, or one that may be run again, among those that this slot makes or
        takes.
    peers : tuple of int
        The slots that make values for this one, or hand them on.
    strict : bool
        Whether tasks run in their order whatever is moved, even where a later one could begin: memory may be short.
    epoch : int
        How often the slots were regrouped before. What was said between slots in another epoch does not count.
    here : frozenset of int
        Values that this slot holds, and that its tasks take.
    hands : tuple of Hand
        Values that it holds, and hands on.
    stored : dict of int to str
        Values that it reads from storage, with the names of their tasks.
    begun : int or None
        The task among them that it was running when it came to a halt, and does not begin again.
    keeps : frozenset of int
        Values that it keeps for others, should they be lost elsewhere, whether tasks here take them or not.
    """

    slot: int
    entries: tuple[Entry, ...] = ()
    functions: tuple[Any, ...] = ()
    uses: dict[int, int] = field(default_factory=dict)
    shared: frozenset[int] = frozenset()
    peers: tuple[int, ...] = ()
    strict: bool = False
    epoch: int = 0
    here: frozenset[int] = frozenset()
    hands: tuple[Hand, ...] = ()
    stored: dict[int, str] = field(default_factory=dict)
    begun: int | None = None
    keeps: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Handed:
    """A task that leaves a slot: who waits for its value, and who for its end, the slot that it leaves included."""

    task: int
    readers: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Record:
    """What running one task measured; times in microseconds on the coordinator's clock.

    `stored` says whether its value is in storage, and `remark` why it is not, if it should be.
    """

    task: int
    start_us: int
    finish_us: int
    wait_us: int
    cpu_us: int
    bytes_in: int
    bytes_out: int | None
    rows: int | None
    peak_memory_bytes: int
    result_bytes: int | None = None  # the value waits in the slot for the driver to fetch
    stored: bool = False
    remark: str = ""


@dataclass(frozen=True)
class SlotSummary:
    """What a slot can say of itself at its end; times in microseconds on the coordinator's clock.

    `stage` is that of its Spark job, and `incarnation` then its Spark task.
    """

    slot: int
    incarnation: int
    pid: int
    start_us: int
    finish_us: int
    cpu_us: int
    peak_memory_bytes: int
    took_part: bool
    stage: int = -1
