"""A slot's outputs: what it hands to other slots, announced as it becomes ready and released when everyone has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Literal

import pyarrow.flight as flight

from planner.runtime.messages import Entry
from planner.runtime.values import INLINE_BYTES, Packed, stream
from planner.runtime.wire import Line

__all__ = ["Announcement", "Outbox", "OutboxServer", "Want"]

Announcement = tuple[int, str, bytes, list[Any], int]
"""Task, form, head, buffers (inline) or their lengths (to fetch), and the bytes of the value.

The form is ``"end"`` for a task whose value is not wanted, and has ``"+fetch"`` behind it when the value waits here.
"""


@dataclass(frozen=True)
class Want:
    """What a task that went to another slot needs from the one that it left.

    Attributes
    ----------
    task : int
        The input.
    taker : int
        The task that needs it.
    what : {"value", "end", "drop"}
        Its value; only to know that it has ended; or nothing any more.
    """

    task: int
    taker: int
    what: Literal["value", "end", "drop"]


_MESSAGE_BYTES = 4 * 1024 * 1024


class Outbox:
    """Values that other slots, or the driver, still have to take."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: dict[int, SimpleQueue[Announcement | None]] = {}  # None: nothing more comes
        self._kept: dict[int, tuple[Packed, set[int]]] = {}
        self._closed = False

    def publish(self, entry: Entry, packed: Packed | None) -> None:
        """Announce the end of a task to the slots that wait for it, with its value where they take it.

        Parameters
        ----------
        entry : Entry
        packed : Packed or None
            The value; None when no other slot takes it.
        """
        notes: list[tuple[int, Announcement]] = [(slot, (entry.task, "end", b"", [], 0)) for slot in entry.followers]
        if packed is not None and entry.readers:
            if packed.size <= INLINE_BYTES:
                form, head, buffers = packed.inline()
                note: Announcement = (entry.task, form, head, buffers, packed.size)
            else:
                note = (entry.task, packed.form + "+fetch", packed.head, packed.lengths(), packed.size)
                self.keep(entry.task, packed, entry.readers)
            notes += [(slot, note) for slot in entry.readers]
        for slot, note in notes:
            self._queue(slot).put(note)

    def hand(self, task: int, slot: int, packed: Packed | None) -> None:
        """Hand one slot the value of a task, or with None its end."""
        readers, followers = ((), (slot,)) if packed is None else ((slot,), ())
        self.publish(Entry(task, "", readers=readers, followers=followers), packed)

    def keep(self, task: int, packed: Packed, takers: tuple[int, ...]) -> None:
        """Hold a value until each of `takers` has fetched it, and those before who have not."""
        with self._lock:
            before = self._kept[task][1] if task in self._kept else set()
            self._kept[task] = (packed, before | set(takers))

    def announcements(self, slot: int) -> Iterator[list[Announcement]]:
        """Give what becomes ready for one slot, in batches, until the outbox closes."""
        ready = self._queue(slot)
        while (note := ready.get()) is not None:
            batch, size = [note], note[4]
            while size < _MESSAGE_BYTES and not ready.empty():  # nobody else takes from this queue
                if (note := ready.get()) is None:
                    yield batch
                    return
                batch.append(note)
                size += note[4]
            yield batch

    def take(self, task: int) -> Packed:
        """Give a kept value.

        Raises
        ------
        KeyError
            If it is not here, or released.
        """
        with self._lock:
            return self._kept[task][0]

    def taken(self, task: int, slot: int) -> None:
        """Note that a slot has the value; the last one releases it."""
        with self._lock:
            if task in self._kept:
                takers = self._kept[task][1]
                takers.discard(slot)
                if not takers:
                    del self._kept[task]

    def held_bytes(self) -> int:
        """Give the bytes that are held for others."""
        with self._lock:
            return sum(packed.size for packed, _ in self._kept.values())

    def close(self) -> None:
        """End every stream of announcements."""
        with self._lock:
            self._closed = True
            for ready in self._ready.values():
                ready.put(None)

    def _queue(self, slot: int) -> SimpleQueue[Announcement | None]:
        with self._lock:
            if slot not in self._ready:
                self._ready[slot] = SimpleQueue()
                if self._closed:
                    self._ready[slot].put(None)
            return self._ready[slot]


class OutboxServer(flight.FlightServerBase):  # type: ignore[misc]
    """Serves an `Outbox` to those who show the run's token.

    ``DoAction("watch", slot)`` streams announcements, ``DoGet`` gives one large value (`fetch`), ``DoAction("taken")``
    says that it arrived; ``DoAction("want", (slot, wants))`` asks for what tasks need that went away.
    """

    def __init__(
        self, outbox: Outbox, host: str, line: Line, wanted: Callable[[Sequence[Want], int], None] = lambda *_: None
    ) -> None:
        super().__init__(**line.server(host))
        self._outbox = outbox
        self._line = line
        self._wanted = wanted
        self.address = line.address(host, self.port)

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        """Stream announcements, or note that a value was taken."""
        if action.type == "want":
            asking, wants = self._line.decode(action.body)
            self._wanted(wants, asking)
            return iter(())
        body = action.body.to_pybytes().decode()
        if action.type == "watch":
            return (flight.Result(self._line.encode(batch)) for batch in self._outbox.announcements(int(body)))
        if action.type == "taken":
            task, slot = map(int, body.split())
            self._outbox.taken(task, slot)
            return iter(())
        raise flight.FlightServerError(f"there is no action {action.type!r}; expected watch, taken or want")

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        """Give one large value."""
        try:
            packed = self._outbox.take(int(ticket.ticket.partition(b" ")[0]))
        except (KeyError, ValueError) as error:
            raise flight.FlightServerError(f"value {ticket.ticket!r} is not held here") from error
        return stream(packed, self._line.mark(ticket.ticket))
