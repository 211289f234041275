"""The validator: does a schedule keep every rule? It shares no code with the schedulers that it judges."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from planner.errors import Fault, InvalidPlanError
from planner.model.arrays import Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph, Pin
from planner.model.plan import Schedule
from planner.model.progress import Progress

__all__ = ["validate"]

_SHOWN = 20


def validate(
    graph: Graph,
    cluster: Cluster,
    schedule: Schedule,
    progress: Progress | None = None,
    backups: Mapping[int, tuple[int, ...]] | None = None,
) -> None:
    """Check a schedule against its graph and cluster.

    Every task is placed once on a slot that exists and starts at 0 or later; takes the time it costs there; starts
    after all it waits for has ended and been sent over; shares its slot with nothing at the same time; is where its pin
    allows it, and on another executor than all it is kept apart from; and tasks that run together on an executor fit
    its memory. A task with active replicas has its copies, and a task with standby replicas its backups, all on
    different executors, and on different hosts where so many may take it.

    Parameters
    ----------
    graph : Graph
    cluster : Cluster
    schedule : Schedule
    progress : Progress, optional
        What had begun when the schedule was made. That stands as it was recorded, whatever it is; nothing else starts
        before now, before its slot is free, or on an executor that is closed. Where closed executors leave too few,
        there may be fewer backups, and copies may share what is left.
    backups : mapping of int to tuple of int, optional
        Slots that stand by for tasks; not judged when left out.

    Raises
    ------
    InvalidPlanError
        With every broken rule (of each sort the first 20).
    """
    begun = Progress.none(graph.n) if progress is None else progress
    faults = [*_shape_faults(graph, cluster, schedule), *_progress_shape_faults(graph, cluster, begun)]
    if faults:
        raise InvalidPlanError(faults)
    checks = (
        *(_duration_faults, _precedence_faults, _overlap_faults, _memory_faults),
        *(_place_faults, _copy_faults, _progress_faults),
    )
    faults = [fault for check in checks for fault in check(graph, cluster, schedule, begun)]
    faults += [] if backups is None else _backup_faults(graph, cluster, schedule, begun, backups)
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


def _progress_shape_faults(graph: Graph, cluster: Cluster, progress: Progress) -> list[Fault]:
    faults = []
    for name in ("slot", "start_us", "finish_us"):
        column = getattr(progress, name)
        if len(column) != graph.n:
            faults.append(
                Fault(f"progress.{name}", f"has {len(column)} entries for {graph.n} tasks; expected one each")
            )
    return faults + [
        Fault(f"progress.slot_free_us[{slot}]", f"there are {cluster.n_slots} slots; expected one of them")
        for slot in (progress.slot_free_us or {})
        if not 0 <= slot < cluster.n_slots
    ]


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
    start, finish, begun = schedule.start_us, schedule.finish_us, progress.begun
    order = np.lexsort((finish, start, schedule.slot))
    slot_begins = np.searchsorted(schedule.slot[order], np.arange(cluster.n_slots + 1))
    faults: list[Fault] = []
    for low, high in itertools.pairwise(slot_begins):
        tasks = order[low:high]
        # Against the latest end so far, not only that of the task before: a long one may lie under several.
        # Tasks that have begun may lie over one another, but over nothing else.
        until = np.maximum.accumulate(finish[tasks])
        until_planned = np.maximum.accumulate(np.where(begun[tasks], -1, finish[tasks]))
        clash = start[tasks[1:]] < np.where(begun[tasks[1:]], until_planned[:-1], until[:-1])
        for i in np.flatnonzero(clash)[: _SHOWN - len(faults)] + 1:
            ends = until_planned if begun[tasks[i]] else until
            under = tasks[int(np.searchsorted(ends, ends[i - 1]))]
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
        judged = ~progress.begun[tasks] & (schedule.finish_us[tasks] > schedule.start_us[tasks])
        planned = np.concatenate([judged, np.zeros(len(tasks), dtype=bool)])
        # At one moment, what ends has made room, and what had begun has taken it, before what was planned starts.
        order = np.lexsort((planned, times))
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
    elsewhere = []
    for task, pin in graph.pins.items():
        on = cluster.executors[executor_of[task]]
        asked = ((pin.executor, on.id), (pin.host, on.host), (pin.kind, on.kind))
        if any(wanted not in (None, there) for wanted, there in asked) and not progress.begun[task]:
            problem = f"is on executor {on.id!r} (host {on.host!r}, kind {on.kind!r}); its pin asks for {pin}"
            elsewhere.append(Fault(_task(graph, task), problem))
    together = []
    first: dict[tuple[str, int], int] = {}
    # What has begun comes first, so that each that was planned beside it is told.
    for task in sorted(graph.apart, key=lambda task: (not progress.begun[task], task)):
        name = graph.apart[task]
        other = first.setdefault((name, int(executor_of[task])), task)
        if other != task and not progress.begun[task]:
            where = cluster.executors[executor_of[task]].id
            problem = f"is on executor {where!r} with {_task(graph, other)}; expected them apart, as group {name!r} is"
            together.append(Fault(_task(graph, task), problem))
    return elsewhere[:_SHOWN] + together[:_SHOWN]


def _progress_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    begun = progress.begun
    same = (schedule.slot == progress.slot) & (schedule.start_us == progress.start_us)
    moved = begun & ~(same & (schedule.finish_us == progress.finish_us))
    faults = [
        Fault(
            _task(graph, task),
            f"is on slot {schedule.slot[task]} from {schedule.start_us[task]} to {schedule.finish_us[task]} us; it had "
            f"begun on slot {progress.slot[task]}, from {progress.start_us[task]} to {progress.finish_us[task]} us",
        )
        for task in np.flatnonzero(moved)[:_SHOWN]
    ]
    free = np.full(cluster.n_slots, progress.now_us, dtype=np.int64)
    for slot, free_us in (progress.slot_free_us or {}).items():
        free[slot] = max(int(free[slot]), free_us)
    free = free[schedule.slot]
    faults += [
        Fault(
            _task(graph, task),
            f"starts at {schedule.start_us[task]} us; its slot starts nothing before {free[task]} us",
        )
        for task in np.flatnonzero(~begun & (schedule.start_us < free))[:_SHOWN]
    ]
    closed = np.array([executor.id in progress.closed for executor in cluster.executors])
    executor_of = cluster.slot_executor[schedule.slot]
    return faults + [
        Fault(
            _task(graph, task),
            f"is on executor {cluster.executors[executor_of[task]].id!r}, which is closed; expected an open one",
        )
        for task in np.flatnonzero(~begun & closed[executor_of])[:_SHOWN]
    ]


def _copy_faults(graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress) -> list[Fault]:
    """Judge active replicas: as many copies as asked for, and where they are."""
    wanted = {task: given.count - 1 for task, given in graph.replicas.items() if given.mode == "active"}
    copies: dict[int, list[int]] = {task: [] for task in wanted}
    for copy, task in graph.copy_of.items():
        copies.setdefault(task, []).append(copy)
    find, faults = _Able(graph, cluster, progress), []
    for task, others in copies.items():
        if len(others) != wanted.get(task, 0):
            problem = f"has {len(others)} copies; expected {wanted.get(task, 0)}"
            faults.append(Fault(_task(graph, task), problem))
        faults += _together(graph, cluster, schedule, progress, [task, *others], find.able(task))
    return faults[:_SHOWN]


def _together(
    graph: Graph, cluster: Cluster, schedule: Schedule, progress: Progress, replicas: list[int], able: list[int]
) -> list[Fault]:
    """Find replicas on one executor; or on one host, if they could be on different ones."""
    executor_of = cluster.slot_executor[schedule.slot[replicas]].tolist()
    begun = progress.begun[replicas].tolist()
    for zone in ("executor", "host"):
        name = [getattr(executor, "id" if zone == "executor" else "host") for executor in cluster.executors]
        taken = [name[executor] for executor, already in zip(executor_of, begun, strict=True) if already]
        short = len({name[executor] for executor in able} - {*taken}) < begun.count(False)
        # Hosts do not count where they are too few, or were when those began; executors do, unless some are closed.
        if (short and (zone == "host" or progress.closed)) or (zone == "host" and len({*taken}) < len(taken)):
            return []
        faults, first = [], dict[str, int]()
        for i in sorted(range(len(replicas)), key=lambda i: not begun[i]):
            other = first.setdefault(name[executor_of[i]], replicas[i])
            if other != replicas[i] and not begun[i]:
                where = f"{zone} {name[executor_of[i]]!r} with {_task(graph, other)}"
                problem = f"is on {where}; expected replicas on different {zone}s"
                faults.append(Fault(_task(graph, replicas[i]), problem))
        if faults:
            return faults
    return []


class _Able:
    """Finds the open executors that a task's pin names and whose memory holds it; of tasks alike, once."""

    def __init__(self, graph: Graph, cluster: Cluster, progress: Progress) -> None:
        self.graph = graph
        self.open = [(i, e) for i, e in enumerate(cluster.executors) if e.id not in progress.closed]
        self.known: dict[tuple[Pin, int], list[int]] = {}

    def able(self, task: int) -> list[int]:
        pin, memory = self.graph.pins.get(task, Pin()), int(self.graph.memory_bytes[task])
        if (pin, memory) not in self.known:
            self.known[pin, memory] = [
                position
                for position, on in self.open
                if pin.executor in (None, on.id)
                and pin.host in (None, on.host)
                and pin.kind in (None, on.kind)
                and (on.memory_bytes is None or memory <= on.memory_bytes)
            ]
        return self.known[pin, memory]


def _backup_faults(
    graph: Graph,
    cluster: Cluster,
    schedule: Schedule,
    progress: Progress,
    backups: Mapping[int, tuple[int, ...]],
) -> list[Fault]:
    """Judge standby replicas: as many backups as asked for, and where they are."""
    wanted = {task: given.count - 1 for task, given in graph.replicas.items() if given.mode == "standby"}
    faults = [
        Fault(f"backups[{task}]", "stands by for no task with standby replicas")
        for task in backups
        if task not in wanted
    ]
    find, hosts = _Able(graph, cluster, progress), [executor.host for executor in cluster.executors]
    for task, count in wanted.items():
        path, slots = _task(graph, task), backups.get(task, ())
        outside = [slot for slot in slots if not 0 <= slot < cluster.n_slots]
        if outside:
            faults.append(Fault(path, f"has backups on slots {outside}; expected 0 to {cluster.n_slots - 1}"))
            continue
        home = int(cluster.slot_executor[schedule.slot[task]])
        on = [int(cluster.slot_executor[slot]) for slot in slots]
        able = [executor for executor in find.able(task) if executor != home]
        least = min(count, len(able)) if progress.closed else count
        if len(slots) != least:
            faults.append(Fault(path, f"has {len(slots)} backups; expected {least}"))
        for executor in on:
            if executor != home and executor not in able:
                why = "may not take it, or is closed"
                faults.append(Fault(path, f"has a backup on executor {cluster.executors[executor].id!r}, which {why}"))
        if len({home, *on}) < 1 + len(on):
            faults.append(Fault(path, "has a replica beside another on one executor; expected different executors"))
        enough = len({hosts[executor] for executor in able} - {hosts[home]}) >= count
        if (
            enough
            and len({home, *on}) == 1 + len(on)
            and len({hosts[executor] for executor in (home, *on)}) < 1 + len(on)
        ):
            faults.append(Fault(path, "has a replica beside another on one host; expected different hosts"))
    return faults[:_SHOWN]
