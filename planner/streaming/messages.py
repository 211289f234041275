"""What happens in a stream, as events, and what follows from it, as instructions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from planner.errors import TaskFailure

__all__ = [
    "End",
    "Ended",
    "Event",
    "Failed",
    "GivenUp",
    "Instruction",
    "Joined",
    "Kept",
    "Load",
    "Lost",
    "Made",
    "Missed",
    "Place",
    "Release",
    "Take",
    "Taken",
    "Tick",
]


@dataclass(frozen=True)
class Place:
    """Where the outputs of a batch are: a file, and which bytes of it."""

    path: str
    offset: int
    length: int


# events ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Joined:
    """A slot has come. `sees` are the shares of the rows whose files it can read."""

    slot: int
    incarnation: int
    address: str
    sees: frozenset[int]


@dataclass(frozen=True)
class Taken:
    """A slot has the input of a batch that it was told to take."""

    slot: int
    incarnation: int
    batch: int


@dataclass(frozen=True)
class Missed:
    """A slot could not get the input of a batch."""

    slot: int
    incarnation: int
    batch: int
    reason: str


@dataclass(frozen=True)
class Made:
    """A slot has the output of a batch."""

    slot: int
    incarnation: int
    batch: int


@dataclass(frozen=True)
class Kept:
    """The outputs of a batch are where its rows are; with their Arrow schema where it is one not told before."""

    slot: int
    incarnation: int
    batch: int
    place: Place
    schema: bytes = b""


@dataclass(frozen=True)
class Failed:
    """What a stage runs has raised."""

    slot: int
    incarnation: int
    failure: TaskFailure


@dataclass(frozen=True)
class Lost:
    """A slot is gone."""

    slot: int
    incarnation: int
    reason: str


@dataclass(frozen=True)
class Tick:
    """Time has passed. Slots in `silent` have not been heard for too long."""

    now: float
    silent: tuple[int, ...] = ()


@dataclass(frozen=True)
class GivenUp:
    """The stream cannot go on."""

    reason: str


Event: TypeAlias = Joined | Taken | Missed | Made | Kept | Failed | Lost | Tick | GivenUp


# instructions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Make these stages ready; batches of them will come."""

    slot: int
    stages: tuple[int, ...]


@dataclass(frozen=True)
class Take:
    """Take the input of a batch, for a stage, from the slot at an address.

    For the first stage, that slot reads the rows; with an empty address, the taker reads them itself. The stage after
    the last is no computation: the taker keeps the outputs beside the rows.
    """

    slot: int
    batch: int
    stage: int
    address: str


@dataclass(frozen=True)
class Release:
    """Forget what a stage made of a batch: it was taken, or will be made again."""

    slot: int
    batch: int
    stage: int


@dataclass(frozen=True)
class End:
    """Go home: nothing more comes for this incarnation of a slot, because all is over, or it was given up."""

    slot: int
    incarnation: int
    over: bool = True


@dataclass(frozen=True)
class Ended:
    """The stream is over.

    Attributes
    ----------
    status : {"done", "failed", "lost", "rows lost"}
        ``"rows lost"``: rows that were written to the disk of an executor went with it.
    reason : str
    """

    status: str
    reason: str = ""


Instruction: TypeAlias = Load | Take | Release | End | Ended
