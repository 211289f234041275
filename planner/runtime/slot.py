"""A resident slot: one Python process of one executor that runs its queue of tasks from first to last.

`run_slot` is what a Spark partition calls. It needs no Spark itself, so tests start it as a plain process.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow.flight as flight

from planner.errors import TaskFailure
from planner.model.graph import Ref, Refs
from planner.runtime.inbox import Inbox
from planner.runtime.messages import (
    End,
    Entry,
    Failed,
    Finished,
    Given,
    Handed,
    Hello,
    Peers,
    Record,
    Released,
    Reorder,
    Skip,
    SlotQueue,
    Stuck,
    Unreachable,
    Watch,
    Withdraw,
)
from planner.runtime.outbox import Outbox, OutboxServer, Want
from planner.runtime.process import boot_id, error_text, imported, responsive
from planner.runtime.reporter import Reporter, Trouble
from planner.runtime.values import INLINE_BYTES, Packed, pack, rows_of, size_of
from planner.runtime.wire import Line, local_address

__all__ = ["SlotConfig", "SlotSummary", "run_slot"]


@dataclass(frozen=True)
class SlotConfig:
    """What a slot must know to begin.

    Attributes
    ----------
    coordinator : tuple of (str, int)
        Host and port.
    line : Line
        How it speaks to the coordinator and to other slots.
    slot : int
        Which slot of the plan it is.
    executor, number : str, int
        How users call it.
    machine : str
        The coordinator's `boot_id`: a slot on the same machine has the same clock.
    attempt : int
        How often this slot was started before.
    incarnation : int
        Distinct for every attempt.
    """

    coordinator: tuple[str, int]
    line: Line
    slot: int
    executor: str
    number: int
    machine: str = ""
    attempt: int = 0
    incarnation: int = 0


@dataclass(frozen=True)
class SlotSummary:
    """What a slot can say of itself at its end; times in microseconds on the coordinator's clock."""

    slot: int
    incarnation: int
    pid: int
    start_us: int
    finish_us: int
    cpu_us: int
    peak_memory_bytes: int
    took_part: bool


_ANSWER_S = 30.0
"""Seconds that the coordinator may take to answer a report before the slot gives it up."""


_BRIEF_US = 20_000
"""A slot that has waited for less has a report on its way still."""


class _Abort(BaseException):
    """Raised in the middle of a task when the coordinator ends the run."""


def run_slot(config: SlotConfig) -> SlotSummary:
    """Run the tasks of one slot until the coordinator says that it ends.

    Raises
    ------
    ConnectionError
        If the coordinator or a peer cannot be reached.
    """
    slot = _Slot(config)
    began, cpu = slot.clock(), time.process_time_ns()
    try:
        with responsive(), _abortable(slot):
            slot.run()
    except _Abort:
        slot.raise_if_cut_off()  # else the coordinator knows why
    finally:
        slot.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    cpu_us = (time.process_time_ns() - cpu) // 1000
    took_part = slot.queue is not None
    return SlotSummary(config.slot, config.incarnation, os.getpid(), began, slot.clock(), cpu_us, peak, took_part)


class _Slot:
    """The state of a running slot: its queue, its inputs, its outputs and its line to the coordinator."""

    def __init__(self, config: SlotConfig) -> None:
        self.config = config
        host, port = config.coordinator
        self.client = config.line.client(config.line.address(host, port))
        self.options = config.line.options()
        self.offset_us = self._clock_offset()
        self.outbox = Outbox()
        self.server = OutboxServer(self.outbox, local_address(host, port), config.line, self._wanted)
        self.inbox: Inbox | None = None
        self.queue: SlotQueue | None = None
        self.functions: dict[int, Callable[..., Any]] = {}
        self.reporter = Reporter(self._report, self._cut_off)
        self.ended = threading.Event()
        self.has_queue = threading.Event()
        self.running: int | None = None
        self.since_us = 0
        self.lost_coordinator: str | None = None
        self.interrupt: Callable[[], None] = lambda: None

    def clock(self) -> int:
        """Microseconds on the coordinator's clock."""
        return time.monotonic_ns() // 1000 + self.offset_us

    def run(self) -> None:
        """Say hello, run the queue, wait for the end."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        self.reporter.start()  # its sign of life also tells a coordinator that has died in silence
        self.has_queue.wait()
        if self.queue is None or self.inbox is None:
            self.raise_if_cut_off()
            return  # a copy that was not needed
        waiting = self.clock()
        while (entry := self.inbox.next(self.reporter.urgent)) is not None:
            self.running, self.since_us = entry.task, self.clock()
            if self.since_us - waiting > _BRIEF_US:  # else it is told with the end of the task before
                self.reporter.began()
            self._perform(entry, waiting)
            self.running, waiting = None, self.clock()
        self.ended.wait()
        self.raise_if_cut_off()

    def close(self) -> None:
        """Stop all threads and the server."""
        self.reporter.close()
        if self.inbox is not None:
            self.inbox.close()
        self.outbox.close()
        self.server.shutdown()
        self.client.close()

    # one task -----------------------------------------------------------------------------------------------------

    def _perform(self, entry: Entry, waiting: int) -> None:
        cpu = time.thread_time_ns()
        try:
            arguments, keywords, received = self._arguments(entry)
            begin = self.clock()
            value = self._call(entry, arguments, keywords)
            packed = self._packed(entry, value)
        except _Abort:
            raise
        except BaseException as error:  # a task that calls sys.exit has failed; the slot goes on
            self._failed(entry, error)
            return
        finish = self.clock()
        size = packed.size if packed is not None else size_of(value)
        record = Record(
            entry.task,
            start_us=begin,
            finish_us=finish,
            wait_us=begin - waiting,
            cpu_us=(time.thread_time_ns() - cpu) // 1000,
            bytes_in=received,
            bytes_out=size,
            rows=rows_of(value),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
        self._hand_on(entry, value, packed, record)

    def _arguments(self, entry: Entry) -> tuple[list[Any], dict[str, Any], int]:
        assert self.inbox is not None  # noqa: S101
        taken: dict[int, Any] = {}
        received = 0

        def resolve(argument: Any) -> Any:
            nonlocal received
            if isinstance(argument, Refs):
                return [resolve(Ref(task)) for task in argument.tasks]
            if not isinstance(argument, Ref):
                return argument
            if argument.task not in taken:
                taken[argument.task], size = self.inbox.value(argument.task)  # type: ignore[union-attr]
                received += size
            return taken[argument.task]

        if entry.call is None:
            for task in entry.inputs:  # an emulated task takes every value that comes to it
                resolve(Ref(task))
            return [], {}, received
        _, args, kwargs = entry.call
        return [resolve(a) for a in args], {key: resolve(value) for key, value in kwargs.items()}, received

    def _call(self, entry: Entry, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if entry.emulate is not None:
            seconds, size = entry.emulate
            time.sleep(seconds)
            return np.zeros(size, dtype=np.uint8)
        assert entry.call is not None and self.queue is not None  # noqa: S101
        which = entry.call[0]
        if which not in self.functions:
            run = self.queue.functions[which]
            self.functions[which] = imported(run) if isinstance(run, str) else run
        return self.functions[which](*arguments, **keywords)

    def _packed(self, entry: Entry, value: Any) -> Packed | None:
        assert self.inbox is not None  # noqa: S101
        if not (entry.readers or entry.result or self.inbox.shared(entry.task)):
            return None
        try:
            return pack(value)
        except Exception as error:
            if entry.moved and not entry.result:  # where it was planned to run, it might not have had to be packed
                self.inbox.stays(entry.task)
                self._stuck(entry.task)
                return None
            problem = f"its value of type {type(value).__name__} does not pickle, so it cannot leave its slot: {error}"
            raise TypeError(problem) from error

    def _hand_on(self, entry: Entry, value: Any, packed: Packed | None, record: Record) -> None:
        assert self.inbox is not None  # noqa: S101
        self.inbox.put(entry.task, value, packed)
        self.outbox.publish(entry if packed is not None else replace(entry, readers=()), packed)
        result: Any = None
        if entry.result and packed is not None:
            if packed.size <= INLINE_BYTES:
                result = packed.inline()
            else:
                record = replace(record, result_bytes=packed.size)
                result = (packed.form, packed.head, packed.lengths())
                self.outbox.keep(entry.task, packed, (-1,))
        self.reporter.add(record, result)

    def _failed(self, entry: Entry, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        where = self.config
        summary = f"{type(error).__name__}: {error_text(error)}".rstrip(": ")
        failure = TaskFailure(entry.id, where.executor, where.number, where.attempt, summary, text)
        self.reporter.trouble(Failed(where.slot, where.incarnation, entry.task, failure))

    def _stuck(self, value: int, task: int | None = None) -> None:
        self.reporter.trouble(Stuck(self.config.slot, self.config.incarnation, value, task))

    def _unreachable(self, peer: int, reason: str) -> None:
        self.reporter.trouble(Unreachable(self.config.slot, self.config.incarnation, peer, reason))

    # the line to the coordinator ----------------------------------------------------------------------------------

    def _clock_offset(self) -> int:
        """Offset to the coordinator's clock; none on the same machine, else from the quickest of three answers."""
        if self.config.machine == boot_id():
            return 0
        best: tuple[int, int] | None = None
        for _ in range(3):
            sent, options = time.monotonic_ns() // 1000, self.config.line.options(timeout=_ANSWER_S)
            answer = next(iter(self.client.do_action(flight.Action("clock", b""), options=options)))
            there = self.config.line.decode(answer.body)
            back = time.monotonic_ns() // 1000
            if best is None or back - sent < best[0]:
                best = (back - sent, there - (sent + back) // 2)
        assert best is not None  # noqa: S101
        return best[1]

    def _listen(self) -> None:
        hello = Hello(self.config.slot, self.config.incarnation, self.server.address)
        try:
            stream = self.client.do_action(flight.Action("hello", self.config.line.encode(hello)), options=self.options)
            for result in stream:
                self._obey(self.config.line.decode(result.body))
                if self.ended.is_set():
                    return
            raise ConnectionError("it closed the line")
        except Exception as error:
            self._cut_off(error)

    def _cut_off(self, error: Exception) -> None:
        if not self.ended.is_set():
            line = (str(error).splitlines() or [type(error).__name__])[0]
            self.lost_coordinator = f"the coordinator cannot be reached: {line}"
            self._stop(abort=True)

    def _obey(self, instruction: Any) -> None:
        match instruction:
            case SlotQueue():
                self.queue = instruction
                self.inbox = Inbox(instruction, self.config.line, self._unreachable, self.outbox.hand, self._stuck)
                self.has_queue.set()
            case Peers(addresses=addresses):
                assert self.inbox is not None and self.queue is not None  # noqa: S101
                self.inbox.connect(addresses, self.queue.peers)
            case Skip(tasks=tasks):
                assert self.inbox is not None  # noqa: S101
                self.inbox.skip(tasks)
            case Withdraw(tasks=tasks):
                self._withdraw(tasks)
            case End(abort=abort):
                self._stop(abort)
            case Given() | Watch() | Reorder():
                assert self.inbox is not None  # noqa: S101
                self.inbox.obey(instruction)

    def _withdraw(self, tasks: tuple[int, ...]) -> None:
        assert self.inbox is not None  # noqa: S101
        me, handed = self.config.slot, []
        for entry, value, end in self.inbox.withdraw(tasks):
            readers = {*entry.readers, me} if value else {*entry.readers}
            followers = {*entry.followers, me} if end else {*entry.followers}
            handed.append(Handed(entry.task, tuple(sorted(readers)), tuple(sorted(followers - readers))))
        self.reporter.trouble(Released(me, self.config.incarnation, tasks, tuple(handed)))

    def _wanted(self, wants: Sequence[Want], slot: int) -> None:
        assert self.inbox is not None  # noqa: S101
        self.inbox.wanted(wants, slot)

    def _stop(self, abort: bool) -> None:
        self.ended.set()
        self.has_queue.set()
        if self.inbox is not None:
            self.inbox.close()
        if abort:
            self.interrupt()

    def _report(self, records: list[Record], results: dict[int, Any], troubles: list[Trouble]) -> None:
        finished = Finished(self.config.slot, self.config.incarnation, tuple(records), self.running, self.since_us)
        body = self.config.line.encode((finished, results, troubles))
        options = self.config.line.options(timeout=_ANSWER_S)
        list(self.client.do_action(flight.Action("report", body), options=options))

    def raise_if_cut_off(self) -> None:
        """Raise when the line to the coordinator broke, so that Spark sees this attempt fail."""
        if self.lost_coordinator:
            raise ConnectionError(self.lost_coordinator)


@contextmanager
def _abortable(slot: _Slot) -> Iterator[None]:
    """Let the listener break into a running task, where signals can (the main thread of a process)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def abort(*_: Any) -> None:
        raise _Abort

    before = signal.signal(signal.SIGUSR1, abort)
    slot.interrupt = lambda: os.kill(os.getpid(), signal.SIGUSR1)
    try:
        yield
    finally:
        slot.interrupt = lambda: None
        # The listener may be about to send the signal still; by default it would kill the process.
        signal.signal(signal.SIGUSR1, before if callable(before) else signal.SIG_IGN)
