"""The executors that a plan may use, their slots, and the network between their hosts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from planner.errors import Fault, InputError
from planner.model.arrays import Float64, Int32, Int64

__all__ = ["Cluster", "Executor", "Link", "Network"]


@dataclass(frozen=True)
class Executor:
    """One executor.

    Parameters
    ----------
    id : str
    host : str
        Executors of one host share its links.
    kind : str
        For example ``"cpu"`` or ``"gpu"``; efficiencies may be given per kind.
    slots : int
        Tasks it runs at a time.
    speed : float
        Relative to 1: a task of work 1 s takes ``1 / speed`` seconds.
    memory_bytes : int or None
        Memory for the tasks that run together on it, and for the values made there that other tasks wait for; None when
        it is not limited.
    speeds : mapping of str to float
        Speed for the kinds of task (`Graph.kinds`) whose speed is another.
    """

    id: str
    host: str = "localhost"
    kind: str = "cpu"
    slots: int = 1
    speed: float = 1.0
    memory_bytes: int | None = None
    speeds: Mapping[str, float] = field(default_factory=dict, hash=False)

    def speed_for(self, kind: str) -> float:
        """Give the speed for tasks of a kind."""
        return self.speeds.get(kind, self.speed)


@dataclass(frozen=True)
class Link:
    """Latency (us) and bandwidth (bytes a second) between two hosts, where they differ from the network's."""

    hosts: tuple[str, str]
    latency_us: int = 0
    bandwidth: float = math.inf


@dataclass(frozen=True)
class Network:
    """Latency (us) and bandwidth (bytes a second) between executors; nothing is paid inside one executor."""

    latency_us: int = 0
    bandwidth: float = math.inf
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Cluster:
    """Executors and the network between them.

    Parameters
    ----------
    executors : tuple of Executor
    network : Network
    overhead_us : int
        Fixed cost of every task, in microseconds.

    Raises
    ------
    InputError
        With every fault: no executor, duplicate ids, slots below 1, a speed that is not above 0, unknown hosts.

    Examples
    --------
    >>> cluster = Cluster.uniform(2, slots=3)
    >>> cluster.n_slots, cluster.slot_executor.tolist()
    (6, [0, 0, 0, 1, 1, 1])
    """

    executors: tuple[Executor, ...]
    network: Network = field(default_factory=Network)
    overhead_us: int = 0

    def __post_init__(self) -> None:
        faults = [*_executor_faults(self.executors), *_network_faults(self.network, {e.host for e in self.executors})]
        if faults:
            raise InputError(faults)

    @classmethod
    def uniform(
        cls,
        executors: int,
        slots: int = 1,
        *,
        memory_bytes: int | None = None,
        network: Network | None = None,
    ) -> Cluster:
        """Make a cluster of equal executors of speed 1, with ids ``"0"``, ``"1"``, … as Spark gives them."""
        equal = tuple(Executor(str(i), slots=slots, memory_bytes=memory_bytes) for i in range(executors))
        return cls(equal, network or Network())

    @property
    def n_slots(self) -> int:
        """Number of slots of all executors."""
        return sum(executor.slots for executor in self.executors)

    @cached_property
    def slot_executor(self) -> Int32:
        """Executor (position) of each slot, ascending; shape (slots,)."""
        return np.repeat(np.arange(len(self.executors), dtype=np.int32), [e.slots for e in self.executors])

    @cached_property
    def slot_number(self) -> Int32:
        """Number of each slot inside its executor, from 0; shape (slots,)."""
        numbers = [number for executor in self.executors for number in range(executor.slots)]
        return np.array(numbers, dtype=np.int32)

    @cached_property
    def speed(self) -> Float64:
        """Speed of each executor; shape (executors,)."""
        return np.array([executor.speed for executor in self.executors])

    def speeds_for(self, kinds: Sequence[str]) -> Float64:
        """Give the speed of each executor for each kind of task; shape (kinds, executors)."""
        speeds = np.tile(self.speed, (len(kinds), 1))
        for position, executor in enumerate(self.executors):
            if executor.speeds:
                speeds[:, position] = [executor.speed_for(kind) for kind in kinds]
        return speeds

    @cached_property
    def network_class(self) -> Int32:
        """Row and column of each executor in `class_latency_us` and `class_us_per_byte`; shape (executors,)."""
        if not self.network.links:
            return np.zeros(len(self.executors), dtype=np.int32)
        return np.array([self._hosts[executor.host] for executor in self.executors], dtype=np.int32)

    @cached_property
    def class_latency_us(self) -> Int64:
        """Latency between executors of network classes; paid between different executors only."""
        return self._pairs(self.network.latency_us, lambda link: link.latency_us).astype(np.int64)

    @cached_property
    def class_us_per_byte(self) -> Float64:
        """Microseconds a byte takes between executors of network classes."""
        return self._pairs(1e6 / self.network.bandwidth, lambda link: 1e6 / link.bandwidth)

    def transfer_us(self, size_bytes: int, source: int, target: int) -> int:
        """Give the time that `size_bytes` take from one executor to another: 0 inside one executor."""
        if source == target:
            return 0
        pair = self.network_class[source], self.network_class[target]
        sending = math.ceil(size_bytes * float(self.class_us_per_byte[pair]) - 1e-6)
        return int(self.class_latency_us[pair]) + sending

    @cached_property
    def _hosts(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(sorted({executor.host for executor in self.executors}))}

    def _pairs(self, default: float, of: Callable[[Link], float]) -> Float64:
        k = len(self._hosts) if self.network.links else 1
        pairs = np.full((k, k), default, dtype=np.float64)
        for link in self.network.links:
            a, b = (self._hosts[name] for name in link.hosts)
            pairs[a, b] = pairs[b, a] = of(link)
        return pairs

    def __repr__(self) -> str:
        return f"Cluster({len(self.executors)} executors, {self.n_slots} slots)"


def _executor_faults(executors: Sequence[Executor]) -> list[Fault]:
    if not executors:
        return [Fault("executors", "there is none; expected at least one")]
    faults = []
    seen: set[str] = set()
    for i, executor in enumerate(executors):
        path = f"executors[{i}]"
        if executor.id in seen:
            faults.append(
                Fault(f"{path}.id", f"{executor.id!r} is given to more than one executor; expected distinct ids")
            )
        seen.add(executor.id)
        if executor.slots < 1:
            faults.append(Fault(f"{path}.slots", f"is {executor.slots}; expected 1 or more"))
        if not (math.isfinite(executor.speed) and executor.speed > 0):
            faults.append(Fault(f"{path}.speed", f"is {executor.speed}; expected a finite number above 0"))
        faults += [
            Fault(f"{path}.speeds[{kind!r}]", f"is {speed}; expected a finite number above 0")
            for kind, speed in executor.speeds.items()
            if not (math.isfinite(speed) and speed > 0)
        ]
        if executor.memory_bytes is not None and executor.memory_bytes <= 0:
            faults.append(Fault(f"{path}.memory", f"is {executor.memory_bytes}; expected bytes above 0"))
    return faults


def _network_faults(network: Network, hosts: set[str]) -> list[Fault]:
    faults = _rate_faults("network", network.latency_us, network.bandwidth)
    for i, link in enumerate(network.links):
        path = f"network.links[{i}]"
        faults += _rate_faults(path, link.latency_us, link.bandwidth)
        faults += [
            Fault(f"{path}.hosts", f"{host!r} is no executor's host; expected one of {', '.join(sorted(hosts))}")
            for host in link.hosts
            if host not in hosts
        ]
    return faults


def _rate_faults(path: str, latency_us: int, bandwidth: float) -> list[Fault]:
    faults = []
    if latency_us < 0:
        faults.append(Fault(f"{path}.latency", f"is {latency_us} us; expected 0 or more"))
    if math.isnan(bandwidth) or bandwidth <= 0:
        faults.append(Fault(f"{path}.bandwidth", f"is {bandwidth}; expected bytes a second above 0"))
    return faults
