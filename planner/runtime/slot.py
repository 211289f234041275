"""A resident slot: one Python process of one executor that runs its queue of tasks from first to last.

`run_slot` is what a Spark partition calls. It needs no Spark itself, so tests start it as a plain process.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pyarrow.flight as flight

from planner.errors import TaskFailure
from planner.runtime.calls import Calls, given
from planner.runtime.exchange import Exchange
from planner.runtime.inputs import Turn
from planner.runtime.messages import (
    End,
    Failed,
    Finished,
    Given,
    Halt,
    Hello,
    Holds,
    Offered,
    Peers,
    Released,
    Reorder,
    Skip,
    Stuck,
    Unreachable,
    Unreadable,
    Watch,
    Withdraw,
)
from planner.runtime.process import boot_id, error_text, responsive
from planner.runtime.reporter import Reporter, Trouble
from planner.runtime.slot_config import SlotConfig
from planner.runtime.slot_queue import Entry, Handed, Record, SlotQueue, SlotSummary
from planner.runtime.values import INLINE_BYTES, Packed, rows_of, size_of
from planner.runtime.watchdog import GRACE_S, Watchdog
from planner.runtime.wire import local_address

__all__ = ["SlotConfig", "run_slot"]


_ANSWER_S = 30.0
"""Seconds that the coordinator may take to answer a report before the slot gives it up."""


_HELD_OUT = 75
"""Exit code of a process whose task did not end: not 0, so that Spark starts its slot again."""


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

    def summary() -> SlotSummary:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        cpu_us, took_part = (time.process_time_ns() - cpu) // 1000, slot.calls is not None
        pid, now = os.getpid(), slot.clock()
        return SlotSummary(config.slot, config.incarnation, pid, began, now, cpu_us, peak, took_part, config.stage)

    try:
        with responsive(), _abortable(slot):
            slot.run()
    except _Abort:
        slot.raise_if_cut_off()
        slot.say_goodbye(summary())  # it may have run a task whose value had come from elsewhere
    else:
        slot.say_goodbye(summary())
    finally:
        slot.close()
    return summary()


class _Slot:
    """The state of a running slot: its queue, its inputs, its outputs and its line to the coordinator."""

    def __init__(self, config: SlotConfig) -> None:
        self.config = config
        host, port = config.coordinator
        self.client = config.line.client(config.line.address(host, port))
        self.options = config.line.options()
        self.offset_us = self._clock_offset()
        self.exchange = Exchange(
            local_address(host, port),
            config.line,
            self._unreachable,
            self._stuck,
            self._unreadable,
            config.storage,
            self._offer,
            config.room_bytes,
        )
        self.calls: Calls | None = None
        self.reporter = Reporter(self._report, self._cut_off)
        self.ended = threading.Event()
        self.has_queue = threading.Event()
        self.running: int | None = None
        self.since_us = 0
        self.lost_coordinator: str | None = None
        self.interrupt: Callable[[], None] = lambda: None
        self.watchdog: Watchdog | None = None  # where signals can interrupt
        self.attempting: Entry | None = None  # under a time-out
        self.tries: list[str] = []  # how the attempts of the running task failed

    def clock(self) -> int:
        """Microseconds on the coordinator's clock."""
        return time.monotonic_ns() // 1000 + self.offset_us

    def run(self) -> None:
        """Say hello, run the queue, wait for the end."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        self.reporter.start()  # its sign of life also tells a coordinator that has died in silence
        self.has_queue.wait()
        if self.calls is None:
            self.raise_if_cut_off()
            return  # a copy that was not needed
        waiting = self.clock()
        while (turn := self.exchange.next(self.reporter.urgent)) is not None:
            self.running, self.since_us = turn.entry.task, self.clock()
            if self.since_us - waiting > _BRIEF_US:  # else it is told with the end of the task before
                self.reporter.began()
            self._perform(turn, waiting)
            self.running, waiting = None, self.clock()
        self.ended.wait()
        self.raise_if_cut_off()

    def close(self) -> None:
        """Stop all threads and the server."""
        self.reporter.close()
        self.exchange.shutdown()
        self.client.close()

    # one task -----------------------------------------------------------------------------------------------------

    def _perform(self, turn: Turn, waiting: int) -> None:
        entry = turn.entry
        self.tries = []
        while True:
            cpu = time.thread_time_ns()
            try:
                begin, value = self._attempt(turn)
                break
            except _Abort:
                raise
            except BaseException as error:  # a task that calls sys.exit has failed; the slot goes on
                self.tries.append("".join(traceback.format_exception(error)))
                if len(self.tries) > entry.retries:
                    self._failed(entry, error)
                    return
        try:
            packed = self.exchange.pack(entry, value)
        except _Abort:
            raise
        except BaseException as error:
            self.tries.append("".join(traceback.format_exception(error)))
            self._failed(entry, error)
            return
        finish = self.clock()
        stored, remark = self.exchange.store(entry, packed)
        size = packed.size if packed is not None else size_of(value)
        record = Record(
            entry.task,
            start_us=begin,
            finish_us=finish,
            wait_us=begin - waiting,
            cpu_us=(time.thread_time_ns() - cpu) // 1000,
            bytes_in=turn.received_bytes,
            bytes_out=size,
            rows=rows_of(value),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            stored=stored,
            remark=remark,
        )
        result: Any = None
        if entry.result and packed is not None:
            if packed.size <= INLINE_BYTES:
                result = packed.inline()
            else:
                record = replace(record, result_bytes=packed.size)
                result = (packed.form, packed.head, packed.lengths())
        self.exchange.put(entry, value, packed, lambda: self.reporter.add(record, result))

    def _attempt(self, turn: Turn) -> tuple[int, Any]:
        """Run a task with its inputs opened anew; give when it began, and its value."""
        entry = turn.entry

        def run() -> tuple[int, Any]:
            arguments, keywords = given(turn)
            begin = self.clock()
            assert self.calls is not None  # noqa: S101
            return begin, self.calls.call(entry, arguments, keywords)

        if entry.timeout_s is None or self.watchdog is None:
            return run()
        self.attempting = entry
        return self.watchdog.call(entry.timeout_s, run)  # type: ignore[no-any-return]

    def _failed(self, entry: Entry, error: BaseException) -> None:
        failed = self._failure(entry, error)
        self.exchange.failed(entry, lambda: self.reporter.trouble(failed))

    def _failure(self, entry: Entry, error: BaseException) -> Failed:
        where, tries = self.config, self.tries
        summary = f"{type(error).__name__}: {error_text(error)}".rstrip(": ")
        heads = [f"attempt {number} of {len(tries)}:\n" for number in range(1, len(tries) + 1)]
        text = "\n".join(map("".join, zip(heads, tries, strict=True))) if len(tries) > 1 else tries[0]
        failure = TaskFailure(entry.id, where.executor, where.number, len(tries), summary, text)
        return Failed(where.slot, where.incarnation, entry.task, failure)

    def held_out(self, main: int) -> None:
        """Tell that the running task goes on after its time-out, and end this process: nothing else ends the task."""
        try:
            assert self.attempting is not None  # noqa: S101
            entry = self.attempting
            late = f"ran longer than its time-out of {entry.timeout_s:g} s, and {GRACE_S:g} s later it still ran"
            error = TimeoutError(f"{late}; its slot was ended")
            stack = "".join(traceback.format_stack(sys._current_frames()[main]))
            self.tries.append(f"Where it stood:\n{stack}TimeoutError: {error}\n")
            failed = self._failure(entry, error)
            self.exchange.failed(entry, lambda: None)
            self.reporter.last_word(failed, _ANSWER_S)
        finally:
            os._exit(_HELD_OUT)

    def _stuck(self, value: int, task: int | None) -> None:
        self.reporter.trouble(Stuck(self.config.slot, self.config.incarnation, value, task))

    def _unreadable(self, value: int, reason: str) -> None:
        self.reporter.trouble(Unreadable(self.config.slot, self.config.incarnation, value, reason))

    def _offer(self, task: int, packed: Packed) -> None:
        offered = Offered(self.config.slot, self.config.incarnation, task)
        self.reporter.trouble(offered, (packed.form, packed.head, packed.lengths()))

    def _unreachable(self, peer: int, reason: str, epoch: int) -> None:
        self.reporter.trouble(Unreachable(self.config.slot, self.config.incarnation, peer, reason, epoch))

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
        hello = Hello(self.config.slot, self.config.incarnation, self.exchange.address)
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
                if self.calls is None:
                    self.calls = Calls(instruction.functions)
                self.exchange.begin(instruction)
                self.has_queue.set()
            case Halt():
                values, running = self.exchange.halt()
                me = self.config
                self.reporter.trouble(Holds(me.slot, me.incarnation, instruction.epoch, values, running))
            case Peers(addresses=addresses):
                self.exchange.connect(addresses)
            case Skip(tasks=tasks):
                self.exchange.skip(tasks)
            case Withdraw(tasks=tasks):
                self._withdraw(tasks)
            case Given() | Watch() | Reorder():
                self.exchange.obey(instruction)
            case End(abort=abort, incarnation=None):
                self._stop(abort)
            case End():
                self.lost_coordinator = "the coordinator has given this slot up"
                self._stop(abort=True)

    def _withdraw(self, tasks: tuple[int, ...]) -> None:
        me, handed = self.config.slot, []
        for entry, value, end in self.exchange.withdraw(tasks):
            readers = {*entry.readers, me} if value else {*entry.readers}
            followers = {*entry.followers, me} if end else {*entry.followers}
            handed.append(Handed(entry.task, tuple(sorted(readers)), tuple(sorted(followers - readers))))
        self.reporter.trouble(Released(me, self.config.incarnation, tasks, tuple(handed)))

    def _stop(self, abort: bool) -> None:
        self.ended.set()
        self.has_queue.set()
        self.exchange.close()
        if abort:
            if self.watchdog is not None:
                self.watchdog.close()
            self.interrupt()

    def _report(self, records: list[Record], results: dict[int, Any], troubles: list[Trouble]) -> None:
        finished = Finished(self.config.slot, self.config.incarnation, tuple(records), self.running, self.since_us)
        body = self.config.line.encode((finished, results, troubles))
        options = self.config.line.options(timeout=_ANSWER_S)
        list(self.client.do_action(flight.Action("report", body), options=options))

    def say_goodbye(self, summary: SlotSummary) -> None:
        """Tell the coordinator how it went, if it is there still."""
        if summary.took_part:
            body, options = self.config.line.encode(summary), self.config.line.options(timeout=_ANSWER_S)
            with suppress(Exception):
                list(self.client.do_action(flight.Action("goodbye", body), options=options))

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
    main = threading.get_ident()
    slot.watchdog = Watchdog(lambda: slot.held_out(main))
    try:
        with slot.watchdog.ready():
            yield
    finally:
        slot.interrupt = lambda: None
        # The listener may be about to send the signal still; by default it would kill the process.
        signal.signal(signal.SIGUSR1, before if callable(before) else signal.SIG_IGN)
