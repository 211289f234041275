"""A slot's outputs: what it hands to other slots, announced as it becomes ready and released when everyone has it.

Some of what everyone has is retained for a while: should a slot be lost before it has made use of a value, that need
not be made again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Literal

import pyarrow as pa
import pyarrow.flight as flight

from planner.runtime.slot_queue import Entry
from planner.runtime.spill import spilled
from planner.runtime.values import INLINE_BYTES, Packed, stream
from planner.runtime.wire import Line

__all__ = ["DRIVER", "KEEPER", "Announcement", "Outbox", "OutboxServer", "Retained", "Want"]

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


DRIVER, KEEPER = -1, -2
"""As takers of a value: the driver, and the slot itself, which keeps it for others as long as the epoch lasts."""

_MESSAGE_BYTES = 4 * 1024 * 1024

RETAINED_BYTES = 64 * 1024 * 1024
"""So much is retained of values that everyone has; the oldest go first."""

ROOM_BYTES = 512 * 1024 * 1024
"""So much is kept in memory of values that have yet to be fetched, where nobody says how much a slot has."""

_EACH_BYTES = 1024
"""What a value takes beside its content."""


class Retained:
    """Values that everyone has, as long as there is room. Safe from threads."""

    def __init__(self, room_bytes: int = RETAINED_BYTES) -> None:
        self._lock = threading.Lock()
        self._left = room_bytes
        self._values: OrderedDict[int, Packed] = OrderedDict()

    def keep(self, task: int, packed: Packed) -> None:
        """Retain a value, and let the oldest go that have no room beside it."""
        with self._lock:
            self._drop(task)
            self._values[task] = packed
            self._left -= packed.size + _EACH_BYTES
            while self._left < 0:
                self._drop(next(iter(self._values)))

    def drop(self, task: int) -> None:
        """Let a value go, because who takes it may change it."""
        with self._lock:
            self._drop(task)

    def values(self) -> dict[int, Packed]:
        """Give all that are retained."""
        with self._lock:
            return dict(self._values)

    def get(self, task: int) -> Packed | None:
        """Give a value, if it is retained."""
        with self._lock:
            return self._values.get(task)

    def _drop(self, task: int) -> None:
        if (packed := self._values.pop(task, None)) is not None:
            self._left += packed.size + _EACH_BYTES


class Outbox:
    """Values that other slots, or the driver, still have to take, in one epoch.

    Parameters
    ----------
    retained : Retained, optional
        Where values go when everyone has them.
    room_bytes : int
        Values that have yet to be fetched are in memory up to this, and beyond it on disk, where that takes them.
    """

    def __init__(self, retained: Retained | None = None, room_bytes: int = ROOM_BYTES) -> None:
        self._room_bytes = room_bytes
        self._retained = Retained() if retained is None else retained
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
        notes: list[tuple[int, Announcement]] = [(slot, (entry.value, "end", b"", [], 0)) for slot in entry.followers]
        if packed is not None and entry.readers:
            if packed.size <= INLINE_BYTES:
                self._retained.keep(entry.value, packed)
                form, head, buffers = packed.inline()
                note: Announcement = (entry.value, form, head, buffers, packed.size)
            else:
                note = (entry.value, packed.form + "+fetch", packed.head, packed.lengths(), packed.size)
                self.keep(entry.value, packed, entry.readers)
            notes += [(slot, note) for slot in entry.readers]
        for slot, note in notes:
            self._queue(slot).put(note)

    def hand(self, task: int, slot: int, packed: Packed | None) -> None:
        """Hand one slot the value of a task, or with None its end."""
        readers, followers = ((), (slot,)) if packed is None else ((slot,), ())
        self.publish(Entry(task, "", readers=readers, followers=followers), packed)

    def keep(self, task: int, packed: Packed, takers: tuple[int, ...]) -> None:
        """Hold a value until each of `takers` has fetched it, and those before who have not."""
        if packed.size > INLINE_BYTES and self.held_bytes() + packed.size > self._room_bytes:
            with suppress(OSError, pa.ArrowException):  # a full disk: it stays in memory
                packed = spilled(packed)
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
            if task in self._kept:
                return self._kept[task][0]
        if (packed := self._retained.get(task)) is None:
            raise KeyError(task)
        return packed

    def taken(self, task: int, slot: int) -> None:
        """Note that a slot has the value; the last one releases it."""
        with self._lock:
            if task in self._kept:
                takers = self._kept[task][1]
                takers.discard(slot)
                if not takers:
                    self._retained.keep(task, self._kept.pop(task)[0])

    def kept(self) -> dict[int, tuple[Packed, frozenset[int]]]:
        """Give the values that have yet to be fetched, and by whom."""
        with self._lock:
            return {task: (packed, frozenset(takers)) for task, (packed, takers) in self._kept.items()}

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
    """Serves the `Outbox` of each epoch to those who show the run's token.

    ``DoAction("watch", "slot epoch")`` streams announcements, ``DoGet`` gives one large value (`fetch`),
    ``DoAction("taken")`` says that it arrived; ``DoAction("want", (slot, epoch, wants))`` asks for what tasks need that
    went away. Who is in a later epoch already waits until this slot is.
    """

    def __init__(
        self,
        outbox: Outbox | None,
        host: str,
        line: Line,
        wanted: Callable[[Sequence[Want], int, int], None] = lambda *_: None,
    ) -> None:
        super().__init__(**line.server(host))
        self._outbox, self._epoch, self._closed = outbox or Outbox(), -1 if outbox is None else 0, False
        self._renewed = threading.Condition()
        self._line = line
        self._wanted = wanted
        self.address = line.address(host, self.port)

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        """Stream announcements, or note that a value was taken."""
        if action.type == "want":
            asking, epoch, wants = self._line.decode(action.body)
            if self._of(epoch) is not None:
                self._wanted(wants, asking, epoch)
            return iter(())
        body = action.body.to_pybytes().decode()
        if action.type == "watch":
            return self._watched(*map(int, body.split()))
        if action.type == "taken":
            task, slot = map(int, body.split())
            self._outbox.taken(task, slot)
            return iter(())
        raise flight.FlightServerError(f"there is no action {action.type!r}; expected watch, taken or want")

    def renew(self, epoch: int, outbox: Outbox) -> None:
        """Serve another outbox from now on."""
        with self._renewed:
            self._outbox.close()
            self._outbox, self._epoch = outbox, epoch
            self._renewed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._renewed:
            self._closed = True
            self._outbox.close()
            self._renewed.notify_all()

    def _of(self, epoch: int) -> Outbox | None:
        with self._renewed:
            self._renewed.wait_for(lambda: self._closed or self._epoch >= epoch)
            return self._outbox if self._epoch == epoch else None

    def _watched(self, slot: int, epoch: int) -> Iterator[flight.Result]:
        if (outbox := self._of(epoch)) is not None:
            for batch in outbox.announcements(slot):
                yield flight.Result(self._line.encode(batch))

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        """Give one large value."""
        try:
            packed = self._outbox.take(int(ticket.ticket.partition(b" ")[0]))
        except (KeyError, ValueError) as error:
            raise flight.FlightServerError(f"value {ticket.ticket!r} is not held here") from error
        return stream(packed, self._line.mark(ticket.ticket))
