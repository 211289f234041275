"""A slot's inputs in one epoch: values of its own tasks in memory, values of other slots pulled from where they are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow.flight as flight

from planner.runtime.fetch import fetch
from planner.runtime.inputs import Held, Keeping, Turn
from planner.runtime.outbox import Announcement, Want
from planner.runtime.slot_queue import Entry, SlotQueue
from planner.runtime.values import Form, Packed, pack
from planner.runtime.waiting import WaitingTasks
from planner.runtime.wire import Line

__all__ = ["Inbox"]

_PULLERS = 2
_AHEAD_BYTES = 256 * 1024 * 1024
"""Large values are pulled before their turn only up to this much; the task whose turn it is may always pull."""


class Inbox:
    """Tasks that wait on one slot, and the values that they take.

    A thread per peer listens to what becomes ready there; two more pull large values, in the order of the tasks.
    A value leaves the inbox when its last task here has it, or when the task has gone to another slot, and it with it.

    Parameters
    ----------
    queue : SlotQueue
    line : Line
    unreachable : callable
        ``unreachable(peer, reason)`` is called when a peer breaks off; the coordinator decides what follows.
    hand_on : callable
        ``hand_on(task, slot, packed)`` hands a value, or with None the end of a task, to another slot.
    stuck : callable
        ``stuck(task, taker)`` is called where that value does not pickle, so that its taker has to come back.
    held : Held, optional
        What the slot has held when the epoch began.
    running : int, optional
        A task that it was running then, and still is.
    keep : callable, optional
        ``keep(task, packed)`` keeps a value for others that may need it once it is lost elsewhere.
    """

    def __init__(
        self,
        queue: SlotQueue,
        line: Line,
        unreachable: Callable[[int, str], None],
        hand_on: Callable[[int, int, Packed | None], None],
        stuck: Callable[[int, int], None],
        held: Held | None = None,
        running: int | None = None,
        keep: Callable[[int, Packed], None] = lambda *_: None,
    ) -> None:
        held = Held() if held is None else held
        self._slot, self._epoch = queue.slot, queue.epoch
        self._line = line
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # the main thread waits here for something that it may run
        self._room = threading.Condition(self._lock)  # pullers wait here for something they may pull
        self._waiting = WaitingTasks(queue.entries, strict=queue.strict)
        self._uses = dict(queue.uses)
        self._shared = set(queue.shared)
        kept = queue.here | held.stays  # values that stay may be wanted again
        self._values = {task: value for task, value in held.values.items() if task in kept}  # for one task alone
        self._packed = {task: packed for task, packed in held.packed.items() if task in queue.here}
        self._to_pull: dict[int, tuple[int, Announcement]] = {}  # task -> peer, announcement
        self._pulling: set[int] = set()
        self._wanted: dict[int, list[tuple[Want, int]]] = {}  # by slots to which tasks went, and not here yet
        self._owed: set[int] = set()  # ends for which tasks wait that went away, and may still ask for them
        self._received: dict[int, int] = {}  # task -> bytes that came for it and have not been counted
        self._ahead_bytes = 0
        self._unreachable, self._hand_on, self._stuck = unreachable, hand_on, stuck
        self._stays = set(held.stays)  # values that do not pickle
        self._keeping = Keeping(queue.keeps, held, keep)
        self._closed = False
        self._current = running
        self._clients: dict[int, flight.FlightClient] = {}
        self._addresses: Mapping[int, str] = {}
        self._watched, self._pullers = set[int](), 0
        for task in queue.here:
            self._waiting.end(task, value=True)

    # for the slot's main thread -----------------------------------------------------------------------------------

    def next(self, idle: Callable[[], None]) -> Turn | None:
        """Wait for a task whose inputs are all there, and take them; None when the epoch or the run ends.

        Parameters
        ----------
        idle : callable
            Called before it waits with nothing left to run: more may come from other slots.
        """
        with self._lock:
            said = False
            while not self._closed:
                if (entry := self._waiting.pop()) is not None:
                    self._current = entry.task
                    return self._taken_by(entry)
                if self._to_pull:
                    self._room.notify_all()  # what the first task misses may be pulled above the limit
                if not self._waiting and not said:
                    said = True
                    idle()
                self._arrived.wait()
            return None

    def shared(self, task: int) -> bool:
        """Tell whether more than one task takes the value of a task."""
        return task in self._shared

    def stays(self, task: int) -> None:
        """Note that the value of a task, about to be put here, cannot leave this slot."""
        with self._lock:
            self._stays.add(task)

    def put(self, task: int, value: Any, packed: Packed | None) -> None:
        """Keep the value of a task of this slot for the tasks here that take it.

        Parameters
        ----------
        task : int
        value : object
        packed : Packed or None
            The same value packed, when more than one task takes it or another slot does.
        """
        with self._lock:
            self._current = None
            self._to_pull.pop(task, None)
            taken = (self._misses(task) and bool(self._uses.get(task))) or task in self._stays
            if taken and task in self._shared and packed is not None:
                self._packed[task] = packed
            elif taken:
                self._values[task] = value
            self._take(task, packed, used=taken)

    def failed(self) -> None:
        """Note that the task whose turn it was has failed."""
        with self._lock:
            self._current = None

    # for the listener ---------------------------------------------------------------------------------------------

    def connect(self, addresses: Mapping[int, str], peers: Iterable[int]) -> None:
        """Start listening to the slots that make inputs of this one."""
        self._addresses = addresses
        for peer in peers:
            self.watch(peer)

    def watch(self, peer: int) -> None:
        """Listen to a slot, if that has not begun."""
        with self._lock:
            if peer in self._watched or peer == self._slot:
                return
            self._watched.add(peer)
        threading.Thread(target=self._watch, args=(peer,), name=f"inbox-{peer}", daemon=True).start()

    def skip(self, tasks: Iterable[int]) -> None:
        """Never run these tasks."""
        with self._lock:
            for task in tasks:
                if (entry := self._waiting.remove(task)) is not None:
                    for value in entry.takes:
                        self._used(value)
            self._arrived.notify()

    def reorder(self, order: Mapping[int, int]) -> None:
        """Run what waits in another order."""
        with self._lock:
            self._waiting.reorder(order)
            self._arrived.notify()

    def withdraw(self, tasks: Iterable[int]) -> list[tuple[Entry, bool, bool]]:
        """Take tasks out that have not begun; their inputs stay for the slot to which they go.

        Returns
        -------
        list of (Entry, bool, bool)
            With whether the task's value, or its end, has to come back to this slot.
        """
        with self._lock:
            found = []
            for task in tasks:
                if self._waiting.takes_any(task, self._stays):
                    continue
                if (entry := self._waiting.remove(task)) is not None:
                    value = bool(self._uses.get(task))
                    end = task in self._wanted or task in self._owed or self._waiting.waits_for(task)
                    self._owed.update(set(entry.inputs) - entry.takes)
                    found.append((entry, value, end and not value))
            return found

    def give(self, entries: Iterable[Entry], source: int, shared: Iterable[int]) -> None:
        """Take tasks of another slot over; what they need, and is not here, is asked for there."""
        wants: list[Want] = []
        with self._lock:
            self._shared.update(shared)
            for entry in entries:
                for task in entry.inputs:
                    taken, here = task in entry.takes, self._waiting.has(task) or task == self._current
                    if not taken:
                        if not here and not self._waiting.there(task, value=False):
                            wants.append(Want(task, entry.task, "end"))
                        continue
                    comes = here or task in self._stays or self._uses.get(task, 0) > 0
                    self._uses[task] = self._uses.get(task, 0) + 1
                    wants.append(Want(task, entry.task, "drop" if comes else "value"))
                    if not comes:
                        self._waiting.awaited_again(task)
                self._waiting.add(entry)
            self._arrived.notify()
        self.watch(source)
        if wants:
            threading.Thread(target=self._ask, args=(source, wants), name="inbox-wants", daemon=True).start()

    def wanted(self, wants: Iterable[Want], slot: int) -> None:
        """Hand what a task that went away needs to the slot to which it went, now or when it is here."""
        with self._lock:
            for want in wants:
                if want.what == "drop":
                    self._used(want.task)
                elif self._waiting.there(want.task, value=want.what == "value"):
                    self._hand(want, slot)
                else:
                    self._wanted.setdefault(want.task, []).append((want, slot))

    def soonest(self, tasks: Iterable[int]) -> int:
        """Give the one of these tasks whose value is needed first."""
        with self._lock:
            return min(tasks, key=self._waiting.turn)

    def read(self, task: int, packed: Packed) -> None:
        """Take in a value that was read from storage."""
        with self._lock:
            if taken := bool(self._uses.get(task)):
                self._packed[task] = packed
            self._end(task, value=taken)

    def close(self) -> tuple[Held, int | None]:
        """Wake everyone who waits, in vain; give what is held, and the task that runs."""
        with self._lock:
            self._closed = True
            self._arrived.notify()
            self._room.notify_all()
            return Held(dict(self._values), dict(self._packed), set(self._stays)), self._current

    # threads ------------------------------------------------------------------------------------------------------

    def _taken_by(self, entry: Entry) -> Turn:
        """Take the inputs of a task; each is forgotten after its last use."""
        values: dict[int, Any] = {}
        packed: dict[int, tuple[Packed, bool]] = {}
        received = 0
        for task in entry.takes:
            if task in self._packed:
                packed[task] = self._packed[task], task not in self._shared
            else:
                values[task] = self._values[task]
            size = self._received.pop(task, 0)
            self._ahead_bytes -= size
            received += size
            self._used(task)
        if received and self._to_pull:
            self._room.notify_all()
        return Turn(entry, values, packed, received)

    def _used(self, task: int) -> None:
        self._uses[task] = self._uses.get(task, 0) - 1
        if self._uses[task] <= 0 and task not in self._stays:
            self._ahead_bytes -= self._received.pop(task, 0)
            self._packed.pop(task, None)
            self._values.pop(task, None)

    def _hand(self, want: Want, slot: int) -> None:
        if want.what == "end":
            self._hand_on(want.task, slot, None)
            return
        packed = self._packed.get(want.task)
        try:
            packed = pack(self._values[want.task]) if packed is None else packed
        except Exception:  # it stays, and its taker comes back
            self._stays.add(want.task)
            self._stuck(want.task, want.taker)
            return
        self._hand_on(want.task, slot, packed)
        self._used(want.task)

    def _client(self, peer: int) -> flight.FlightClient:
        with self._lock:
            if peer not in self._clients:
                self._clients[peer] = self._line.client(self._addresses[peer])
            return self._clients[peer]

    def _ask(self, peer: int, wants: list[Want]) -> None:
        action = flight.Action("want", self._line.encode((self._slot, self._epoch, wants)))
        try:
            list(self._client(peer).do_action(action, options=self._line.options()))
        except Exception as error:
            self._break(peer, error)

    def _watch(self, peer: int) -> None:
        action = flight.Action("watch", f"{self._slot} {self._epoch}".encode())
        try:
            for result in self._client(peer).do_action(action, options=self._line.options()):
                self._receive(peer, self._line.decode(result.body))
        except Exception as error:
            self._break(peer, error)

    def _receive(self, peer: int, batch: list[Announcement]) -> None:
        with self._lock:
            for note in () if self._closed else batch:
                task, form, head, buffers, size = note
                if form != "end" and not self._misses(task):
                    continue  # a copy of its task was first
                used = form != "end" and bool(self._uses.get(task))  # else the task that was to take it has gone
                if form.endswith("+fetch"):
                    self._to_pull[task] = (peer, note)
                    if not used:
                        self._end(task, value=False)
                    continue
                packed = None if form == "end" else Packed.from_inline(form, head, buffers)  # type: ignore[arg-type]
                if used and packed is not None:
                    self._packed[task] = packed
                    self._ahead_bytes += size - self._received.get(task, 0)
                    self._received[task] = size
                self._take(task, packed, used=used)
            while self._pullers < min(_PULLERS, len(self._to_pull)):
                self._pullers += 1
                threading.Thread(target=self._pull, name=f"puller-{self._pullers}", daemon=True).start()
            if self._to_pull:
                self._room.notify_all()

    def _misses(self, task: int) -> bool:
        """Tell whether a value that comes is neither here nor on its way, as if its task had a copy that was first."""
        if task in self._to_pull or task in self._pulling:
            return False
        there = self._waiting.there(task, value=True) or (self._keeping.has(task) and not self._uses.get(task))
        return self._keeping.lacks(task) or not there

    def _take(self, task: int, packed: Packed | None, *, used: bool) -> None:
        """Note that a task has ended, and whether its value is here for others that take it."""
        if packed is not None:
            self._keeping.came(task, packed)
        self._end(task, value=used)

    def _end(self, task: int, *, value: bool) -> None:
        if self._waiting.end(task, value=value):
            self._arrived.notify()
        for want, slot in self._wanted.pop(task, ()):
            if value or want.what == "end":
                self._hand(want, slot)
            else:
                self._wanted.setdefault(task, []).append((want, slot))

    def _pull(self) -> None:
        while True:
            with self._lock:
                while (task := self._next_pull()) is None and not self._closed:
                    self._room.wait()
                if task is None:
                    return
                peer, (_, form, head, lengths, size) = self._to_pull.pop(task)
                self._ahead_bytes += size
                self._pulling.add(task)
            try:
                bare: Form = form.removesuffix("+fetch")  # type: ignore[assignment]
                packed = fetch(self._line, self._client(peer), task, self._slot, bare, head, lengths)
            except Exception as error:
                self._break(peer, error)
                return
            with self._lock:
                self._pulling.discard(task)
                used = self._misses(task) and bool(self._uses.get(task))
                if used:
                    self._packed[task] = packed
                    self._received[task] = size
                else:
                    self._ahead_bytes -= size
                self._take(task, packed, used=used)

    def _next_pull(self) -> int | None:
        if not self._to_pull:
            return None
        task = min(self._to_pull, key=self._waiting.turn)
        due = task in self._wanted or self._keeping.lacks(task) or self._waiting.turn(task) <= self._waiting.first()
        size = self._to_pull[task][1][4]
        return task if due or self._ahead_bytes + size <= _AHEAD_BYTES else None

    def _break(self, peer: int, error: Exception) -> None:
        with self._lock:
            closed = self._closed
        if not closed:
            line = (str(error).splitlines() or [type(error).__name__])[0]
            self._unreachable(peer, f"slot {self._slot} cannot reach it at {self._addresses[peer]}: {line}")
