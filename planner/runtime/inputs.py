"""Values on a slot on their way into a task."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from planner.runtime.slot_queue import Entry
from planner.runtime.values import Packed

__all__ = ["Held", "Keeping", "Turn"]


@dataclass
class Held:
    """Values on a slot while it stands still.

    Attributes
    ----------
    values : dict of int to object
        As their task has made them.
    packed : dict of int to Packed
    stays : set of int
        Those that do not pickle.
    """

    values: dict[int, Any] = field(default_factory=dict)
    packed: dict[int, Packed] = field(default_factory=dict)
    stays: set[int] = field(default_factory=set)


class Keeping:
    """Values that a slot keeps for others, in one epoch.

    Parameters
    ----------
    keeps : collection of int
    held : Held
        What the slot had of them when the epoch began.
    keep : callable
        ``keep(task, packed)`` keeps one.
    """

    def __init__(self, keeps: Collection[int], held: Held, keep: Callable[[int, Packed], None]) -> None:
        self._keeps, self._keep = frozenset(keeps), keep
        self._lacking = {task for task in keeps if task not in held.packed and task not in held.values}

    def lacks(self, task: int) -> bool:
        """Tell whether a value is to be kept, and has not come."""
        return task in self._lacking

    def has(self, task: int) -> bool:
        """Tell whether a value is kept."""
        return task in self._keeps and task not in self._lacking

    def came(self, task: int, packed: Packed) -> None:
        """Keep a value, if it is to be kept and has not come before."""
        if task in self._lacking:
            self._lacking.discard(task)
            self._keep(task, packed)


@dataclass(frozen=True)
class Turn:
    """A task whose turn it is, with its inputs.

    Attributes
    ----------
    entry : Entry
    values : dict of int to object
        Inputs that came as they were made.
    packed : dict of int to (Packed, bool)
        Inputs that have to be opened, and whether they belong to this task alone.
    received_bytes : int
        How much came over the network for it.
    """

    entry: Entry
    values: dict[int, Any]
    packed: dict[int, tuple[Packed, bool]]
    received_bytes: int

    def value(self, task: int) -> Any:
        """Give an input, opened anew for every call."""
        if task not in self.packed:
            return self.values[task]
        packed, own = self.packed[task]
        return packed.open(own=own)
