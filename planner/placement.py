"""Which executors may take which tasks: pins, memory, executors that are closed, and what stays apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from planner.errors import Fault, InfeasibleError
from planner.model.arrays import Bool, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph, Pin
from planner.model.progress import Progress
from planner.model.units import format_bytes

__all__ = ["Groups", "apart_groups", "host_numbers", "placements"]

_SHOWN = 100


def placements(graph: Graph, cluster: Cluster, progress: Progress) -> tuple[Bool, Int32]:
    """Give the executors that may take each task.

    Returns
    -------
    place : ndarray of bool, shape (rows, executors)
    place_row : ndarray of int32, shape (n,)
        The row of each task.

    Raises
    ------
    InfeasibleError
        Naming every task that no executor may take, or fewer than it has replicas, and every group that cannot be kept
        apart.
    """
    holds, size = _by_memory(graph, cluster)
    pinned, pin = _by_pin(graph, cluster)
    combined = pin * len(holds) + size
    rows, place_row = _distinct(combined, len(pinned) * len(holds))
    place = pinned[rows // len(holds)] & holds[rows % len(holds)]
    faults = [*_too_few(graph, place, place_row)]
    for position, executor in enumerate(cluster.executors):
        if executor.id in progress.closed:
            place[:, position] = False
    faults += [
        *_homeless(graph, cluster, progress, place, place_row),
        *_crowded(graph, cluster, progress, place, place_row),
    ]
    if faults:
        raise InfeasibleError(faults)
    return place, place_row


class Groups(NamedTuple):
    """What stays apart: the group of each task, −1 for none; and whether each group is on different hosts, too."""

    of: Int32
    by_host: Bool


def apart_groups(graph: Graph, cluster: Cluster, progress: Progress, place: Bool, place_row: Int32) -> Groups:
    """Give what is kept apart: groups of the graph, and each task with its copies.

    Copies are on different hosts where so many may take them, and on different executors else. Where executors are
    closed, so that there are too few, copies are not kept apart: a run goes on without them.

    Parameters
    ----------
    graph : Graph
    cluster : Cluster
    progress : Progress
    place, place_row
        As `placements` gives them.
    """
    groups = np.full(graph.n, -1, dtype=np.int32)
    names = {name: number for number, name in enumerate(dict.fromkeys(graph.apart.values()))}
    if graph.apart:
        groups[list(graph.apart)] = [names[name] for name in graph.apart.values()]
    by_host = [False] * len(names)
    slot, executor = progress.slot.tolist() if graph.copy_of else [], cluster.slot_executor.tolist()
    room = _Room(host_numbers(cluster), place)
    for task, copies in _families(graph).items():
        members = [task, *copies]
        on = tuple(executor[slot[member]] for member in members if slot[member] >= 0)
        if (kept := room.enough(int(place_row[task]), on, len(members) - len(on))) is not None:
            groups[members] = len(by_host)
            by_host.append(kept)
    return Groups(groups, np.array(by_host, dtype=bool))


class _Room:
    """Tells whether executors, and hosts, are enough for copies; of many alike, once."""

    def __init__(self, host: Int32, place: Bool) -> None:
        self.host, self.place = host, place
        self.known: dict[tuple[int, tuple[int, ...]], tuple[int, int]] = {}

    def enough(self, row: int, on: tuple[int, ...], left: int) -> bool | None:
        """Tell whether copies can be on different hosts: None, if not even on different executors."""
        if (row, on) not in self.known:
            free, taken = self.place[row].copy(), self.host[list(on)]
            free[list(on)] = False
            hosts = len(np.setdiff1d(self.host[free], taken)) if len({*taken.tolist()}) == len(on) else -1
            self.known[row, on] = int(free.sum()), hosts
        executors, hosts = self.known[row, on]
        return left <= hosts if left <= executors else None


def host_numbers(cluster: Cluster) -> Int32:
    """Give the number of each executor's host; shape (executors,)."""
    numbers: dict[str, int] = {}
    hosts = [numbers.setdefault(executor.host, len(numbers)) for executor in cluster.executors]
    return np.array(hosts, dtype=np.int32)


def _families(graph: Graph) -> dict[int, list[int]]:
    """Give the copies of each task that has some."""
    families: dict[int, list[int]] = {}
    for copy, task in graph.copy_of.items():
        families.setdefault(task, []).append(copy)
    return families


def _distinct(values: Int64, most: int) -> tuple[Int64, Int32]:
    """Give the distinct ones of small numbers, and the position of each value among them."""
    if most == 1:  # of a million equal ones, without looking at any
        return np.zeros(1, dtype=np.int64), np.zeros(len(values), dtype=np.int32)
    there = np.bincount(values, minlength=most) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1).astype(np.int32)[values]


def _by_memory(graph: Graph, cluster: Cluster) -> tuple[Bool, Int64]:
    """Rows by the smallest memory that holds a task; the last one, where no executor's does."""
    most = np.iinfo(np.int64).max
    memory = np.array([most if e.memory_bytes is None else e.memory_bytes for e in cluster.executors], dtype=np.int64)
    sizes = np.unique(memory)
    largest = int(graph.memory_bytes.max(initial=0))
    if largest <= sizes[0]:
        return np.ones((1, len(memory)), dtype=bool), np.zeros(graph.n, dtype=np.int64)
    return memory[None, :] >= np.append(sizes, most)[:, None], np.searchsorted(sizes, graph.memory_bytes)


def _by_pin(graph: Graph, cluster: Cluster) -> tuple[Bool, Int64]:
    pins: dict[Pin | None, int] = {None: 0}
    row = np.zeros(graph.n, dtype=np.int64)
    for task, pin in graph.pins.items():
        row[task] = pins.setdefault(pin, len(pins))
    pinned: Bool = np.array([[_fits(executor, pin) for executor in cluster.executors] for pin in pins])
    return pinned, row


def _fits(executor: object, pin: Pin | None) -> bool:
    if pin is None:
        return True
    asked = (("id", pin.executor), ("host", pin.host), ("kind", pin.kind))
    return all(wanted is None or getattr(executor, name) == wanted for name, wanted in asked)


def _too_few(graph: Graph, place: Bool, place_row: Int32) -> Iterator[Fault]:
    """Find tasks with more replicas than executors that may take them, whether these are closed or not."""
    able = place.sum(axis=1)
    wrong = [task for task, replicas in graph.replicas.items() if 0 < able[place_row[task]] < replicas.count]
    for task in wrong[:_SHOWN]:
        count = int(able[place_row[task]])
        there = f"{count} executor{'s' if count > 1 else ''} may take it"
        problem = f"is {graph.replicas[task].count}, and {there}; expected an executor for each"
        yield Fault(f"tasks[{graph.ids[task].as_py()!r}].replicas", problem)


def _homeless(graph: Graph, cluster: Cluster, progress: Progress, place: Bool, place_row: Int32) -> Iterator[Fault]:
    none = np.logical_not(place.any(axis=1))
    if not none.any():
        return
    limits = [executor.memory_bytes for executor in cluster.executors]
    for task in np.flatnonzero(none[place_row] & ~progress.begun)[:_SHOWN].tolist():
        path = f"tasks[{graph.ids[task].as_py()!r}]"
        pin = graph.pins.get(task)
        matched = [limit for limit, e in zip(limits, cluster.executors, strict=True) if _fits(e, pin)]
        size = int(graph.memory_bytes[task])
        if pin is not None and not matched:
            known = ", ".join(f"{e.id} (host {e.host}, kind {e.kind})" for e in cluster.executors[:8])
            yield Fault(f"{path}.pin", f"asks for {pin}; expected one that there is: {known}")
        elif all(limit is not None and limit < size for limit in matched):
            most = max(limit for limit in matched if limit is not None)
            where = "the largest executor" if pin is None else f"the largest executor of {pin}"
            yield Fault(f"{path}.memory", f"is {format_bytes(size)}; {where} has {format_bytes(most)}, so it fits none")
        else:
            yield Fault(path, "can only run on executors that are closed; expected one that is open")


def _crowded(graph: Graph, cluster: Cluster, progress: Progress, place: Bool, place_row: Int32) -> Iterator[Fault]:
    """Find groups of which not every task can have an executor for itself."""
    members: dict[str, list[int]] = {}
    taken: dict[str, list[int]] = {}
    for task, name in graph.apart.items():
        if progress.begun[task]:
            taken.setdefault(name, []).append(int(cluster.slot_executor[progress.slot[task]]))
        else:
            members.setdefault(name, []).append(task)
    for name, tasks in members.items():
        free = np.ones(place.shape[1], dtype=bool)
        free[taken.get(name, [])] = False
        seated = _seated([np.flatnonzero(place[place_row[task]] & free).tolist() for task in tasks])
        if seated < len(tasks):
            ids = ", ".join(graph.ids[task].as_py() for task in tasks[:8]) + (" …" if len(tasks) > 8 else "")
            problem = f"{len(tasks)} tasks ({ids}) may share no executor, and {seated} find one for themselves"
            yield Fault(f"apart[{name!r}]", f"{problem}; expected an executor for each")


def _seated(choices: list[list[int]]) -> int:
    """Give how many can have one of their choices for themselves: a maximum matching by augmenting paths."""
    owner: dict[int, int] = {}

    def seat(who: int, tried: set[int]) -> bool:
        for place in choices[who]:
            if place not in tried:
                tried.add(place)
                if place not in owner or seat(owner[place], tried):
                    owner[place] = who
                    return True
        return False

    return sum(seat(who, set()) for who in range(len(choices)))
