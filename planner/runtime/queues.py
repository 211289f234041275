"""From a plan to the queue of each slot: who runs what in which order, and who takes which value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import cloudpickle
import numpy as np

from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.graph import Call, Graph
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS
from planner.runtime.messages import Entry, Given, SlotQueue

__all__ = ["pack_queue", "result_tasks", "slot_queues", "value_takers"]


def result_tasks(graph: Graph) -> list[int]:
    """Give the tasks whose values the driver wants: those on which no other task waits."""
    return np.flatnonzero(np.diff(graph.succ_ptr) == 0).tolist()


def slot_queues(plan: Plan, *, emulate: float | None = None) -> list[SlotQueue]:
    """Give the queue of every slot, its tasks in planned order.

    Parameters
    ----------
    plan : Plan
    emulate : float, optional
        Let every task sleep its planned time × this and hand on a value of its largest edge × this, instead of
        calling anything.

    Raises
    ------
    InputError
        If tasks have nothing to run, and `emulate` is not given.
    """
    graph, slot = plan.graph, plan.schedule.slot
    if emulate is None:
        _check_calls(graph)
    strict = not Problem.of(graph, plan.cluster).fits
    takes = [_taken(graph, task, emulated=emulate is not None) for task in range(graph.n)]
    results = set(result_tasks(graph)) if emulate is None else set()
    runs: dict[Any, int] = {}
    entries: list[list[Entry]] = [[] for _ in range(plan.cluster.n_slots)]
    remote: list[dict[int, int]] = [{} for _ in entries]
    for task in _running_order(plan):
        here = int(slot[task])
        uses = 0
        readers: set[int] = set()
        followers: set[int] = set()
        for after in graph.successors(task).tolist():
            there, taken = int(slot[after]), task in takes[after]
            if there == here:
                uses += taken
                continue
            (readers if taken else followers).add(there)
            remote[there][task] = remote[there].get(task, 0) + taken
        entries[here].append(
            Entry(
                task,
                graph.names[task],
                inputs=tuple(graph.predecessors(task).tolist()),
                takes=takes[task],
                order=int(plan.schedule.start_us[task]),
                call=None if emulate is not None else _call(graph.calls[task], runs),
                emulate=None if emulate is None else _emulation(plan, task, emulate),
                uses=uses,
                readers=tuple(sorted(readers)),
                followers=tuple(sorted(followers - readers)),
                result=task in results,
            )
        )
    functions, shared = tuple(runs), _shared(takes)
    return [
        SlotQueue(
            i,
            tuple(queue),
            functions,
            remote[i],
            frozenset(task for task in [*(entry.task for entry in queue), *remote[i]] if task in shared),
            tuple(sorted({int(slot[task]) for task in remote[i]})),
            strict=strict,
        )
        for i, queue in enumerate(entries)
    ]


def value_takers(n: int, queues: Sequence[SlotQueue]) -> list[list[int]]:
    """Give for each of `n` tasks those that take its value, and do not only wait for its end."""
    takers: list[list[int]] = [[] for _ in range(n)]
    for entry in (entry for queue in queues for entry in queue.entries):
        for task in entry.takes:
            takers[task].append(entry.task)
    return takers


def pack_queue(queue: SlotQueue | Given) -> bytes:
    """Pack tasks for their slot; functions of a notebook or script go by value."""
    return cloudpickle.dumps(queue, protocol=5)  # type: ignore[no-any-return]


def _running_order(plan: Plan) -> list[int]:
    """Tasks by planned start; tasks of no length in the graph's order, so that none waits for one behind it."""
    position = np.empty(plan.graph.n, dtype=np.int64)
    position[plan.graph.order] = np.arange(plan.graph.n)
    return np.lexsort((position, plan.schedule.finish_us, plan.schedule.start_us)).tolist()  # type: ignore[no-any-return]


def _check_calls(graph: Graph) -> None:
    idle = [i for i in range(graph.n) if not graph.calls or graph.calls[i] is None]
    if not idle:
        return
    if len(idle) == graph.n:
        raise InputError(
            "this graph is a trace: its tasks name nothing to run; expected `run` in every task, or --emulate SCALE"
        )
    raise InputError(
        [Fault(f"tasks[{graph.names[i]!r}].run", "is missing; expected 'package.module:function'") for i in idle[:20]]
    )


def _taken(graph: Graph, task: int, *, emulated: bool) -> frozenset[int]:
    if emulated:
        return frozenset(graph.predecessors(task).tolist())
    call = graph.calls[task]
    return frozenset(call.refs()) if call is not None else frozenset()


def _shared(takes: list[frozenset[int]]) -> set[int]:
    takers = Counter(task for taken in takes for task in taken)
    return {task for task, count in takers.items() if count > 1}


def _call(call: Call | None, runs: dict[str | Callable[..., Any], int]) -> tuple[int, tuple[Any, ...], dict[str, Any]]:
    assert call is not None  # noqa: S101
    return runs.setdefault(call.run, len(runs)), call.args, dict(call.kwargs)


def _emulation(plan: Plan, task: int, scale: float) -> tuple[float, int]:
    graph = plan.graph
    planned = int(plan.schedule.finish_us[task] - plan.schedule.start_us[task])
    edges = graph.succ_edge[graph.succ_ptr[task] : graph.succ_ptr[task + 1]]
    size = int(graph.edge_bytes[edges].max(initial=0))
    return planned * scale / MICROSECONDS, round(size * scale)
