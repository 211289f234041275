"""What counts in a plan beside its makespan, and how much."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from planner.errors import Fault, InputError

__all__ = ["Weights"]


@dataclass(frozen=True)
class Weights:
    """The price of a plan in seconds: makespan, bytes that are sent, and imbalance, each times its weight.

    Parameters
    ----------
    time : float
        Of the makespan.
    gigabytes : float
        Seconds that sending 10⁹ bytes from one executor to another is worth, beside the time that it takes.
    imbalance : float
        Of the time by which the busiest slot is busier than the mean of all slots.

    Raises
    ------
    InputError
        For weights below 0, NaN or infinite, with every fault; if all are 0.

    Examples
    --------
    >>> Weights(gigabytes=2.5)
    Weights(time=1.0, gigabytes=2.5, imbalance=0.0)
    """

    time: float = 1.0
    gigabytes: float = 0.0
    imbalance: float = 0.0

    def __post_init__(self) -> None:
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        faults = [
            Fault(f"weights.{name}", f"is {weight}; expected a number of 0 or more")
            for name, weight in given.items()
            if not (isinstance(weight, int | float) and math.isfinite(weight) and weight >= 0)
        ]
        if not faults and not any(given.values()):
            faults = [Fault("weights", f"are all 0; expected one of {', '.join(given)} above it")]
        if faults:
            raise InputError(faults)
