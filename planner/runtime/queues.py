"""From a plan to the queue of each slot: who runs what in which order, and who takes which value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cloudpickle
import numpy as np

from planner.cost import Problem
from planner.errors import Fault, InputError
from planner.model.graph import Call, Graph
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS
from planner.runtime.messages import Given, Regroup
from planner.runtime.replication import Replication, needed
from planner.runtime.slot_queue import Entry, Hand, SlotQueue

__all__ = ["Work", "arrange", "pack_queue", "regrouped", "result_tasks", "work_of"]


TIMEOUT_FACTOR = 20
"""A task that says no time-out has so many times its planned time: slow executors and wrong costs stay far below."""

LEAST_TIMEOUT_S = 3600.0
"""And never less, because many works are no more than weights against one another."""

GUARDED_US = 200_000
"""Inputs of tasks that are planned to take so long are retained, which costs some 0.1 ms."""

FIRST = -1
"""As order: before all others."""

UNSAID_WORK_US = MICROSECONDS
"""A task of so little work has no time-out unless it says one: 1 s is what stands there when nobody has said a work."""


@dataclass(frozen=True)
class Work:
    """All that is to run, wherever that will be.

    Attributes
    ----------
    entries : tuple of Entry
        One for each task, in the graph's order, without what depends on where others run.
    functions : tuple of str or callable
    shared : frozenset of int
        Tasks whose value more than one task takes, or one that may be run again: each attempt takes it anew.
    strict : bool
        Whether memory may be short, so that slots keep to the order.
    replication : Replication
        Which values are to be on several slots: those of tasks with replicas that somebody takes.
    """

    entries: tuple[Entry, ...]
    functions: tuple[Any, ...]
    shared: frozenset[int]
    strict: bool
    replication: Replication = field(default_factory=Replication)

    def takers(self) -> list[list[int]]:
        """Give for each task those that take its value, and do not only wait for its end."""
        takers: list[list[int]] = [[] for _ in self.entries]
        for entry in self.entries:
            for task in sorted(entry.takes):
                takers[task].append(entry.task)
        return takers


def result_tasks(graph: Graph) -> list[int]:
    """Give the tasks whose values the driver wants: those on which no other task waits, without copies."""
    return [task for task in np.flatnonzero(np.diff(graph.succ_ptr) == 0).tolist() if task not in graph.copy_of]


def work_of(plan: Plan, *, emulate: float | None = None, copying: bool = False) -> Work:
    """Give what a plan's tasks run and take.

    Parameters
    ----------
    plan : Plan
    emulate : float, optional
        Let every task sleep its planned time × this and hand on a value of its largest edge × this, instead of
        calling anything.
    copying : bool
        Whether tasks that run may be begun on a second slot.

    Raises
    ------
    InputError
        If tasks have nothing to run, and `emulate` is not given.
    """
    graph = plan.graph
    if emulate is None:
        _check_calls(graph)
    results = set(result_tasks(graph)) if emulate is None else set()
    turn = {task: turn for turn, task in enumerate(_running_order(plan))}
    strict = not Problem.of(graph, plan.cluster).fits
    long = (plan.schedule.finish_us - plan.schedule.start_us) * (emulate or 1) >= GUARDED_US
    guarded = long if copying and not strict else np.zeros(graph.n, dtype=bool)
    runs: dict[Any, int] = {}
    entries = tuple(
        Entry(
            task,
            graph.names[task],
            inputs=tuple(graph.predecessors(task).tolist()),
            takes=_taken(graph, task, emulated=emulate is not None),
            order=turn[task],
            call=None if emulate is not None else _call(graph.calls[task], runs),
            emulate=None if emulate is None else _emulation(plan, task, emulate),
            result=graph.copy_of.get(task, task) in results,
            retries=0 if emulate is not None else graph.retries.get(task, 0),
            timeout_s=None if emulate is not None else _timeout_s(plan, task),
            counts_as=(graph.copy_of[task], graph.names[graph.copy_of[task]]) if task in graph.copy_of else None,
            guarded=bool(guarded[task]),
        )
        for task in range(graph.n)
    )
    replication = Replication.of(plan)
    shared = _shared(entries)
    wanted = results.union(*(entry.takes for entry in entries))
    return Work(entries, tuple(runs), shared | (replication.values & wanted), strict, replication)


def arrange(
    work: Work,
    slot_of: Sequence[int],
    slots: Collection[int],
    *,
    waiting: Collection[int] | None = None,
    begun: Collection[tuple[int, int]] = (),
    holders: Mapping[int, Sequence[int]] | None = None,
    stored: Collection[int] = (),
    order: Mapping[int, int] | None = None,
    epoch: int = 0,
    collect: Collection[int] = (),
    seconds: Mapping[int, int] | None = None,
) -> dict[int, SlotQueue]:
    """Give the queue of each slot: its tasks, what it takes from whom, and what it hands to whom.

    Parameters
    ----------
    work : Work
    slot_of : sequence of int
        Slot of each task.
    slots : collection of int
        Those that live.
    waiting : collection of int, optional
        Tasks that have yet to end; all, if left out.
    begun : collection of (int, int)
        Slot and task of those of them that run already, and need no inputs any more.
    holders : mapping of int to sequence of int, optional
        Slots that hold the value of each task that has ended.
    stored : collection of int
        Tasks whose values are in storage, if nobody holds them.
    order : mapping of int to int, optional
        What is to run first has the least; where it says nothing, the planned order holds.
    epoch : int
    collect : collection of int
        Results that slots hold, and that the driver has yet to be told of.
    seconds : mapping of int to int, optional
        Second slots of tasks that run on two; where they have yet to begin, nothing goes before them.
    """
    left = range(len(work.entries)) if waiting is None else waiting
    drafts = {slot: _Draft() for slot in sorted(slots)}
    runs, replication = set(left), work.replication
    places = {task: [slot_of[task]] for task in left}
    for task, second in (seconds or {}).items():
        places[task].append(second)
    readers: dict[int, set[int]] = {}
    followers: dict[int, set[int]] = {}
    taken_by: dict[int, dict[int, int]] = {}  # value that is there -> slot that takes it -> a task there

    def runners(value: int) -> set[int]:
        """Give the slots that make a value."""
        tasks = [runner for runner in replication.runners(value) if runner in runs]
        return {slot for task in tasks for slot in places[task]}

    for here, task in sorted((slot, task) for task, slots_there in places.items() for slot in slots_there):
        entry = work.entries[task]
        if (here, task) in begun:
            drafts[here].begun = task
            continue
        for source in entry.inputs:
            takes = source in entry.takes
            if takes:
                drafts[here].uses[source] += 1
            if source in runs:
                (readers if takes else followers).setdefault(source, set()).add(here)
                drafts[here].peers |= runners(source)
            elif takes:
                taken_by.setdefault(source, {}).setdefault(here, task)
    keepers = _keepers(work, slot_of, left, collect, drafts)
    for value, slots_there in keepers.items():
        if value in runs:
            readers.setdefault(value, set()).update(slots_there)
            for slot in slots_there:
                drafts[slot].peers |= runners(value)
    for value in sorted({*taken_by, *collect, *keepers.keys() - runs}):
        if holders and value in holders:
            takers = {**dict.fromkeys(keepers.get(value, ())), **taken_by.get(value, {})}
            _hand_out(value, takers, holders[value], drafts, to_driver=value in collect)
            continue
        if value not in taken_by:
            continue
        assert value in stored, f"nobody has the value of {work.entries[value].id!r}"  # noqa: S101
        for slot in taken_by[value]:
            drafts[slot].stored[value] = work.entries[value].id
    for task in sorted(left, key=lambda task: ((order or {}).get(task, work.entries[task].order), task)):
        entry = work.entries[task]
        read, follow = readers.get(entry.value, set()), followers.get(entry.value, set())
        entry = replace(
            entry,
            inputs=tuple(source for source in entry.inputs if source in runs or source in entry.takes),
            order=(order or {}).get(task, entry.order),
            moved=epoch > 0,
        )
        first, *others = places[task]
        drafts[first].entries.append(_told(entry, read, follow, first))
        for slot in others:
            drafts[slot].entries.append(_told(replace(entry, order=FIRST), read, follow, slot))
    return {slot: draft.queue(slot, work, epoch) for slot, draft in drafts.items()}


def regrouped(work: Work, said: Regroup, order: Mapping[int, int]) -> dict[int, SlotQueue]:
    """Give the queues of a new epoch."""
    return arrange(
        work,
        said.slot_of,
        said.slots,
        waiting=said.waiting,
        begun=said.begun,
        holders=said.holders,
        stored=said.stored,
        order=order,
        epoch=said.epoch,
        collect=said.collect,
        seconds=said.seconds,
    )


def _told(entry: Entry, readers: set[int], followers: set[int], slot: int) -> Entry:
    """Say in the entry of a task on a slot which others wait for its value, and which for its end."""
    read, follow = readers - {slot}, followers - readers - {slot}
    return replace(entry, readers=tuple(sorted(read)), followers=tuple(sorted(follow)))


class _Draft:
    """A queue in the making."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.uses: Counter[int] = Counter()
        self.peers: set[int] = set()
        self.stored: dict[int, str] = {}
        self.begun: int | None = None
        self.here: set[int] = set()
        self.hands: list[Hand] = []
        self.keeps: set[int] = set()

    def queue(self, slot: int, work: Work, epoch: int) -> SlotQueue:
        return SlotQueue(
            slot,
            tuple(self.entries),
            work.functions,
            dict(self.uses),
            work.shared.intersection([*(entry.value for entry in self.entries), *self.uses, *self.keeps]),
            tuple(sorted(self.peers - {slot})),
            work.strict,
            epoch,
            frozenset(self.here),
            tuple(self.hands),
            self.stored,
            self.begun,
            frozenset(self.keeps),
        )


def _keepers(
    work: Work, slot_of: Sequence[int], left: Collection[int], collect: Collection[int], drafts: Mapping[int, _Draft]
) -> dict[int, list[int]]:
    """Let slots keep values for others as long as these may be taken once more; give the slots for each value."""
    if not work.replication.values:
        return {}
    wanted = needed([entry.takes for entry in work.entries], [*left, *collect])
    keepers = {}
    for value in sorted(work.replication.values & work.shared & wanted):
        keepers[value] = [slot for slot in work.replication.places(value, slot_of) if slot in drafts]
        for slot in keepers[value]:
            drafts[slot].keeps.add(value)
    return keepers


def _hand_out(
    value: int,
    takers: Mapping[int, int | None],
    holders: Sequence[int],
    drafts: Mapping[int, _Draft],
    *,
    to_driver: bool,
) -> None:
    """Let slots that hold a value use it, and those that have least to hand on hand it to the others."""
    if to_driver:
        drafts[min(holders)].hands.append(Hand(value, None, -1))
    for slot, task in sorted(takers.items()):
        if slot in holders:
            if task is not None:
                drafts[slot].here.add(value)
        else:
            source = min(holders, key=lambda holder: (len(drafts[holder].hands), holder))
            drafts[source].hands.append(Hand(value, task, slot))
            drafts[slot].peers.add(source)


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


def _timeout_s(plan: Plan, task: int) -> float | None:
    if (said := plan.graph.timeouts_us.get(task)) is not None:
        return said / MICROSECONDS
    if plan.graph.work_us[task] <= UNSAID_WORK_US:
        return None
    planned_us = int(plan.schedule.finish_us[task] - plan.schedule.start_us[task])
    return max(LEAST_TIMEOUT_S, TIMEOUT_FACTOR * planned_us / MICROSECONDS)


def _shared(entries: Iterable[Entry]) -> frozenset[int]:
    takers: Counter[int] = Counter()
    for entry in entries:
        takers.update(dict.fromkeys(entry.takes, 2 if entry.retries else 1))
    return frozenset(task for task, count in takers.items() if count > 1)


def _call(call: Call | None, runs: dict[str | Callable[..., Any], int]) -> tuple[int, tuple[Any, ...], dict[str, Any]]:
    assert call is not None  # noqa: S101
    return runs.setdefault(call.run, len(runs)), call.args, dict(call.kwargs)


def _emulation(plan: Plan, task: int, scale: float) -> tuple[float, int]:
    graph = plan.graph
    planned = int(plan.schedule.finish_us[task] - plan.schedule.start_us[task])
    edges = graph.succ_edge[graph.succ_ptr[task] : graph.succ_ptr[task + 1]]
    size = int(graph.edge_bytes[edges].max(initial=0))
    return planned * scale / MICROSECONDS, round(size * scale)
