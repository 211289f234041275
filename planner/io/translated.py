"""Graphs that are written in other terms: put into those of the job file, read as one, and faults put back."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from planner.errors import Fault, InputError
from planner.io.checks import Faults
from planner.io.job_file import GRAPH_FORMAT, graph_from_document
from planner.model.graph import Graph

__all__ = ["graph_from_tasks"]

_TASK = re.compile(r"tasks\[(\d+)\]")


def graph_from_tasks(
    tasks: Sequence[Mapping[str, Any]], faults: Faults, where: Callable[[int], str], *, runnable: bool = True
) -> Graph:
    """Read tasks of a job file that were something else.

    Parameters
    ----------
    tasks : sequence of dict
        As ``tasks`` of ``planner.graph/1``.
    faults : Faults
        What is known to be wrong already, in the terms of the input.
    where : callable
        Gives the path in the input of the task at a position.
    runnable : bool
        Whether its calls can be called.

    Raises
    ------
    InputError
        With every fault, at its path in the input.

    Examples
    --------
    >>> graph_from_tasks([{"id": "a", "work": "soon"}], Faults(), lambda task: f"line {task + 1}")
    Traceback (most recent call last):
    planner.errors.InputError: line 1.work: 'soon' is no duration; expected seconds such as 10, or ...
    """
    mark = {} if runnable else {"runnable": False}
    known = set(faults.found)
    try:
        return graph_from_document({"format": GRAPH_FORMAT, **mark, "tasks": [*tasks]}, faults)
    except InputError as error:
        raise InputError(
            [fault if fault in known else _put_back(fault, len(tasks), where) for fault in error.faults]
        ) from error


def _put_back(fault: Fault, n: int, where: Callable[[int], str]) -> Fault:
    def named(match: re.Match[str]) -> str:
        return where(int(match[1])) if int(match[1]) < n else match[0]

    return Fault(_TASK.sub(named, fault.path, count=1), _TASK.sub(named, fault.problem))
