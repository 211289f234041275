"""What a cluster was measured to be: how fast its executors are, what starting costs, and what its links carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from planner.model.cluster import Cluster

__all__ = ["ExecutorProfile", "LinkProfile", "Profile", "Spread"]


@dataclass(frozen=True)
class Spread:
    """The middle of several measurements, and how far they lie apart: median and quartiles.

    Examples
    --------
    >>> Spread.of([4.0, 1.0, 2.0, 3.0, 100.0])
    Spread(low=2.0, middle=3.0, high=4.0)
    """

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Summarise values, of which there is at least one."""
        return cls(*(float(value) for value in np.percentile(np.array(list(values)), [25, 50, 75])))

    def overlaps(self, other: Spread) -> bool:
        """Tell whether the middle halves have something in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class ExecutorProfile:
    """What one executor was measured to be.

    Attributes
    ----------
    id, host : str
    slots : int
    speed : float
        Work that a slot gets done while all slots work, relative to the executor in the middle.
    busy, alone : Spread
        Pieces of work a second and slot: while all slots of the cluster work, and while no other slot of the host does.
    cores : float
        Processors that its Python processes may use, as the system and its container say.
    memory_bytes : int or None
        Memory that its host, or its container, has left; None where the system does not say.
    python_s, import_s : float or None
        Seconds until a first Python worker is there, and for the first import of what a slot needs after that.
    """

    id: str
    host: str
    slots: int
    speed: float
    busy: Spread
    alone: Spread
    cores: float
    memory_bytes: int | None
    python_s: float | None
    import_s: float | None

    @property
    def stretch(self) -> float:
        """How many times as long a piece of work takes when all slots work."""
        return self.alone.middle / self.busy.middle


@dataclass(frozen=True)
class LinkProfile:
    """What the link between two executors was measured to be; values went both ways, as those of tasks do.

    Attributes
    ----------
    executors, hosts : tuple of str
    latency_us : Spread
        Microseconds from the end of a task to the start of one that takes its small value on the other executor.
    bandwidth : Spread
        Bytes a second that a large value adds to that; packing and unpacking are a part of it.
    """

    executors: tuple[str, str]
    hosts: tuple[str, str]
    latency_us: Spread
    bandwidth: Spread

    @property
    def is_local(self) -> bool:
        """Whether both are on one host."""
        return self.hosts[0] == self.hosts[1]


@dataclass(frozen=True)
class Profile:
    """A measured cluster.

    Attributes
    ----------
    cluster : Cluster
        What to plan for: speeds, memory, network and the fixed cost of a task, as they were measured.
    executors : tuple of ExecutorProfile
    links : tuple of LinkProfile
        Of all pairs of executors; of a sample, where there are many.
    overhead_us : Spread
        Fixed cost of a task.
    job_s : Spread
        Seconds that a Spark job of one empty task takes.
    slots_s : float
        Seconds that a run takes before its first task and after its last one: slots start, meet, and end.
    settings : dict
        When and on what it was measured.
    """

    cluster: Cluster
    executors: tuple[ExecutorProfile, ...]
    links: tuple[LinkProfile, ...]
    overhead_us: Spread
    job_s: Spread
    slots_s: float
    settings: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give the measurements as plain values; the cluster they lead to is left out."""
        return {
            "executors": [{**asdict(each), "stretch": each.stretch} for each in self.executors],
            "links": [asdict(link) for link in self.links],
            "overhead_us": asdict(self.overhead_us),
            "job_s": asdict(self.job_s),
            "slots_s": self.slots_s,
            "settings": dict(self.settings),
        }
