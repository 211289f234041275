"""A resident slot of a stream: one Python process that has stages loaded, and runs the batches that come to it.

`run_stream_slot` is what a Spark partition calls. It needs no Spark itself, so tests start it as a plain process.
"""

from __future__ import annotations

import gc
import os
import pickle
import queue
import resource
import secrets
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.flight as flight

from planner.errors import TaskFailure
from planner.runtime.process import core_wait_ns, error_text, give_back, responsive
from planner.runtime.values import pack, read_stream, stream
from planner.runtime.wire import Line, local_address
from planner.streaming.batches import Batch, as_batch, decode, encode, from_rows, to_rows
from planner.streaming.desk import Desk, Input, Loading, Part
from planner.streaming.files import Files
from planner.streaming.load import SlotLoad
from planner.streaming.messages import End, Failed, Joined, Kept, Made, Missed, Release, Take, Taken
from planner.streaming.spool import Outputs, Rows, RowsFile

__all__ = ["StreamConfig", "run_stream_slot"]

_ANSWER_S = 30.0
"""Seconds that the coordinator may take to answer a report."""

_FETCH_S = 60.0
"""Seconds that taking one batch from another slot may last."""

_FETCHERS = 2

_HEARTBEAT_S = 1.0

_OPEN_FILES = 32
"""Files with rows that are kept open: a DataFrame may have more partitions than a process may open files."""

_GIVE_BACK_S = 1.0
"""Seconds after which free memory goes back to the system: batches that come and go leave ever more of it."""


@dataclass(frozen=True)
class StreamConfig:
    """What a slot must know to begin.

    Attributes
    ----------
    coordinator : tuple of (str, int)
        Host and port.
    line : Line
    slot : int
    executor : str
        How users call the one that it is meant for.
    rows : Rows
    n_stages : int
    attempt, incarnation, stage : int
        How often it was started before, a number distinct for every attempt, and the Spark stage that it is part of.
    """

    coordinator: tuple[str, int]
    line: Line
    slot: int
    executor: str
    rows: Rows
    n_stages: int
    attempt: int = 0
    incarnation: int = 0
    stage: int = -1


def run_stream_slot(config: StreamConfig) -> None:
    """Run what comes to one slot until the coordinator says that it ends.

    Raises
    ------
    ConnectionError
        If the coordinator cannot be reached.
    """
    slot = _Slot(config)
    try:
        with responsive():
            slot.run()
    finally:
        slot.close()


class _Slot:
    def __init__(self, config: StreamConfig) -> None:
        self.config = config
        self.line = config.line
        host, port = config.coordinator
        self.client = self.line.client(self.line.address(host, port))
        self.desk = Desk()
        self.rows = _RowsHere(config.rows)
        self.outputs = Outputs(f"outputs-{config.slot}-{config.incarnation}-{os.getpid()}.arrows")
        self.server = _Server(local_address(host, port), self.line, self.desk, self.rows)
        self.names: dict[int, str] = {}
        self.calls: dict[int, Callable[[Batch], Any]] = {}
        self.files = Files(self.client, self.line)
        self.load = SlotLoad(config.slot, config.incarnation, os.getpid())
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.fetchers = ThreadPoolExecutor(_FETCHERS, "fetcher")
        self.peers = _Peers(self.line)
        self.ended = threading.Event()
        self.beside_ns = 0
        self.cut_off: str | None = None

    def run(self) -> None:
        """Say hello, run what comes, say what was done."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        threading.Thread(target=self._report, name="reporter", daemon=True).start()
        to_rows(from_rows(pa.record_batch({"x": [0.0]})), 1)  # PyArrow imports pandas the first time, which takes long
        while (work := self.desk.next()) is not None:
            try:
                if isinstance(work, Loading):
                    self._load(work.parts)
                else:
                    self._run(work)
            except BaseException as error:  # a stage that calls sys.exit has failed; the slot says so
                self._failed(work, error)
        if self.cut_off is not None:
            raise ConnectionError(self.cut_off)
        with suppress(Exception):
            self._send([])

    def close(self) -> None:
        """Stop all threads and the server."""
        self._stop()
        self.calls.clear()  # Spark uses this process again, and threads that end late would keep what was loaded
        self.fetchers.shutdown(wait=False, cancel_futures=True)
        self.server.shutdown()
        self.outputs.close()
        self.files.close()
        self.peers.close()
        self.client.close()
        gc.collect()
        give_back()

    # the work -----------------------------------------------------------------------------------------------------

    def _load(self, parts: tuple[Part, ...]) -> None:
        began = time.monotonic_ns()
        give_back()  # Spark's Python processes have done other things before
        for part in parts:
            self.names[part.stage] = part.name
            folder = self.files.bring(part.stage, part.files)
            self.calls[part.stage] = pickle.loads(part.loader)(folder)  # noqa: S301
        self.beside_ns = _beside_ns()
        self.load.load_us += (time.monotonic_ns() - began) // 1000

    def _run(self, given: Input) -> None:
        stage, load = given.stage, self.load
        began, waited, record = time.monotonic_ns(), core_wait_ns(), given.record
        arrays, rows = (from_rows(record), record.num_rows) if stage == 0 else decode(record)
        made = as_batch(self.calls[stage](arrays))
        output = self._columns(made, rows) if stage + 1 == self.config.n_stages else encode(made, rows)
        took = (time.monotonic_ns() - began) // 1000
        waited = min((core_wait_ns() - waited) // 1000, took)
        load.busy_us[stage] = load.busy_us.get(stage, 0) + took - waited
        load.core_us[stage] = load.core_us.get(stage, 0) + waited
        load.batches[stage] = load.batches.get(stage, 0) + 1
        load.beside_us = (_beside_ns() - self.beside_ns) // 1000
        self.desk.made(stage, given.batch, output)
        self.events.put(Made(*self._me, given.batch))

    def _columns(self, made: Batch, rows: int) -> pa.RecordBatch:
        there = {name.lower() for name in self.config.rows.names}  # Spark takes no notice of case
        if twice := [name for name in made if name.lower() in there]:
            raise ValueError(f"the last stage gave {', '.join(map(repr, twice))}, of which the DataFrame has a column")
        return to_rows(made, rows)

    def _failed(self, work: Loading | Input, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        if isinstance(work, Loading):
            stage = next(part.stage for part in work.parts if part.stage not in self.calls)
            what = f"loading of {self.names[stage]}"
        else:
            empty = not any(share.rows for share in self.config.rows.shares)
            which = "a batch of no rows, by which outputs of none get their types" if empty else f"batch {work.batch}"
            what = f"{self.names[work.stage]}, {which}"
        summary = f"{type(error).__name__}: {error_text(error)}".rstrip(": ")
        failure = TaskFailure(what, self.config.executor, self.config.slot, self.config.attempt + 1, summary, text)
        self.events.put(Failed(*self._me, failure))

    def _take(self, take: Take) -> None:
        try:
            record = self._fetched(take)
            if take.stage == self.config.n_stages:
                share = self.config.rows.shares[self.config.rows.share_of(take.batch)]
                self.events.put(Kept(*self._me, take.batch, *self.outputs.append(share, record)))
                return
        except Exception as error:
            self.events.put(Missed(*self._me, take.batch, f"{type(error).__name__}: {error_text(error)}"))
            return
        self.desk.put(Input(take.stage, take.batch, record))
        self.events.put(Taken(*self._me, take.batch))

    def _fetched(self, take: Take) -> pa.RecordBatch:
        if take.stage == 0 and not take.address:
            return self.rows.read(take.batch)
        if take.address == self.server.address:
            return self.desk.output(take.stage - 1, take.batch)
        record = self.peers.fetch(take.address, take.stage, take.batch)
        self.load.bytes_in += record.nbytes
        return record

    # the line to the coordinator ----------------------------------------------------------------------------------

    @property
    def _me(self) -> tuple[int, int]:
        return self.config.slot, self.config.incarnation

    def _listen(self) -> None:
        joined = Joined(*self._me, self.server.address, self.rows.seen())
        try:
            hello = flight.Action("hello", self.line.encode(joined))
            for result in self.client.do_action(hello, options=self.line.options()):
                self._obey(self.line.decode(result.body))
                if self.ended.is_set():
                    return
            raise ConnectionError("it closed the line")
        except Exception as error:
            self._lost_coordinator(error)

    def _obey(self, instruction: Any) -> None:
        match instruction:
            case Loading(parts=parts):
                self.desk.load(parts)
            case Take():
                self.fetchers.submit(self._take, instruction)
            case Release(stage=stage, batch=batch):
                self.desk.release(stage, batch)
            case End(over=over):
                self.cut_off = None if over else "the coordinator has given this slot up"
                self._stop()

    def _report(self) -> None:
        given_back = time.monotonic()
        while not self.ended.is_set():
            events = []
            with suppress(queue.Empty):
                events.append(self.events.get(timeout=_HEARTBEAT_S))
                while True:
                    events.append(self.events.get_nowait())
            try:
                self._send([event for event in events if event is not None])
            except Exception as error:
                self._lost_coordinator(error)
            if time.monotonic() - given_back > _GIVE_BACK_S:
                give_back()
                given_back = time.monotonic()

    def _send(self, events: list[Any]) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        load = replace(  # copies of dicts in one step each: the thread that runs stages adds to them meanwhile
            self.load,
            busy_us=dict(self.load.busy_us),
            core_us=dict(self.load.core_us),
            batches=dict(self.load.batches),
            input_us=self.desk.input_us,
            room_us=self.desk.room_us,
            peak_memory_bytes=peak,
        )
        body = self.line.encode((load, events))
        list(self.client.do_action(flight.Action("report", body), options=self.line.options(timeout=_ANSWER_S)))

    def _lost_coordinator(self, error: Exception) -> None:
        if not self.ended.is_set():
            line = (str(error).splitlines() or [type(error).__name__])[0]
            self.cut_off = f"the coordinator cannot be reached: {line}"
            self._stop()

    def _stop(self) -> None:
        self.ended.set()
        self.desk.close()
        self.events.put(None)


def _beside_ns() -> int:
    """Give the processor time of all other threads of this process."""
    return time.process_time_ns() - time.thread_time_ns()


class _RowsHere:
    """The rows whose files this process can read. Safe from threads."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._open = lru_cache(_OPEN_FILES)(RowsFile)

    def seen(self) -> frozenset[int]:
        """Give the shares that can be read here."""
        return frozenset(place for place, share in enumerate(self._rows.shares) if os.access(Path(share.path), os.R_OK))

    def read(self, batch: int) -> pa.RecordBatch:
        """Give what the first stage takes of a batch."""
        share, place = self._rows.place_of(batch)
        return self._open(self._rows.shares[share].path).read(place, self._rows.columns)


class _Peers:
    """Takes batches from other slots, over one connection to each. Safe from threads."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._clients: dict[str, flight.FlightClient] = {}

    def fetch(self, address: str, stage: int, batch: int) -> pa.RecordBatch:
        """Take the input of a stage: rows for the first one, what the stage before made for the others."""
        with self._lock:
            if address not in self._clients:
                self._clients[address] = self._line.client(address)
            client = self._clients[address]
        ticket = f"{stage} {batch} {secrets.token_hex(16)}".encode()
        reader = client.do_get(flight.Ticket(ticket), self._line.options(timeout=_FETCH_S))
        # The answer has to bear the mark of this one question, which only who knows the token can make.
        return read_stream("batch", b"", (), reader, self._line.mark(ticket)).open(own=True)

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()


class _Server(flight.FlightServerBase):  # type: ignore[misc]
    """Gives batches to those who show the run's token: outputs of this slot, and rows that it can read."""

    def __init__(self, host: str, line: Line, desk: Desk, rows: _RowsHere) -> None:
        super().__init__(**line.server(host))
        self._line, self._desk, self._rows = line, desk, rows
        self.address = line.address(host, self.port)

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        stage, batch = map(int, ticket.ticket.split(b" ")[:2])
        try:
            record = self._rows.read(batch) if stage == 0 else self._desk.output(stage - 1, batch)
        except (KeyError, OSError) as error:
            raise flight.FlightServerError(f"the input of stage {stage} in batch {batch} is not here") from error
        return stream(pack(record), self._line.mark(ticket.ticket))
