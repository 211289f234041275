"""A slot's inputs: values of its own tasks in memory, values of other slots pulled from where they were made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow.flight as flight

from planner.runtime.messages import SlotQueue
from planner.runtime.outbox import Announcement
from planner.runtime.values import Packed, read_stream
from planner.runtime.wire import decode, token_options

__all__ = ["Inbox"]

_PULLERS = 2
_AHEAD_BYTES = 256 * 1024 * 1024
"""Large values are pulled before their turn only up to this much; the task whose turn it is may always pull."""


class Inbox:
    """Values that the tasks of one slot take.

    A thread per peer listens to what becomes ready there; two more pull large values, in the order of the queue.
    A value leaves the inbox when its last task here has it.

    Parameters
    ----------
    queue : SlotQueue
    token : str
    unreachable : callable
        ``unreachable(peer, reason)`` is called when a peer breaks off; the coordinator decides what follows.
    """

    def __init__(self, queue: SlotQueue, token: str, unreachable: Callable[[int, str], None]) -> None:
        self._slot = queue.slot
        self._token = token
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # the main thread waits here for what is missing
        self._room = threading.Condition(self._lock)  # pullers wait here for something they may pull
        self._missing: set[int] = set()
        self._uses = {entry.task: entry.uses for entry in queue.entries} | queue.remote_uses
        self._turn = {task: turn for turn, e in reversed(list(enumerate(queue.entries))) for task in e.inputs}
        self._shared = queue.shared
        self._values: dict[int, Any] = {}  # of this slot, for one task alone
        self._packed: dict[int, Packed] = {}
        self._to_pull: dict[int, tuple[int, Announcement]] = {}  # task -> peer, announcement
        self._ended: set[int] = set()
        self._skipped: set[int] = set()
        self._received: dict[int, int] = {}  # task -> bytes that came for it and have not been counted
        self._ahead_bytes = 0
        self._current_turn = 0
        self._unreachable = unreachable
        self._closed = False
        self._clients: dict[int, flight.FlightClient] = {}
        self._addresses: Mapping[int, str] = {}
        self._pullers = 0

    # for the slot's main thread -----------------------------------------------------------------------------------

    def wait(self, task: int, inputs: Iterable[int], turn: int) -> bool:
        """Wait until all `inputs` are there; False when `task` must not run after all, or the run ends."""
        with self._lock:
            self._current_turn = turn
            self._missing = {source for source in inputs if source not in self._ended}
            if self._to_pull and self._missing:
                self._room.notify_all()  # what this task misses may be pulled above the limit
            while not (task in self._skipped or self._closed):
                if not self._missing:
                    return True
                self._arrived.wait()
            return False

    def value(self, task: int) -> tuple[Any, int]:
        """Give an input and the bytes that came over the network for it; forget it after its last use."""
        with self._lock:
            packed = self._packed.get(task)
            received = self._received.pop(task, 0)
            self._ahead_bytes -= received
            if received and self._to_pull:
                self._room.notify_all()
            value = self._values.get(task)
            self._uses[task] -= 1
            if self._uses[task] <= 0:
                self._packed.pop(task, None)
                self._values.pop(task, None)
        return (value if packed is None else packed.open(own=task not in self._shared)), received

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
            self._ended.add(task)
            if not self._uses.get(task):
                return
            if task in self._shared and packed is not None:
                self._packed[task] = packed
            else:
                self._values[task] = value

    # for the listener ---------------------------------------------------------------------------------------------

    def connect(self, addresses: Mapping[int, str], peers: Iterable[int]) -> None:
        """Start listening to the slots that make inputs of this one."""
        self._addresses = addresses
        for peer in peers:
            threading.Thread(target=self._watch, args=(peer,), name=f"inbox-{peer}", daemon=True).start()

    def skip(self, tasks: Iterable[int]) -> None:
        """Never run these tasks."""
        with self._lock:
            self._skipped.update(tasks)
            self._arrived.notify()

    def close(self) -> None:
        """Wake everyone who waits, in vain."""
        with self._lock:
            self._closed = True
            self._arrived.notify()
            self._room.notify_all()

    # threads ------------------------------------------------------------------------------------------------------

    def _client(self, peer: int) -> flight.FlightClient:
        with self._lock:
            if peer not in self._clients:
                self._clients[peer] = flight.FlightClient(self._addresses[peer])
            return self._clients[peer]

    def _watch(self, peer: int) -> None:
        action = flight.Action("watch", str(self._slot).encode())
        try:
            for result in self._client(peer).do_action(action, options=token_options(self._token)):
                self._receive(peer, decode(result.body))
        except Exception as error:
            self._break(peer, error)

    def _receive(self, peer: int, batch: list[Announcement]) -> None:
        with self._lock:
            for note in batch:
                task, form, head, buffers, size = note
                if form.endswith("+fetch"):
                    self._to_pull[task] = (peer, note)
                    continue
                if form != "end":
                    self._packed[task] = Packed.from_inline(form, head, buffers)  # type: ignore[arg-type]
                    self._received[task] = size
                    self._ahead_bytes += size
                self._end(task)
            while self._pullers < min(_PULLERS, len(self._to_pull)):
                self._pullers += 1
                threading.Thread(target=self._pull, name=f"puller-{self._pullers}", daemon=True).start()
            if self._to_pull:
                self._room.notify_all()

    def _end(self, task: int) -> None:
        self._ended.add(task)
        if task in self._missing:
            self._missing.discard(task)
            if not self._missing:
                self._arrived.notify()

    def _pull(self) -> None:
        while True:
            with self._lock:
                while (task := self._next_pull()) is None and not self._closed:
                    self._room.wait()
                if task is None:
                    return
                peer, (_, form, head, lengths, size) = self._to_pull.pop(task)
                self._ahead_bytes += size
            try:
                client, options = self._client(peer), token_options(self._token)
                reader = client.do_get(flight.Ticket(str(task).encode()), options)
                packed = read_stream(form.removesuffix("+fetch"), head, lengths, reader)  # type: ignore[arg-type]
                list(client.do_action(flight.Action("taken", f"{task} {self._slot}".encode()), options))
            except Exception as error:
                self._break(peer, error)
                return
            with self._lock:
                self._packed[task] = packed
                self._received[task] = size
                self._end(task)

    def _next_pull(self) -> int | None:
        if not self._to_pull:
            return None
        task = min(self._to_pull, key=lambda t: self._turn.get(t, 0))
        due = self._turn.get(task, 0) <= self._current_turn
        size = self._to_pull[task][1][4]
        return task if due or self._ahead_bytes + size <= _AHEAD_BYTES else None

    def _break(self, peer: int, error: Exception) -> None:
        with self._lock:
            closed = self._closed
        if not closed:
            line = (str(error).splitlines() or [type(error).__name__])[0]
            self._unreachable(peer, f"slot {self._slot} cannot reach it at {self._addresses[peer]}: {line}")
