"""What slots and the coordinator say to one another: events go in, instructions come out.

All of it is plain data without sockets or clocks, so that every order of events can be played through the
`PlanKeeper` in microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from planner.errors import TaskFailure
from planner.runtime.slot_queue import Entry, Handed, Record

__all__ = [
    "Cancelled",
    "Collected",
    "End",
    "Ended",
    "Event",
    "Failed",
    "Fetch",
    "Finished",
    "Give",
    "Given",
    "GivenUp",
    "Halt",
    "Hello",
    "Holds",
    "Instruction",
    "Leaving",
    "Lost",
    "Offered",
    "Orphans",
    "Peers",
    "Regroup",
    "Released",
    "Reorder",
    "Skip",
    "Start",
    "Stuck",
    "Tick",
    "Unreachable",
    "Unreadable",
    "Watch",
    "Withdraw",
]

# Events: to the coordinator ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """A slot has started; `incarnation` tells its attempts apart."""

    slot: int
    incarnation: int
    address: str


@dataclass(frozen=True)
class Finished:
    """Tasks that a slot has finished since its last report, and the one it is running now, since when."""

    slot: int
    incarnation: int
    records: tuple[Record, ...] = ()
    running: int | None = None
    since_us: int = 0


@dataclass(frozen=True)
class Released:
    """Of the tasks that a slot was asked for, those that it has given back; the others have begun."""

    slot: int
    incarnation: int
    asked: tuple[int, ...]
    tasks: tuple[Handed, ...]


@dataclass(frozen=True)
class Holds:
    """A slot has come to a halt for a new epoch, and holds these values; it may still be running a task."""

    slot: int
    incarnation: int
    epoch: int
    values: frozenset[int]
    running: int | None = None


@dataclass(frozen=True)
class Stuck:
    """A value does not pickle, and was made on this slot: those that take it have to come, or to come back.

    Attributes
    ----------
    value : int
        The task that made it.
    task : int or None
        The one that takes it; all that do, if None.
    """

    slot: int
    incarnation: int
    value: int
    task: int | None = None


@dataclass(frozen=True)
class Offered:
    """A result whose slot was lost before the driver had it is on this one as well."""

    slot: int
    incarnation: int
    task: int


@dataclass(frozen=True)
class Unreadable:
    """A value that should be in storage cannot be read."""

    slot: int
    incarnation: int
    value: int
    reason: str


@dataclass(frozen=True)
class Failed:
    """A task raised."""

    slot: int
    incarnation: int
    task: int
    failure: TaskFailure


@dataclass(frozen=True)
class Lost:
    """A slot is gone; `incarnation` None means whichever lives."""

    slot: int
    incarnation: int | None
    reason: str


@dataclass(frozen=True)
class Leaving:
    """A slot is about to go: what it has not begun runs elsewhere, and what it holds goes to those who take it."""

    slot: int
    incarnation: int


@dataclass(frozen=True)
class Unreachable:
    """A slot cannot reach a peer that makes one of its inputs, in that epoch."""

    slot: int
    incarnation: int
    peer: int
    reason: str
    epoch: int = 0


@dataclass(frozen=True)
class Collected:
    """The value of a result task is in the driver's hands."""

    task: int


@dataclass(frozen=True)
class Cancelled:
    """The user or Spark ends the run."""

    reason: str


@dataclass(frozen=True)
class GivenUp:
    """The run cannot go on: what launched the slots has ended, or a task is left that no slot may run."""

    reason: str


@dataclass(frozen=True)
class Tick:
    """Time passes; `now` in seconds on the coordinator's clock."""

    now: float


_Told: TypeAlias = Hello | Finished | Released | Holds | Stuck | Offered | Unreadable | Failed | Unreachable
Event: TypeAlias = _Told | Lost | Leaving | Collected | Cancelled | GivenUp | Tick

# Instructions: from the coordinator -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Halt:
    """To a slot: begin nothing more, hear nobody more, and say what you hold: a new epoch begins."""

    slot: int
    epoch: int


@dataclass(frozen=True)
class Orphans:
    """To the shell: these tasks have no slot, because theirs was lost; `PlanKeeper.place` gives them one."""

    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Regroup:
    """To the shell: send each of these slots its queue for a new epoch.

    Attributes
    ----------
    epoch : int
    slots : tuple of int
    waiting : tuple of int
        Tasks that have yet to end, those that run included.
    slot_of : tuple of int
        Slot of each task of the plan.
    begun : tuple of (int, int)
        Slot and task of those of them that slots were running when they came to a halt.
    holders : dict of int to tuple of int
        Slots that hold the value of each task that has ended.
    stored : frozenset of int
        Tasks whose values are in storage.
    collect : frozenset of int
        Results that slots hold, and that the driver was going to fetch from a slot that was lost.
    seconds : dict of int to int
        Second slots of tasks that run on two.
    """

    epoch: int
    slots: tuple[int, ...]
    waiting: tuple[int, ...]
    begun: tuple[tuple[int, int], ...]
    slot_of: tuple[int, ...]
    holders: dict[int, tuple[int, ...]]
    stored: frozenset[int] = frozenset()
    collect: frozenset[int] = frozenset()
    seconds: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """To a slot: here is your queue (sent along by the shell, which has it packed); an empty one, if you come late."""

    slot: int
    epoch: int = 0


@dataclass(frozen=True)
class Peers:
    """To a slot: all slots are there, at these addresses."""

    slot: int
    addresses: dict[int, str]


@dataclass(frozen=True)
class Skip:
    """To a slot: do not run these tasks, what they need will not come."""

    slot: int
    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Withdraw:
    """To a slot: give these tasks back, unless they have begun."""

    slot: int
    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Give:
    """To a slot: run these tasks as well; `source` has had them, and hands their inputs on."""

    slot: int
    source: int
    tasks: tuple[Handed, ...]


@dataclass(frozen=True)
class Given:
    """To a slot: what follows from a `Give`, with all that the slot must know; sent packed.

    `shared` are those among the tasks and their inputs whose values more than one task takes.
    """

    source: int
    entries: tuple[Entry, ...]
    shared: frozenset[int]


@dataclass(frozen=True)
class Reorder:
    """To a slot: of what waits there, run first what has the least."""

    slot: int
    order: dict[int, int]


@dataclass(frozen=True)
class Watch:
    """To a slot: that peer will make values for you."""

    slot: int
    peer: int


@dataclass(frozen=True)
class Fetch:
    """To the shell: fetch the value of this result task from that slot."""

    slot: int
    task: int


@dataclass(frozen=True)
class End:
    """To a slot: stop; at once, in the middle of a task, when `abort`.

    `incarnation` None means the one that counts; else that of a slot that was given up, should it still live.
    """

    slot: int
    abort: bool = False
    incarnation: int | None = None


@dataclass(frozen=True)
class Ended:
    """To the shell: the run is over."""

    status: Literal["done", "failed", "lost", "cancelled"]
    reason: str


Instruction: TypeAlias = (
    Start | Peers | Skip | Withdraw | Give | Watch | Reorder | Halt | Orphans | Regroup | Fetch | End | Ended
)
