"""How much a search may try: so many schedules, or so many seconds; and what a schedule costs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from planner.cost import Problem

__all__ = ["SLOWER_IN_MEMORY", "Budget", "steps_of"]

SLOWER_IN_MEMORY = 8
"""How many times as long placing a task takes where memory stands in the way."""

_FEWEST_STEPS, _MOST_LOOKED_AT = 100, 64
"""What a schedule takes at least, and slots beyond which it takes no more steps."""


def steps_of(problem: Problem, slots: int | None = None) -> int:
    """Estimate the steps that the kernel takes for one list schedule; some hundred million are a second.

    Parameters
    ----------
    problem : Problem
    slots : int, optional
        How many there are, if not those of the problem.
    """
    looked_at = min(problem.n_slots if slots is None else slots, _MOST_LOOKED_AT)
    steps = 20 * problem.n + 4 * len(problem.pred) + problem.n * looked_at
    return max(_FEWEST_STEPS, steps * (1 if problem.fits else SLOWER_IN_MEMORY))


@dataclass(frozen=True)
class Budget:
    """What a search may use up. Counted in schedules, the same search gives the same result everywhere.

    Parameters
    ----------
    seconds : float, optional
        From now on.
    schedules : int, optional
        Exactly one of the two is given.

    Examples
    --------
    >>> Budget(schedules=10).used(5)
    0.5
    """

    seconds: float | None = None
    schedules: int | None = None
    began: float = field(default_factory=time.monotonic)

    def used(self, tried: int) -> float:
        """Give the part of it that is used up once so many schedules were tried: 1 or more at the end."""
        if self.schedules is not None:
            return tried / self.schedules if self.schedules else 1.0
        return (time.monotonic() - self.began) / self.seconds if self.seconds else 1.0

    def left(self, tried: int, most: int) -> int:
        """Give how many schedules the next chunk may try, of at most `most`."""
        return most if self.schedules is None else max(0, min(most, self.schedules - tried))

    def expected(self, tried: int, chunk: int) -> float:
        """Estimate how many schedules will be tried in all; without any experience, what a chunk would tell."""
        if self.schedules is not None:
            return self.schedules
        return tried / max(self.used(tried), 1e-9) if tried else chunk
