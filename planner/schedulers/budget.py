"""How much a search may try: so many schedules, or so many seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

__all__ = ["Budget"]


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
