"""The coordinator of a stream: a thin Flight shell around its `Flow`."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.flight as flight

from planner.runtime.wire import Line
from planner.streaming.desk import Loading, Part
from planner.streaming.files import served
from planner.streaming.flow import Flow
from planner.streaming.load import SlotLoad
from planner.streaming.messages import (
    End,
    Ended,
    Event,
    GivenUp,
    Instruction,
    Joined,
    Kept,
    Load,
    Lost,
    Take,
    Tick,
)

__all__ = ["StreamCoordinator"]

_POLL_S = 0.5


class StreamCoordinator(flight.FlightServerBase):  # type: ignore[misc]
    """Talks to the slots of one stream.

    Parameters
    ----------
    flow : Flow
    parts : sequence of Part
        Of every stage; a slot gets those of its own stages.
    host : str
        Address to bind to.
    line : Line
    silence_s : float
        Seconds after which a slot that says nothing is given up.

    Attributes
    ----------
    finished : threading.Event
    loads : dict of (int, int) to SlotLoad
        What each slot and incarnation has told last.
    began_s, ended_s : float
        Monotonic time of the first batch given, and of the last one kept.
    """

    def __init__(self, flow: Flow, parts: Sequence[Part], host: str, line: Line, silence_s: float = 60.0) -> None:
        super().__init__(**line.server(host))
        self.flow = flow
        self.finished = threading.Event()
        self.loads: dict[tuple[int, int], SlotLoad] = {}
        self.began_s = self.ended_s = 0.0
        self._parts, self._line, self._silence_s = parts, line, silence_s
        self._lock = threading.RLock()
        self._heard: dict[int, float] = {}
        self._mailboxes: dict[tuple[int, int], queue.SimpleQueue[bytes | End]] = {}

    def tick(self) -> None:
        """Let time pass; call it a few times a second."""
        with self._lock:
            now = time.monotonic()
            silent = [slot for slot in self.flow.living if now - self._heard.get(slot, now) > self._silence_s]
            self._handle(Tick(now, tuple(silent)))

    def give_up(self, reason: str) -> None:
        """Say that the stream cannot go on."""
        self._handle(GivenUp(reason))

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        """Answer ``hello``, with a stream of instructions, and ``report``."""
        if action.type == "hello":
            return self._serve(context, self._line.decode(action.body))
        if action.type == "report":
            self._report(*self._line.decode(action.body))
            return iter(())
        raise flight.FlightServerError(f"there is no action {action.type!r}; expected hello or report")

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        """Give a file of a stage."""
        stage, number = map(int, ticket.ticket.split(b" ")[:2])
        return served(self._parts[stage].files[number], self._line.mark(ticket.ticket))

    def _serve(self, context: flight.ServerCallContext, joined: Joined) -> Iterator[flight.Result]:
        me = (joined.slot, joined.incarnation)
        mailbox: queue.SimpleQueue[bytes | End] = queue.SimpleQueue()
        with self._lock:
            self._mailboxes[me] = mailbox
            self._heard[joined.slot] = time.monotonic()
            self._handle(joined)
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

    def _report(self, load: SlotLoad, events: Sequence[Event]) -> None:
        with self._lock:
            if self.flow.living.get(load.slot) == load.incarnation:
                self._heard[load.slot] = time.monotonic()
            self.loads[load.slot, load.incarnation] = load
            for event in events:
                self._handle(event)

    def _handle(self, event: Event) -> None:
        with self._lock:
            ended = self.flow.outcome is not None
            for instruction in self.flow.handle(event):
                self._deliver(instruction)
            if isinstance(event, Kept) and not ended:
                self.ended_s = time.monotonic()
            if self.flow.outcome is not None:
                self.finished.set()

    def _deliver(self, instruction: Instruction) -> None:
        message: Any = instruction
        match instruction:
            case Ended():
                return
            case End(slot=slot, incarnation=incarnation):
                self._mailboxes[slot, incarnation].put(instruction)
                return
            case Load(stages=stages):
                message = Loading(tuple(self._parts[stage] for stage in stages))
            case Take() if not self.began_s:
                self.began_s = time.monotonic()
        me = instruction.slot, self.flow.living.get(instruction.slot, -1)
        if me in self._mailboxes:  # it may be lost by what follows from the same event
            self._mailboxes[me].put(self._line.encode(message))
