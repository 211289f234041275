"""A move: a task that changes its slot while a plan runs, or gets a second one, and the decision that it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from planner.model.arrays import Int64
from planner.model.units import format_seconds

__all__ = ["Decision", "Move"]


@dataclass(frozen=True)
class Move:
    """A task that changes its slot, or runs on a second one as well.

    Attributes
    ----------
    task : int
        Position in the graph.
    source, target : int
        Slots.
    at_us : int
        When it was decided.
    price_us : int
        What it costs: its inputs are sent again, and the slots have to be told.
    sooner_us : int
        How much sooner the task is expected to end.
    reason : str
    """

    task: int
    source: int
    target: int
    at_us: int
    price_us: int
    sooner_us: int
    reason: str

    def __str__(self) -> str:
        return (
            f"task {self.task} from slot {self.source} to {self.target}, {format_seconds(self.sooner_us)} sooner "
            f"at a price of {format_seconds(self.price_us)}: {self.reason}"
        )


@dataclass(frozen=True, eq=False)
class Decision:
    """What was decided, and why.

    Attributes
    ----------
    at_us : int
    moves : tuple of Move
        The greatest gain first.
    reason : str
    start_us : ndarray of int64, shape (n,)
        When every task is predicted to start, or its turn: slots run what waits on them in this order.
    copies : tuple of Move
        Tasks that run, and are to run on another slot as well; what ends first counts.
    """

    at_us: int
    moves: tuple[Move, ...]
    reason: str
    start_us: Int64
    copies: tuple[Move, ...] = ()
