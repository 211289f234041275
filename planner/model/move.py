"""A move: a task that changes its slot while a plan runs, and why."""

from __future__ import annotations

from dataclasses import dataclass

from planner.model.units import format_seconds

__all__ = ["Move"]


@dataclass(frozen=True)
class Move:
    """A task that changes its slot.

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
