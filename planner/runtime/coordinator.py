"""The coordinator: a thin Arrow Flight shell around the `PlanKeeper`. It has the clock, the sockets and the journal."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.flight as flight

from planner.runtime.fetch import fetch
from planner.runtime.heard import Heard
from planner.runtime.journal import Journal
from planner.runtime.keeper import PlanKeeper
from planner.runtime.ledger import TaskState
from planner.runtime.messages import (
    Cancelled,
    Collected,
    End,
    Ended,
    Event,
    Failed,
    Fetch,
    Finished,
    Give,
    Given,
    GivenUp,
    Halt,
    Hello,
    Instruction,
    Leaving,
    Lost,
    Orphans,
    Peers,
    Regroup,
    Released,
    Reorder,
    Skip,
    Start,
    Tick,
    Unreadable,
    Watch,
    Withdraw,
)
from planner.runtime.queues import Work, arrange, pack_queue, regrouped
from planner.runtime.slot_queue import Entry, Handed, SlotQueue, SlotSummary
from planner.runtime.values import Packed
from planner.runtime.wire import Line

__all__ = ["Coordinator"]

_POLL_S = 0.2

_WAKING_S = 0.02
"""Least time between two times that the driver is woken because slots have nothing to run."""


class Coordinator(flight.FlightServerBase):  # type: ignore[misc]
    """Talks to the slots of one run.

    Parameters
    ----------
    keeper : PlanKeeper
    work : Work
    host : str
        Address to bind to.
    line : Line
        How it speaks to the slots.
    journal : Journal
    names : sequence of str
        The tasks' names, for the journal.
    on_result : callable, optional
        ``on_result(task, value)`` as soon as a result is in hand.

    Attributes
    ----------
    results : dict of int to object
        Values of result tasks that are in hand.
    finished : threading.Event
        Set when the run is over and every result is in hand.
    last_result_s : float
        Monotonic time at which it was.
    running : dict of int to int or None
        The task that each slot was running when it last reported.
    woken : threading.Event
        Set when the driver is to look at once, and need not wait for its next tick: a slot has nothing to run, say.
    summaries : dict of int to SlotSummary
        Of slots that have said goodbye.
    """

    def __init__(
        self,
        keeper: PlanKeeper,
        work: Work,
        host: str,
        line: Line,
        journal: Journal,
        names: Sequence[str],
        on_result: Callable[[int, Any], None] | None = None,
    ) -> None:
        super().__init__(**line.server(host))
        self.keeper = keeper
        self.results: dict[int, Any] = {}
        self.finished = threading.Event()
        self.last_result_s = 0.0
        slots = range(len(keeper.members.names))
        self.running: dict[int, int | None] = dict.fromkeys(slots)  # never grows: others iterate over it
        self.woken, self._woke_s = threading.Event(), 0.0
        self.summaries: dict[int, SlotSummary] = {}
        self._work = work
        waiting = keeper.ledger.tasks_in(TaskState.WAITING)
        self._queues = arrange(work, keeper.slot_of, slots, waiting=waiting, stored=keeper.stored)
        self._order: dict[int, int] = {}
        self.since: dict[int, int] = {}
        self._line = line
        self._journal = journal
        self._names = names
        self._on_result = on_result or (lambda task, value: None)
        self._lock = threading.RLock()
        self._mailboxes: dict[tuple[int, int], queue.SimpleQueue[bytes | End]] = {}

    # from the driver ----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let time pass; call it a few times a second."""
        self._handle(Tick(time.monotonic()))

    def cancel(self, reason: str) -> None:
        """End the run."""
        self._handle(Cancelled(reason))

    def launch_failed(self, reason: str) -> None:
        """Say that what launched the slots has given up on them."""
        self._handle(GivenUp(f"the run ended because its Spark job ended: {reason}"))

    def leave(self, incarnations: Collection[int]) -> None:
        """Say that these incarnations of slots are about to go."""
        for slot in self.keeper.members.living:
            incarnation = self.keeper.members.incarnation(slot)
            if incarnation is not None and incarnation in incarnations and slot not in self.keeper.members.leaving:
                self._handle(Leaving(slot, incarnation))

    def give_up(self, reason: str) -> None:
        """Say that the run cannot go on."""
        self._handle(GivenUp(reason))

    def move(self, targets: Mapping[int, int], order: Mapping[int, int]) -> None:
        """Move tasks to other slots, as `PlanKeeper.move`."""
        with self._lock:
            self._order.update(order)
            for instruction in self.keeper.move(targets, order):
                self._deliver(instruction, None, None)

    def copy(self, targets: Mapping[int, int]) -> None:
        """Run tasks on second slots as well, as `PlanKeeper.copy`."""
        with self._lock:
            for instruction in self.keeper.copy(targets):
                self._deliver(instruction, None, None)

    def note(self, lines: Sequence[dict[str, Any]]) -> None:
        """Write lines in the journal."""
        self._journal.write(time.monotonic_ns() // 1000, *lines)

    def place(self, slots: Mapping[int, int], order: Mapping[int, int]) -> None:
        """Give tasks slots whose own was lost, as `PlanKeeper.place`."""
        with self._lock:
            self._order.update(order)
            for instruction in self.keeper.place(slots):
                self._deliver(instruction, None, None)

    def take(self, task: int, value: Any) -> None:
        """Take a result that is in hand already."""
        self.results[task] = value
        self._on_result(task, value)

    def heard(self) -> Heard:
        """Give what is known of the run."""
        with self._lock:
            keeper = self.keeper
            running, beside = dict[int, tuple[int, int]](), dict[int, tuple[int, int]]()
            for slot, task in self.running.items():
                if task is not None and keeper.ledger.waits(task) and keeper.slot_of[task] == slot:
                    running[task] = slot, self.since.get(slot, 0)
                elif task is not None:
                    beside[slot] = task, self.since.get(slot, 0)
            return Heard(
                list(keeper.ledger.told),
                list(keeper.ledger.again),
                running,
                beside,
                [keeper.moving.headed(task) for task in range(len(keeper.slot_of))],
                keeper.members.staying,
                keeper.orphans,
                keeper.ledger.tasks_in(TaskState.SPARED),
            )

    # from the slots -----------------------------------------------------------------------------------------------

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        """Answer ``clock``, ``hello`` (a stream of instructions), ``report`` and ``goodbye``."""
        if action.type == "clock":
            return iter([flight.Result(self._line.encode(time.monotonic_ns() // 1000))])
        if action.type == "hello":
            return self._serve(context, self._line.decode(action.body))
        if action.type == "report":
            self._report(*self._line.decode(action.body))
            return iter(())
        if action.type == "goodbye":
            summary = self._line.decode(action.body)
            self.summaries[summary.slot] = summary
            return iter(())
        raise flight.FlightServerError(f"there is no action {action.type!r}; expected clock, hello, report or goodbye")

    def _serve(self, context: flight.ServerCallContext, hello: Hello) -> Iterator[flight.Result]:
        me = (hello.slot, hello.incarnation)
        mailbox: queue.SimpleQueue[bytes | End] = queue.SimpleQueue()
        with self._lock:  # of two copies that come at once, the same must be first here and for the keeper
            self._mailboxes[me] = mailbox
            self._handle(hello)
        try:
            while True:
                try:
                    message = mailbox.get(timeout=_POLL_S)
                except queue.Empty:
                    if context.is_cancelled():
                        return
                    continue
                if isinstance(message, End):
                    yield flight.Result(self._line.encode(message))
                    return
                yield flight.Result(message)  # is closed here, when nobody is there to take it
        finally:  # after an end this says nothing new
            self._handle(Lost(*me, reason="its connection broke: the process or its executor died"))

    def _report(self, finished: Finished, packed: dict[int, Any], troubles: list[Event]) -> None:
        with self._lock:
            known = self.keeper.members.heard(finished.slot, finished.incarnation, time.monotonic())
            if known:
                self.running[finished.slot] = finished.running
                self.since[finished.slot] = finished.since_us
        if not known:
            return
        value_of, state = self._work.replication.value, self.keeper.ledger.state
        packed = {value_of(task): result for task, result in packed.items()}
        for record in finished.records:
            task = value_of(record.task)
            if task in packed and record.result_bytes is None and state[task] is not TaskState.FAILED:
                self._keep(task, Packed.from_inline(*packed[task]))
        self._handle(finished, packed)
        for event in troubles:
            self._handle(event, packed)
        if finished.running is None and (now := time.monotonic()) - self._woke_s >= _WAKING_S:
            self._woke_s = now
            self.woken.set()

    # both ---------------------------------------------------------------------------------------------------------

    def _handle(self, event: Event, packed: dict[int, Any] | None = None) -> None:
        with self._lock:
            before, known = self.keeper.outcome, len(self.keeper.losses)
            instructions = self.keeper.handle(event)
            ended = self.keeper.outcome if before is None else None
            for instruction in instructions:
                self._deliver(instruction, event, packed)
            lost = self.keeper.losses[known:]
        at = time.monotonic_ns() // 1000
        self._journal.write(at, *({"event": "lost", "slot": slot, "reason": reason} for slot, reason in lost))
        if before is None:  # what comes after the end changes nothing
            self._write(event, ended)
        if ended is not None:
            self.last_result_s = time.monotonic()
            self.finished.set()
            self.woken.set()

    def _deliver(self, instruction: Instruction, event: Event | None, packed: dict[int, Any] | None) -> None:
        match instruction:
            case Fetch(slot=slot, task=task):
                assert packed is not None  # noqa: S101
                members = self.keeper.members
                where = (slot, members.incarnation(slot), members.addresses[slot], task, *packed[task])
                threading.Thread(target=self._fetch, args=where, daemon=True).start()
            case Ended():
                for (slot, incarnation), mailbox in self._mailboxes.items():
                    if not self.keeper.members.lives(slot, incarnation):  # a copy that waited in vain goes home as well
                        mailbox.put(End(slot))
            case End(slot=slot) if isinstance(event, Hello) and event.slot == slot:
                self._mailboxes[slot, event.incarnation].put(instruction)  # perhaps a copy that came after the end
            case End(slot=slot, incarnation=incarnation) if incarnation is not None:
                self.running[slot] = None
                self._mailboxes[slot, incarnation].put(instruction)
            case End(slot=slot):
                self._mailbox(slot).put(instruction)
            case Start(slot=slot, epoch=0):
                self._send(slot, self._queues[slot])
            case Start(slot=slot, epoch=epoch):
                self._send(slot, SlotQueue(slot, functions=self._work.functions, strict=self._work.strict, epoch=epoch))
            case Regroup(epoch=epoch, slots=slots, waiting=waiting):
                queues = regrouped(self._work, instruction, self._order)
                for slot, queue in queues.items():
                    self._send(slot, queue)
                line = {"event": "regrouped", "epoch": epoch, "slots": list(slots), "waiting": len(waiting)}
                self._journal.write(time.monotonic_ns() // 1000, line)
            case Orphans():
                self.woken.set()
            case Give(slot=slot, source=source, tasks=tasks):
                entries = tuple(self._entry(handed, slot) for handed in tasks)
                shared = self._work.shared.intersection(t for entry in entries for t in (entry.value, *entry.takes))
                self._send(slot, Given(source, entries, shared))
            case Halt() | Peers() | Skip() | Withdraw() | Watch() | Reorder():
                self._mailbox(instruction.slot).put(self._line.encode(instruction))

    def _mailbox(self, slot: int) -> queue.SimpleQueue[bytes | End]:
        incarnation = self.keeper.members.incarnation(slot)
        assert incarnation is not None  # noqa: S101
        return self._mailboxes[slot, incarnation]

    def _send(self, slot: int, tasks: SlotQueue | Given) -> None:
        self._mailbox(slot).put(self._line.seal(pack_queue(tasks)))

    def _entry(self, handed: Handed, slot: int) -> Entry:
        """Give the entry of a task for the slot that gets it."""
        readers, followers = (tuple(s for s in slots if s != slot) for slots in (handed.readers, handed.followers))
        entry, waits = self._work.entries[handed.task], self.keeper.ledger.waits
        order = self._order.get(handed.task, entry.order)
        inputs = tuple(task for task in entry.inputs if task in entry.takes or waits(task))
        return replace(entry, inputs=inputs, readers=readers, followers=followers, order=order, moved=True)

    def _fetch(
        self, slot: int, incarnation: int, address: str, task: int, form: Any, head: bytes, lengths: list[int]
    ) -> None:
        try:
            with self._line.client(address) as client:
                packed = fetch(self._line, client, task, -1, form, head, lengths)
        except Exception as error:
            self._handle(Lost(slot, incarnation, f"its result {self._names[task]!r} could not be fetched: {error}"))
            return
        self._keep(task, packed)
        self._handle(Collected(task))

    def _keep(self, task: int, packed: Packed) -> None:
        if task in self.results:
            return
        try:
            self.results[task] = packed.open(own=True)
            self._on_result(task, self.results[task])
            self._journal.write(time.monotonic_ns() // 1000, {"event": "result", "task": self._names[task]})
        except Exception as error:  # its class is not known here, or the disk is full: no slot is to blame
            name, what = self._names[task], f"{type(error).__name__}: {error}"
            self._handle(Cancelled(f"the run ended because its result {name!r} could not be kept: {what}"))

    def _write(self, event: Event, ended: Ended | None) -> None:
        at = time.monotonic_ns() // 1000
        match event:
            case Hello():
                self._journal.write(at, {"event": "hello", "slot": event.slot, "address": event.address})
            case Finished(slot=slot, records=records):
                lines = [
                    {
                        "event": "finished",
                        "task": self._names[r.task],
                        "slot": slot,
                        "start_us": r.start_us,
                        "finish_us": r.finish_us,
                    }
                    for r in records
                ]
                self._journal.write(at, *lines)
            case Failed(task=task, slot=slot, failure=failure):
                line = {"event": "failed", "task": self._names[task], "slot": slot, "error": failure.error}
                self._journal.write(at, line)
            case Released(slot=slot, asked=asked, tasks=tasks) if len(tasks) < len(asked):
                given = {handed.task for handed in tasks}
                begun = [self._names[task] for task in asked if task not in given]
                self._journal.write(
                    at, {"event": "stayed", "slot": slot, "tasks": begun, "reason": "begun, or bound to a value"}
                )
            case Leaving(slot=slot):
                self._journal.write(at, {"event": "leaving", "slot": slot})
            case Unreadable(value=value, reason=reason):
                self._journal.write(at, {"event": "unreadable", "task": self._names[value], "reason": reason})
        if ended is not None:
            self._journal.write(at, {"event": "ended", "status": ended.status, "reason": ended.reason})
