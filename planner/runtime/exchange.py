"""A slot's values, epoch by epoch: an inbox and an outbox for each, and what it holds from one to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from planner.runtime.inbox import Inbox
from planner.runtime.inputs import Held, Turn
from planner.runtime.messages import Given, Reorder, Watch
from planner.runtime.outbox import DRIVER, KEEPER, ROOM_BYTES, Outbox, OutboxServer, Retained, Want
from planner.runtime.slot_queue import Entry, Hand, SlotQueue
from planner.runtime.storage import Storage
from planner.runtime.values import INLINE_BYTES, Packed, pack
from planner.runtime.wire import Line

__all__ = ["Exchange"]

GUARDED_BYTES = 8 * 1024 * 1024
"""Inputs of a task that runs are retained up to this size each, so that another slot can begin it as well."""


class Exchange:
    """Gives a slot its tasks with their inputs, and takes their values.

    Parameters
    ----------
    host : str
        Address on which values are served.
    line : Line
    unreachable : callable
        ``unreachable(peer, reason, epoch)`` is called when a peer breaks off.
    stuck : callable
        ``stuck(task, taker)`` is called where the value of a task does not pickle, so that its taker, or with None all
        that take it, have to come.
    unreadable : callable
        ``unreadable(task, reason)`` is called where a value cannot be read from storage.
    storage : Storage or None
        Where all values are kept.
    offer : callable
        ``offer(task, packed)`` is called where the driver is to fetch a result whose slot was lost.
    room_bytes : int
        As for `Outbox`.
    """

    def __init__(
        self,
        host: str,
        line: Line,
        unreachable: Callable[[int, str, int], None],
        stuck: Callable[[int, int | None], None],
        unreadable: Callable[[int, str], None] = lambda *_: None,
        storage: Storage | None = None,
        offer: Callable[[int, Packed], None] = lambda *_: None,
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        self._offer, self._room_bytes = offer, room_bytes
        self._line, self._unreachable, self._stuck = line, unreachable, stuck
        self._unreadable, self._storage = unreadable, storage
        self._changed = threading.Condition()
        self._retained = Retained()
        self._outbox = Outbox(self._retained, room_bytes)
        self._inbox: Inbox | None = None
        self._server = OutboxServer(None, host, line, self._want)
        self._queue = SlotQueue(-1)
        self._held = Held()
        self._running: int | None = None
        self._changes: dict[int, Entry] = {}  # what has become of the entry of a task that runs
        self._ended: set[int] = set()  # while the slot stood still
        self._closed = False

    @property
    def address(self) -> str:
        """Where values are served."""
        return str(self._server.address)

    # for the slot's main thread -----------------------------------------------------------------------------------

    def next(self, idle: Callable[[], None]) -> Turn | None:
        """Wait for a task whose inputs are all there; None when the run ends."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._inbox is not None)
                if self._closed:
                    return None
                inbox = self._inbox
            assert inbox is not None  # noqa: S101
            if (turn := inbox.next(idle)) is not None:
                if turn.entry.guarded:
                    self._guard(turn)
                return turn
            with self._changed:
                while self._inbox is inbox and not self._closed:
                    self._changed.wait()

    def pack(self, entry: Entry, value: Any) -> Packed | None:
        """Pack the value of a task, if another slot, the driver, or more than one task takes it.

        Raises
        ------
        TypeError
            If it does not pickle, and where it was planned to run it would have had to.
        """
        with self._changed:
            entry = self._changes.get(entry.task, entry)
            shared = entry.value in self._queue.shared if self._inbox is None else self._inbox.shared(entry.value)
        needed = bool(entry.readers or entry.result or shared)
        if not needed and self._storage is None:
            return None
        try:
            return pack(value)
        except Exception as error:
            if (entry.moved and not entry.result) or not needed:
                return None
            problem = f"its value of type {type(value).__name__} does not pickle, so it cannot leave its slot: {error}"
            raise TypeError(problem) from error

    def store(self, entry: Entry, packed: Packed | None) -> tuple[bool, str]:
        """Keep the value of a task in storage, if there is one; tell whether it is there, or why not."""
        if self._storage is None or entry.emulate is not None:
            return False, ""
        if packed is None:
            return False, "its value does not pickle"
        try:
            self._storage.write(*(entry.counts_as or (entry.task, entry.id)), packed)
        except Exception as error:
            return False, f"{type(error).__name__}: {error}"
        return True, ""

    def put(self, entry: Entry, value: Any, packed: Packed | None, tell: Callable[[], None]) -> None:
        """Keep the value of a task for those here that take it, and hand it to the others.

        Parameters
        ----------
        entry : Entry
        value : object
        packed : Packed or None
        tell : callable
            Reports the end of the task; called before anything can be said of what the slot holds.
        """
        with self._changed:
            self._running = None
            entry = self._changes.pop(entry.task, entry)
            if entry.result and packed is not None and packed.size > INLINE_BYTES:
                self._outbox.keep(entry.value, packed, (DRIVER,))
            if self._inbox is None:
                self._hold(entry, value, packed)
            else:
                self._put(entry, value, packed)
            tell()

    def failed(self, entry: Entry, tell: Callable[[], None]) -> None:
        """Note that a task has failed; `tell` as for `put`."""
        with self._changed:
            self._running = None
            self._changes.pop(entry.task, None)
            if self._inbox is not None:
                self._inbox.failed()
            tell()

    # for the listener ---------------------------------------------------------------------------------------------

    def begin(self, queue: SlotQueue) -> None:
        """Begin an epoch."""
        with self._changed:
            held, outbox = self._held, Outbox(self._retained, self._room_bytes)
            for task, (packed, takers) in self._outbox.kept().items():
                if DRIVER in takers:
                    outbox.keep(task, packed, (DRIVER,))
            for hand in queue.hands:
                if (parcel := self._parcel(hand.task, hand.taker)) is not None:
                    self._hand_over(outbox, hand, parcel)
            for task in sorted(queue.keeps.intersection([*held.values, *held.packed])):
                if (parcel := self._parcel(task, None)) is not None:
                    held.packed[task] = parcel
                    held.values.pop(task, None)
                    outbox.keep(task, parcel, (KEEPER,))
            for task in queue.here - queue.shared:
                self._retained.drop(task)  # its one taker may change it
            ran = {entry.task: entry for entry in queue.entries if entry.task in {self._running, *self._ended}}
            self._changes = {task: entry for task, entry in ran.items() if task == self._running}
            self._ended.clear()
            waiting = replace(
                queue,
                entries=tuple(each for each in queue.entries if each.task not in ran and each.task != queue.begun),
            )
            self._queue, self._outbox, self._held = queue, outbox, Held()
            self._inbox = Inbox(
                waiting,
                self._line,
                lambda peer, reason: self._unreachable(peer, reason, queue.epoch),
                outbox.hand,
                self._stuck,
                held,
                self._running,
                lambda task, packed: outbox.keep(task, packed, (KEEPER,)),
            )
            if queue.stored:
                arguments = self._inbox, dict(queue.stored)
                threading.Thread(target=self._load, args=arguments, name="storage", daemon=True).start()
            self._server.renew(queue.epoch, outbox)
            for task, entry in ran.items():
                if task != self._running:  # it ended while the slot stood still
                    self._put(entry, held.values.get(entry.value), held.packed.get(entry.value))
            self._changed.notify_all()

    def halt(self) -> tuple[frozenset[int], int | None]:
        """Begin nothing more; give the tasks whose values are held, and the one that runs."""
        with self._changed:
            if self._inbox is not None:
                self._held, self._running = self._inbox.close()
                self._inbox = None
            for task, (packed, _) in self._outbox.kept().items():
                self._held.packed.setdefault(task, packed)
            for task, packed in self._retained.values().items():
                self._held.packed.setdefault(task, packed)
            return frozenset({*self._held.values, *self._held.packed}), self._running

    def connect(self, addresses: Mapping[int, str]) -> None:
        """Learn where the others are, and start listening to those that make inputs of this slot."""
        with self._changed:
            inbox, peers = self._inbox, self._queue.peers
        if inbox is not None:
            inbox.connect(addresses, peers)

    def skip(self, tasks: Sequence[int]) -> None:
        """Never run these tasks."""
        with self._changed:
            if self._inbox is not None:
                self._inbox.skip(tasks)

    def withdraw(self, tasks: Sequence[int]) -> list[tuple[Entry, bool, bool]]:
        """Take tasks out that have not begun, as `Inbox.withdraw`."""
        with self._changed:
            return self._inbox.withdraw(tasks) if self._inbox is not None else []

    def obey(self, instruction: Given | Watch | Reorder) -> None:
        """Carry out what follows from a move."""
        with self._changed:
            match instruction:
                case _ if self._inbox is None:
                    return
                case Given(entries=entries, source=source, shared=shared):
                    self._inbox.give(entries, source, shared)
                case Watch(peer=peer):
                    self._inbox.watch(peer)
                case Reorder(order=order):
                    self._inbox.reorder(order)

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            if self._inbox is not None:
                self._inbox.close()
            self._changed.notify_all()

    def shutdown(self) -> None:
        """Serve nothing more."""
        self.close()
        self._server.close()
        self._server.shutdown()

    # helpers ------------------------------------------------------------------------------------------------------

    def _want(self, wants: Sequence[Want], slot: int, epoch: int) -> None:
        with self._changed:
            if self._inbox is not None and self._queue.epoch == epoch:
                self._inbox.wanted(wants, slot)

    def _guard(self, turn: Turn) -> None:
        """Retain what a task takes, as it is before the task may change it."""
        for task in turn.entry.takes:
            with suppress(Exception):  # it does not pickle, so its task can run nowhere else
                packed = turn.packed[task][0] if task in turn.packed else pack(turn.values[task])
                if packed.size <= GUARDED_BYTES:
                    own = packed if packed.arrow is not None else Packed.from_inline(*packed.inline())
                    self._retained.keep(task, own)

    def _put(self, entry: Entry, value: Any, packed: Packed | None) -> None:
        assert self._inbox is not None  # noqa: S101
        if packed is None and (entry.readers or self._inbox.shared(entry.value)):
            with suppress(Exception):  # others came to take it while it was made
                packed = pack(value)
            if packed is None:
                self._inbox.stays(entry.value)
                self._stuck(entry.value, None)
        self._inbox.put(entry.value, value, packed)
        self._outbox.publish(entry if packed is not None else replace(entry, readers=()), packed)

    def _load(self, inbox: Inbox, stored: dict[int, str]) -> None:
        """Read values from storage, those first that are needed first."""
        assert self._storage is not None  # noqa: S101
        while stored and inbox is self._inbox:
            task = inbox.soonest(stored)
            try:
                packed = self._storage.read(task, stored.pop(task))
            except Exception as error:
                self._unreadable(task, f"{type(error).__name__}: {error}")
                return  # all are regrouped without it
            inbox.read(task, packed)

    def _hold(self, entry: Entry, value: Any, packed: Packed | None) -> None:
        self._ended.add(entry.task)
        if packed is not None:
            self._held.packed[entry.value] = packed
        elif entry.value not in self._held.packed:
            self._held.values[entry.value] = value

    def _hand_over(self, outbox: Outbox, hand: Hand, packed: Packed) -> None:
        if hand.slot == DRIVER:
            outbox.keep(hand.task, packed, (DRIVER,))
            self._offer(hand.task, packed)
        else:
            outbox.hand(hand.task, hand.slot, packed)

    def _parcel(self, task: int, taker: int | None) -> Packed | None:
        """Pack a value that is to be handed on; None, if it stays, and its taker has to come."""
        if task in self._held.packed:
            return self._held.packed[task]
        try:
            return pack(self._held.values[task])
        except Exception:
            self._held.stays.add(task)
            if taker is not None:
                self._stuck(task, taker)
            return None
