"""What slots and the coordinator say to one another: events go in, instructions come out.

All of it is plain data without sockets or clocks, so that every order of events can be played through the
`PlanKeeper` in microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from planner.errors import TaskFailure

__all__ = [
    "Cancelled",
    "Collected",
    "End",
    "Ended",
    "Entry",
    "Event",
    "Failed",
    "Fetch",
    "Finished",
    "Give",
    "Given",
    "Handed",
    "Hello",
    "Instruction",
    "LaunchFailed",
    "Lost",
    "Peers",
    "Record",
    "Released",
    "Reorder",
    "Skip",
    "SlotQueue",
    "Start",
    "Stuck",
    "Tick",
    "Unreachable",
    "Watch",
    "Withdraw",
]

# What a slot does ------------------------------------------------------------------------------------------------


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
    uses : int
        How many tasks of this same slot take its value.
    readers : tuple of int
        Other slots that take its value.
    followers : tuple of int
        Other slots that only wait for its end.
    result : bool
        Whether its value goes to the driver.
    moved : bool
        Whether it was planned for another slot.
    """

    task: int
    id: str
    inputs: tuple[int, ...] = ()
    takes: frozenset[int] = frozenset()
    order: int = 0
    call: tuple[int, tuple[Any, ...], dict[str, Any]] | None = None
    emulate: tuple[float, int] | None = None
    uses: int = 0
    readers: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()
    result: bool = False
    moved: bool = False


@dataclass(frozen=True)
class SlotQueue:
    """The tasks of one slot in planned order.

    Attributes
    ----------
    slot : int
    entries : tuple of Entry
    functions : tuple of str or callable
    remote_uses : dict of int to int
        For each value that another slot makes: how many tasks of this slot take it (0: only its end is waited for).
    shared : frozenset of int
        Tasks whose value more than one task takes, among those that this slot makes or takes.
    peers : tuple of int
        The slots that make values for this one.
    strict : bool
        Whether tasks run in their order whatever is moved, even where a later one could begin: memory may be short.
    """

    slot: int
    entries: tuple[Entry, ...] = ()
    functions: tuple[Any, ...] = ()
    remote_uses: dict[int, int] = field(default_factory=dict)
    shared: frozenset[int] = frozenset()
    peers: tuple[int, ...] = ()
    strict: bool = False


@dataclass(frozen=True)
class Handed:
    """A task that leaves a slot: who waits for its value, and who for its end, the slot that it leaves included."""

    task: int
    readers: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Record:
    """What running one task measured; times in microseconds on the coordinator's clock."""

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
class Unreachable:
    """A slot cannot reach a peer that makes one of its inputs."""

    slot: int
    incarnation: int
    peer: int
    reason: str


@dataclass(frozen=True)
class Collected:
    """The value of a result task is in the driver's hands."""

    task: int


@dataclass(frozen=True)
class Cancelled:
    """The user or Spark ends the run."""

    reason: str


@dataclass(frozen=True)
class LaunchFailed:
    """What launched the slots (the Spark job) has ended without them."""

    reason: str


@dataclass(frozen=True)
class Tick:
    """Time passes; `now` in seconds on the coordinator's clock."""

    now: float


Event: TypeAlias = (
    Hello | Finished | Released | Stuck | Failed | Lost | Unreachable | Collected | Cancelled | LaunchFailed | Tick
)

# Instructions: from the coordinator -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """To a slot: here is your queue (sent along by the shell, which has it packed)."""

    slot: int


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
    """To a slot: stop; at once, in the middle of a task, when `abort`."""

    slot: int
    abort: bool = False


@dataclass(frozen=True)
class Ended:
    """To the shell: the run is over."""

    status: Literal["done", "failed", "lost", "cancelled"]
    reason: str


Instruction: TypeAlias = Start | Peers | Skip | Withdraw | Give | Watch | Reorder | Fetch | End | Ended
