"""What is said of columns that are wrong: the first faults of each sort, how many more there are, and the cycles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from planner.errors import Fault
from planner.model.topology import find_cycles

__all__ = ["cycle_faults", "tell"]

MOST_TOLD = 20
"""Faults of one sort that are told of one column; the rest is counted."""
MOST_CYCLES = 5
LONGEST_SHOWN = 12
LONGEST_NAME = 60

Names: TypeAlias = Sequence[str] | pa.Array


def tell(faults: list[Fault], wrong: NDArray[np.intp], what: str, fault: Callable[[int], Fault]) -> None:
    """Add a fault for each of the first places that are wrong, and one that counts the rest.

    Parameters
    ----------
    faults : list of Fault
    wrong : ndarray of int, shape (k,)
        The places.
    what : str
        Where the rest is.
    fault : callable
        Gives the fault of a place.
    """
    faults += [fault(place) for place in wrong[:MOST_TOLD].tolist()]
    if len(wrong) > MOST_TOLD:
        faults.append(Fault(what, f"and {len(wrong) - MOST_TOLD} more like these"))


def cycle_faults(names: Names, source: ArrayLike, target: ArrayLike) -> list[Fault]:
    """Give a fault for each of the cycles among edges, of cycles that share tasks for one; none when there is no cycle.

    Examples
    --------
    >>> print(*cycle_faults(["a", "b"], [0, 1], [1, 0]))
    tasks: there is a cycle: a -> b -> a; expected a graph without cycles
    """
    cycles = find_cycles(len(names), np.asarray(source, np.int32), np.asarray(target, np.int32), MOST_CYCLES + 1)
    faults = [
        Fault("tasks", f"there is a cycle: {_path(names, cycle)}; expected a graph without cycles")
        for cycle in cycles[:MOST_CYCLES]
    ]
    return faults if len(cycles) <= MOST_CYCLES else [*faults, Fault("tasks", "there are more cycles like these")]


def _path(names: Names, cycle: list[int]) -> str:
    """Show a cycle, of a long one its ends."""
    if len(cycle) <= LONGEST_SHOWN + 1:
        return " -> ".join(_shown(names[task]) for task in cycle)
    half = LONGEST_SHOWN // 2
    first, last = _path(names, cycle[:half]), _path(names, cycle[-half:])
    return f"{first} -> … {len(cycle) - 2 * half} tasks more … -> {last}"


def _shown(name: Any) -> str:
    """Show a name so that no terminal obeys it."""
    text = str(name)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
