"""How far a plan has come: what has begun, where and when, and what is closed to the rest of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from planner.model.arrays import Bool, Int32, Int64

__all__ = ["Progress"]


@dataclass(frozen=True, eq=False)
class Progress:
    """What of a graph has begun. The rest can be planned anew around it.

    Attributes
    ----------
    now_us : int
        Nothing new starts before.
    slot : ndarray of int32, shape (n,)
        Where each task has begun; −1 where it has not.
    start_us, finish_us : ndarray of int64, shape (n,)
        When those began, and when they ended or are expected to end; 0 for the others.
    closed : tuple of str
        Ids of executors that take no new task: lost, or about to go. What they have done counts.
    slot_free_us : mapping of int to int
        Slots that are free later than what runs on them says, for example because they are still starting.

    Examples
    --------
    >>> Progress.none(3).begun.tolist()
    [False, False, False]
    """

    now_us: int
    slot: Int32
    start_us: Int64
    finish_us: Int64
    closed: tuple[str, ...] = ()
    slot_free_us: Mapping[int, int] | None = None

    @classmethod
    def none(cls, n: int, now_us: int = 0) -> Progress:
        """Give the progress of `n` tasks of which none has begun."""
        return cls(now_us, np.full(n, -1, np.int32), np.zeros(n, np.int64), np.zeros(n, np.int64))

    @property
    def begun(self) -> Bool:
        """Whether each task has begun; shape (n,)."""
        begun: Bool = self.slot >= 0
        return begun
