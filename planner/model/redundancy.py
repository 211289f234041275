"""What a task asks for against losses: replicas on other executors, retries, a time-out; and the checks of all that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from planner.errors import Fault, InputError
from planner.model.columns import task_path
from planner.model.units import MICROSECONDS, parse_seconds

if TYPE_CHECKING:
    from planner.model.graph import Graph, Pin

__all__ = ["REDUNDANCY_KEYS", "Asked", "Replicas", "asked", "copies_faults", "redundancy_faults", "whole_numbers"]

REDUNDANCY_KEYS = ("replicas", "redundancy", "retries", "timeout")
"""As keys of a job file, columns of Parquet, and arguments of `GraphBuilder.add`."""

MODES = ("standby", "active")
"""The first is meant where none is named."""

LONGEST_TIMEOUT_S = 10**9
"""Seconds above which a time-out is taken for a mistake."""

MOST = 10**6
"""Replicas and retries above which a number is taken for a mistake."""


@dataclass(frozen=True)
class Replicas:
    """How many executors a task's value is to be on, and how it gets there.

    Parameters
    ----------
    count : int
        The task and its copies together; 2 or more.
    mode : {"standby", "active"}
        ``standby``: one runs, and its value is sent to the others, which run only when that one is lost. ``active``:
        all run, and the first value counts.
    """

    count: int
    mode: Literal["standby", "active"] = "standby"

    def __str__(self) -> str:
        return f"{self.count} {self.mode} replicas"


@dataclass(frozen=True)
class Asked:
    """What one task asks for; None and 0 where it asks for nothing."""

    replicas: Replicas | None = None
    retries: int = 0
    timeout_us: int | None = None


def asked(given: Mapping[str, Any], where: Callable[[str], str], faults: list[Fault]) -> Asked:
    """Check what a task is given of `REDUNDANCY_KEYS`, whoever gives it.

    Parameters
    ----------
    given : mapping of str to object
        Only what is given.
    where : callable
        The path of a key.
    faults : list of Fault
        Gets what is wrong.

    Examples
    --------
    >>> asked({"replicas": 2, "timeout": "1 min"}, str, [])
    Asked(replicas=Replicas(count=2, mode='standby'), retries=0, timeout_us=60000000)
    """
    count = _whole("replicas", given, 2, where, faults)
    retries = _whole("retries", given, 0, where, faults) or 0
    mode = given.get("redundancy", MODES[0])
    if mode not in MODES:
        faults.append(Fault(where("redundancy"), f"is {_shown(mode)}; expected 'standby' or 'active'"))
    elif "redundancy" in given and "replicas" not in given:
        faults.append(Fault(where("redundancy"), "stands without replicas; expected replicas = 2 or more beside it"))
    replicas = Replicas(count, mode) if count is not None and mode in MODES else None
    return Asked(replicas, retries, _timeout_us(given, where, faults) if "timeout" in given else None)


def _whole(
    key: str, given: Mapping[str, Any], least: int, where: Callable[[str], str], faults: list[Fault]
) -> int | None:
    if key not in given:
        return None
    value = given[key]
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and least <= value <= MOST:
        return int(value)
    faults.append(Fault(where(key), f"is {_shown(value)}; expected a whole number from {least} to {MOST:,}"))
    return None


def _timeout_us(given: Mapping[str, Any], where: Callable[[str], str], faults: list[Fault]) -> int | None:
    value, seconds = given["timeout"], math.nan
    if isinstance(value, str):
        try:
            seconds = parse_seconds(value)
        except InputError:
            seconds = math.nan
    elif isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        seconds = float(value) if value < LONGEST_TIMEOUT_S + 1 else math.inf
    timeout_us = round(seconds * MICROSECONDS) if 0 < seconds <= LONGEST_TIMEOUT_S else 0
    if timeout_us > 0:
        return timeout_us
    wanted = f"expected seconds above 0, at most {LONGEST_TIMEOUT_S:.0e}, or text such as '1 min'"
    faults.append(Fault(where("timeout"), f"is {_shown(value)}; {wanted}"))
    return None


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    try:
        text = repr(value)
    except ValueError:  # Python turns no integer of more than 4300 digits into text
        return "a number of very many digits"
    return text if len(text) <= 60 else f"{text[:59]}…"


def redundancy_faults(
    n: int,
    names: pa.StringArray,
    replicas: Mapping[int, Any],
    retries: Mapping[int, Any],
    timeouts_us: Mapping[int, Any],
    copy_of: Mapping[int, int],
    apart: Mapping[int, str],
) -> Iterator[Fault]:
    """Find what is wrong with what is asked for, task by task.

    Parameters
    ----------
    n : int
        Tasks of the graph.
    names : pyarrow.StringArray
    replicas, retries, timeouts_us, copy_of, apart
        As in `Graph`.
    """
    columns = (("replicas", replicas), ("retries", retries), ("timeout", timeouts_us), ("copy_of", copy_of))
    for what, column in columns:
        for task in column:
            if not 0 <= task < n:
                yield Fault(f"tasks[{task}].{what}", f"there are {n} tasks; expected one of them")
    for task, wanted in replicas.items():
        path = task_path(names, task) if 0 <= task < n else ""
        if path and not isinstance(wanted, Replicas):
            yield Fault(f"{path}.replicas", f"is {_shown(wanted)}; expected Replicas(count, mode)")
        elif path:
            found: list[Fault] = []
            asked({"replicas": wanted.count, "redundancy": wanted.mode}, lambda key: f"{path}.{key}", found)  # noqa: B023
            yield from found
            if task in apart:
                problem = "stands beside replicas, which are kept apart from one another alone; expected one of both"
                yield Fault(f"{path}.apart", problem)
    for what, least, numbers in (("retries", 0, retries), ("timeout", 1, timeouts_us)):
        unit = " of microseconds" if what == "timeout" else ""
        most = MOST if what == "retries" else LONGEST_TIMEOUT_S * MICROSECONDS
        for task, number in numbers.items():
            whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
            if 0 <= task < n and not (whole and least <= number <= most):
                wanted_number = f"expected a whole number{unit} from {least} to {most:,}"
                yield Fault(f"{task_path(names, task)}.{what}", f"is {_shown(number)}; {wanted_number}")
    for task, other in copy_of.items():
        if 0 <= task < n and not 0 <= other < n:
            yield Fault(f"{task_path(names, task)}.copy_of", f"is {other}; expected the position of a task")


def copies_faults(graph: Graph) -> Iterator[Fault]:
    """Find copies that are none: other than their task, with successors, or more or fewer than it has replicas."""
    names, columns = graph.ids, (graph.work_us, graph.memory_bytes, graph.output_bytes, graph.kind)
    counted: dict[int, int] = {}
    for copy, task in graph.copy_of.items():
        path, of = f"{task_path(names, copy)}.copy_of", task_path(names, task)
        counted[task] = counted.get(task, 0) + 1
        wanted = graph.replicas.get(task)
        if wanted is None or wanted.mode != "active" or task in graph.copy_of:
            yield Fault(path, f"is {of}, which has no active replicas; expected a task that has")
        elif copy in graph.replicas or {copy, task} & graph.over.keys():
            yield Fault(path, "stands with replicas of its own, or data-parallel tasks; expected a plain task and copy")
        elif len(graph.successors(copy)):
            yield Fault(path, "has successors; expected them to wait for the task that it is a copy of")
        elif any(column[copy] != column[task] for column in columns) or _rest(graph, copy) != _rest(graph, task):
            yield Fault(path, f"is {of}, which is another; expected the same inputs, work, bytes, kind, run and pin")
    for task, count in counted.items():
        wanted = graph.replicas.get(task)
        if wanted is not None and wanted.mode == "active" and count != wanted.count - 1:
            problem = f"is {wanted.count}, and there are {count} copies; expected {wanted.count - 1}, or none"
            yield Fault(f"{task_path(names, task)}.replicas", problem)


def _rest(graph: Graph, task: int) -> tuple[list[int], list[int], Pin | None, int, int | None, Any, str | None]:
    """Give what a copy shares with its task beside its costs."""
    sizes = graph.edge_bytes[graph.pred_ptr[task] : graph.pred_ptr[task + 1]]
    call = graph.calls[task] if graph.calls else None
    asks = graph.pins.get(task), graph.retries.get(task, 0), graph.timeouts_us.get(task)
    return graph.predecessors(task).tolist(), sizes.tolist(), *asks, call and call.run, graph.apart.get(task)


def whole_numbers(numbers: Mapping[int, int] | None) -> dict[int, int]:
    """Give plain integers in the order of tasks, without those that are 0."""
    return {task: int(number) for task, number in sorted((numbers or {}).items()) if int(number)}
