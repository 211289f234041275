"""The validator: does a schedule keep every rule? It shares no code with the schedulers that it judges."""

from __future__ import annotations

import itertools

import numpy as np

from planner.errors import Fault, InvalidPlanError
from planner.model.arrays import Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.plan import Schedule
from planner.model.progress import Progress

__all__ = ["validate"]

_SHOWN = 20


def validate(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress | None = None) -> None:
    """Check a schedule against its graph and cluster.

    Every task is placed once on a slot that exists and starts at 0 or later; takes the time it costs there; starts
    after all it waits for has ended and been sent over; shares its slot with nothing at the same time; is where its pin
    allows it, and on another executor than all it is kept apart from; and tasks that run together on an executor fit
    its memory.

    Parameters
    ----------
    graph : Graph
    cluster : Cluster
    schedule : Schedule
    progress : Progress, optional
        What had begun when the schedule was made. That stands as it was recorded, whatever it is; nothing else starts
        before now, before its slot is free, or on an executor that is closed.

    Raises
    ------
    InvalidPlanError
        With every broken rule (of each sort the first 20).
    """
    faults = _shape_faults(graph, cluster, schedule)
    if faults:
        raise InvalidPlanError(faults)
    begun = Progress.none(graph.n) if progress is None else progress
    checks = (_duration_faults, _precedence_faults, _overlap_faults, _memory_faults, _place_faults, _progress_faults)
    faults = [fault for check in checks for fault in check(graph, cluster, schedule, begun)]
    if faults:
        raise InvalidPlanError(faults)


def _task(graph: Graph, task: int) -> str:
    return f"tasks[{graph.ids[int(task)].as_py()!r}]"


def _shape_faults(graph: Graph, cluster: Cluster, schedule: Schedule) -> list[Fault]:
    faults = []
    for name in ("slot", "start_us", "finish_us"):
        column = getattr(schedule, name)
        if len(column) != graph.n:
            faults.append(Fault(name, f"has {len(column)} entries for {graph.n} tasks; expected one each"))
    if faults:
        return faults
    outside = (schedule.slot < 0) | (schedule.slot >= cluster.n_slots)
    for task in np.flatnonzero(outside)[:_SHOWN]:
        problem = f"is on slot {schedule.slot[task]}; expected 0 to {cluster.n_slots - 1}"
        faults.append(Fault(_task(graph, task), problem))
    for task in np.flatnonzero(schedule.start_us < 0)[:_SHOWN]:
        faults.append(Fault(_task(graph, task), f"starts at {schedule.start_us[task]} us; expected 0 or later"))
    return faults


def _duration_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    speed = cluster.speeds_for(graph.kinds)[graph.kind, cluster.slot_executor[schedule.slot]]
    costs = np.rint(graph.work_us / speed).astype(np.int64) + cluster.overhead_us
    takes = schedule.finish_us - schedule.start_us
    return [
        Fault(_task(graph, task), f"takes {takes[task]} us; expected {costs[task]} us on that executor")
        for task in np.flatnonzero((takes != costs) & ~progress.begun)[:_SHOWN]
    ]


def _precedence_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    source = graph.pred.astype(np.int64)
    target = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
    executor = cluster.slot_executor[schedule.slot]
    there, here = executor[source], executor[target]
    sending = _transfer_us(cluster, graph.edge_bytes, there, here)
    early = (schedule.start_us[target] < schedule.finish_us[source] + sending) & ~progress.begun[target]
    return [
        Fault(
            _task(graph, target[edge]),
            f"starts at {schedule.start_us[target[edge]]} us; its input from {_task(graph, source[edge])} is there at "
            f"{schedule.finish_us[source[edge]]} + {sending[edge]} us",
        )
        for edge in np.flatnonzero(early)[:_SHOWN]
    ]


def _transfer_us(cluster: Cluster, size_bytes: Int64, there: Int32, here: Int32) -> Int64:
    pair = cluster.network_class[there], cluster.network_class[here]
    exact = size_bytes * cluster.class_us_per_byte[pair]
    sending = cluster.class_latency_us[pair] + np.ceil(exact - 1e-6).astype(np.int64)
    return np.where(there == here, 0, sending)


def _overlap_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    start, finish = schedule.start_us, schedule.finish_us
    order = np.lexsort((finish, start, schedule.slot))
    slot_begins = np.searchsorted(schedule.slot[order], np.arange(cluster.n_slots + 1))
    faults: list[Fault] = []
    for low, high in itertools.pairwise(slot_begins):
        tasks = order[low:high]
        # Against the latest end so far, not only that of the task before: a long one may lie under several.
        until = np.maximum.accumulate(finish[tasks])
        clash = (start[tasks[1:]] < until[:-1]) & ~progress.begun[tasks[1:]]
        for i in np.flatnonzero(clash)[: _SHOWN - len(faults)] + 1:
            under = tasks[int(np.searchsorted(until, until[i - 1]))]
            faults.append(
                Fault(
                    _task(graph, tasks[i]),
                    f"starts at {start[tasks[i]]} us on slot {schedule.slot[tasks[i]]}, where "
                    f"{_task(graph, under)} runs until {finish[under]} us",
                )
            )
    return faults


def _memory_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    faults = []
    executor_of = cluster.slot_executor[schedule.slot]
    counts = ~(progress.begun & (schedule.finish_us <= progress.now_us))  # what is over is no plan
    for position, executor in enumerate(cluster.executors):
        if executor.memory_bytes is None:
            continue
        tasks = np.flatnonzero((executor_of == position) & (graph.memory_bytes > 0) & counts)
        times = np.concatenate([schedule.start_us[tasks], schedule.finish_us[tasks]])
        change = np.concatenate([graph.memory_bytes[tasks], -graph.memory_bytes[tasks]])
        planned = np.concatenate([~progress.begun[tasks], np.zeros(len(tasks), dtype=bool)])
        order = np.lexsort((change, times))  # what ends makes room before what starts takes it
        held = np.where(planned[order], np.cumsum(change[order]), 0)  # when something starts that was planned to
        if held.max(initial=0) > executor.memory_bytes:
            when = times[order][int(held.argmax())]
            problem = f"holds {held.max()} bytes at {when} us; it has {executor.memory_bytes}"
            faults.append(Fault(f"executors[{executor.id!r}]", problem))
        alone = tasks[(graph.memory_bytes[tasks] > executor.memory_bytes) & ~progress.begun[tasks]]
        faults += [Fault(_task(graph, t), f"needs more memory than executor {executor.id} has") for t in alone[:_SHOWN]]
    return faults


def _place_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    executor_of = cluster.slot_executor[schedule.slot]
    faults = []
    for task, pin in graph.pins.items():
        executor = cluster.executors[executor_of[task]]
        is_there = {"executor": executor.id, "host": executor.host, "kind": executor.kind}
        kept = all(getattr(pin, name) in (None, value) for name, value in is_there.items())
        if not kept and not progress.begun[task]:
            faults.append(Fault(_task(graph, task), f"is on executor {executor.id}; expected one of {pin}"))
    first: dict[tuple[str, int], int] = {}
    for task, name in graph.apart.items():
        other = first.setdefault((name, int(executor_of[task])), task)
        if other != task and not (progress.begun[task] and progress.begun[other]):
            where = cluster.executors[executor_of[task]].id
            problem = f"is on executor {where} with {_task(graph, other)}; expected them apart ({name})"
            faults.append(Fault(_task(graph, task), problem))
    return faults[:_SHOWN]


def _progress_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    begun = progress.begun
    same = (schedule.slot == progress.slot) & (schedule.start_us == progress.start_us)
    moved = begun & ~(same & (schedule.finish_us == progress.finish_us))
    faults = [
        Fault(_task(graph, t), "has begun, and does not stand as it was recorded")
        for t in np.flatnonzero(moved).tolist()
    ]
    free = np.full(cluster.n_slots, progress.now_us, dtype=np.int64)
    for slot, free_us in (progress.slot_free_us or {}).items():
        free[slot] = max(int(free[slot]), free_us)
    for task in np.flatnonzero(~begun & (schedule.start_us < free[schedule.slot])).tolist():
        soonest = f"expected {free[schedule.slot[task]]} us or later, when its slot can start something"
        faults.append(Fault(_task(graph, task), f"starts at {schedule.start_us[task]} us; {soonest}"))
    closed = np.array([executor.id in progress.closed for executor in cluster.executors])
    for task in np.flatnonzero(~begun & closed[cluster.slot_executor[schedule.slot]]).tolist():
        name = cluster.executors[cluster.slot_executor[schedule.slot[task]]].id
        faults.append(Fault(_task(graph, task), f"is on executor {name}, which is closed; expected an open one"))
    return faults[:_SHOWN]
