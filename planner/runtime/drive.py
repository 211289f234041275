"""Drive one run from the driver: coordinator up, slots launched, plan kept, outcome in hand.

What launches the slots is an argument: Spark in earnest, plain processes in tests.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from planner.errors import TaskFailure
from planner.model.move import Decision
from planner.model.plan import Plan
from planner.runtime.certificates import Certificates
from planner.runtime.coordinator import Coordinator
from planner.runtime.journal import Journal
from planner.runtime.keeper import PlanKeeper
from planner.runtime.ledger import TaskState
from planner.runtime.mover import Mover, Rebalancer
from planner.runtime.outbox import ROOM_BYTES
from planner.runtime.process import boot_id
from planner.runtime.progress import Progress
from planner.runtime.queues import result_tasks, work_of
from planner.runtime.slot import SlotConfig
from planner.runtime.slot_queue import Record, SlotSummary
from planner.runtime.storage import Storage
from planner.runtime.wire import Line, new_token

__all__ = ["Launch", "Launched", "Outcome", "drive", "slot_names"]

_TICK_S = 0.1
_PATIENCE_S = 1.5
"""The first slots wait so long for the others, where tasks are moved: who comes later gets work then."""

_FAREWELL_S, _ABORTED_S, _PENDING_S, _GOODBYE_S = 10.0, 2.0, 0.5, 0.01
"""For so long slots may take to end; when something went wrong; where some have never begun; and between two looks."""


class Launched(Protocol):
    """Slots that have been set off."""

    def error(self) -> str | None:
        """Say why they cannot run, or None while they may."""

    def leaving(self) -> Collection[int]:
        """Give the incarnations of slots that are about to go."""

    def cancel(self) -> None:
        """Stop them as soon as possible; does not wait."""

    def join(self, timeout: float) -> None:
        """Wait for them at most so many seconds."""


class Launch(Protocol):
    """Sets slots off."""

    def __call__(self, configs: Sequence[SlotConfig]) -> Launched:
        """Start one slot for each configuration."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    status : {"done", "failed", "lost", "cancelled"}
    reason : str
    results : dict of int to object
        Values of the result tasks that were reached.
    records : dict of int to Record
    failures : tuple of TaskFailure
    skipped : tuple of int
    lost : tuple of str
    elapsed_us : int
        From just before the launch to the last result in hand.
    summaries : tuple of SlotSummary
    slot_of : tuple of int
        Where each task was in the end.
    decisions : tuple
        What the rebalancer decided, those with moves.
    again : tuple of int
        Tasks that ran again because their values were lost.
    kept : tuple of int
        Tasks that an earlier run had done.
    """

    status: str
    reason: str
    results: dict[int, Any]
    records: dict[int, Record]
    failures: tuple[TaskFailure, ...]
    skipped: tuple[int, ...]
    lost: tuple[str, ...]
    elapsed_us: int
    summaries: tuple[SlotSummary, ...] = field(default=())
    slot_of: tuple[int, ...] = field(default=())
    decisions: tuple[Decision, ...] = field(default=())
    again: tuple[int, ...] = field(default=())
    kept: tuple[int, ...] = field(default=())


def slot_names(plan: Plan) -> list[str]:
    """Name every slot as messages do.

    Examples
    --------
    >>> from planner.model import Bound, Cluster, Graph, Plan, Schedule
    >>> import numpy as np
    >>> nothing = np.zeros(0, dtype=np.int64)
    >>> empty = Schedule(nothing, nothing, nothing)
    >>> slot_names(Plan(Graph.from_arrays(work=[]), Cluster.uniform(1, 2), empty, Bound(0, ""), ""))
    ['executor 0 slot 0', 'executor 0 slot 1']
    """
    cluster = plan.cluster
    executors = [cluster.executors[i].id for i in cluster.slot_executor]
    return [f"executor {e} slot {n}" for e, n in zip(executors, cluster.slot_number.tolist(), strict=True)]


def drive(
    plan: Plan,
    launch: Launch,
    *,
    host: str,
    rebalancer: Rebalancer,
    emulate: float | None = None,
    journal_path: Path | None = None,
    progress: Progress | None = None,
    on_result: Callable[[int, Any], None] | None = None,
    rendezvous_s: float = 60.0,
    silence_s: float = 60.0,
    moving: bool = True,
    copying: bool = False,
    expected: int | None = None,
    scale: float = 1.0,
    tls: Certificates | None = None,
    storage: Storage | None = None,
    done: Collection[int] = (),
) -> Outcome:
    """Run a plan on slots that `launch` starts.

    Parameters
    ----------
    plan : Plan
    launch : Launch
    host : str
        Address on which the coordinator listens.
    rebalancer : Rebalancer
        Decides what is moved while the plan runs, and where tasks go whose slot is lost.
    emulate : float, optional
        Sleep instead of calling, as `work_of`.
    journal_path : Path, optional
    progress : Progress, optional
    on_result : callable, optional
        Called with the task and its value as soon as a result is in hand.
    rendezvous_s, silence_s : float
        Seconds after which slots that never came, or that fell silent, are given up.
    moving : bool
        Whether tasks are moved before their slots are lost.
    copying : bool
        Whether the rebalancer may let tasks that run, run on a second slot as well.
    expected : int, optional
        How many of the cluster's slots, the first ones, are waited for; all, if left out.
    scale : float
        How many times longer tasks take than planned, which is no surprise: an emulation's scale.
    tls : Certificates, optional
        Speak under TLS; in clear, if left out.
    storage : Storage, optional
        Where the values of all tasks are kept.
    done : collection of int
        Tasks that an earlier run has done; what of their values is needed and not in storage is made again.

    Raises
    ------
    InputError
        If the graph has nothing to run.
    KeyboardInterrupt
        After the run has been ended and the journal closed.
    """
    work = work_of(plan, emulate=emulate, copying=copying)
    graph, names = plan.graph, slot_names(plan)
    successors = [graph.successors(task).tolist() for task in range(graph.n)]
    results = result_tasks(graph) if emulate is None else []
    stored = storage.present(graph.names) if storage is not None and done else set()
    readable = set(results) & set(done) & stored
    there = _values_of(readable, graph.names, storage)
    stored -= readable - there.keys()
    numbers = plan.cluster.slot_number.tolist()
    places = [(plan.cluster.executors[e].id, n) for e, n in zip(plan.cluster.slot_executor, numbers, strict=True)]
    keeper = PlanKeeper(
        plan.schedule.slot.tolist(),
        successors,
        [task for task in results if task not in there],
        plan.cluster.n_slots,
        rendezvous_s=rendezvous_s,
        silence_s=silence_s,
        patience_s=min(_PATIENCE_S, rendezvous_s) if moving else None,
        names=names,
        takers=work.takers(),
        replication=work.replication,
        expected=expected,
        done=done,
        stored=stored,
        blame=lambda task, slot, reason: TaskFailure(graph.names[task], *places[slot], 0, reason, ""),
    )
    line, journal = Line(new_token(), tls), Journal(journal_path)
    coordinator = Coordinator(keeper, work, host, line, journal, graph.names, on_result)
    for task, value in there.items():
        coordinator.take(task, value)
    kept = [task for task in done if not keeper.ledger.waits(task)]
    mover = Mover(coordinator, rebalancer, plan, scale, moving=moving, rendezvous_s=rendezvous_s)
    if done:
        journal.write(time.monotonic_ns() // 1000, {"event": "resumed", "kept": len(kept)})
    rooms = _rooms(plan)
    configs = [
        SlotConfig(
            (host, coordinator.port), line, slot, executor, number, boot_id(), storage=storage, room_bytes=rooms[slot]
        )
        for slot, (executor, number) in enumerate(places)
    ]
    submitted = time.monotonic()
    try:
        launched = launch(configs)
        try:
            _keep(coordinator, launched, progress, mover)
            _farewell(coordinator, launched)
        except BaseException as error:
            user = isinstance(error, KeyboardInterrupt)
            coordinator.cancel("interrupted by the user" if user else f"the driver failed: {type(error).__name__}")
            launched.cancel()
            raise
    finally:
        journal.close()
        coordinator.shutdown()
        if progress is not None:
            progress.close()
    assert keeper.outcome is not None  # noqa: S101
    return Outcome(
        keeper.outcome.status,
        keeper.outcome.reason,
        coordinator.results,
        keeper.ledger.records,
        tuple(keeper.ledger.failures),
        tuple(keeper.ledger.tasks_in(TaskState.SKIPPED)),
        tuple(keeper.lost),
        round((coordinator.last_result_s - submitted) * 1e6),
        tuple(summary for _, summary in sorted(coordinator.summaries.items())),
        tuple(keeper.slot_of),
        tuple(mover.decisions),
        tuple(keeper.ledger.again),
        tuple(kept),
    )


def _rooms(plan: Plan) -> list[int]:
    """Give the memory of each slot: its part of its executor's, where that is known."""
    rooms = []
    for executor in plan.cluster.slot_executor.tolist():
        memory, slots = plan.cluster.executors[executor].memory_bytes, plan.cluster.executors[executor].slots
        rooms.append(ROOM_BYTES if memory is None else memory // slots)
    return rooms


def _values_of(tasks: Collection[int], names: list[str], storage: Storage | None) -> dict[int, Any]:
    """Read results of an earlier run; those that cannot be read are made again."""
    values = {}
    for task in sorted(tasks):
        with contextlib.suppress(Exception):
            assert storage is not None  # noqa: S101
            values[task] = storage.read(task, names[task]).open(own=True)
    return values


def _keep(coordinator: Coordinator, launched: Launched, progress: Progress | None, mover: Mover) -> None:
    while not coordinator.finished.is_set():
        coordinator.woken.wait(_TICK_S)
        coordinator.woken.clear()
        coordinator.tick()
        mover.tick()
        if (error := launched.error()) is not None:
            coordinator.launch_failed(error)
        if going := launched.leaving():
            coordinator.leave(going)
        if progress is not None:
            busy = sum(task is not None for task in coordinator.running.values())
            progress.update(coordinator.keeper.ledger.records, busy, coordinator.keeper.moving.count)


def _farewell(coordinator: Coordinator, launched: Launched) -> None:
    outcome, members = coordinator.keeper.outcome, coordinator.keeper.members
    if outcome is not None and outcome.status in ("lost", "cancelled"):
        with contextlib.suppress(Exception):
            launched.cancel()
        launched.join(_ABORTED_S)
        return
    until = time.monotonic() + _FAREWELL_S
    while time.monotonic() < until and not coordinator.summaries.keys() >= set(members.living):
        time.sleep(_GOODBYE_S)
    everyone = len(members.living) == len(members.names)
    launched.join(max(0.0, until - time.monotonic()) if everyone else _PENDING_S)
    if not everyone:  # Spark may still be looking for a place for a slot that is no longer needed
        with contextlib.suppress(Exception):
            launched.cancel()
