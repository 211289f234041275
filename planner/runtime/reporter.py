"""A slot's reports: finished tasks with their measurements, in small batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from planner.runtime.messages import Failed, Holds, Offered, Released, Stuck, Unreachable, Unreadable
from planner.runtime.slot_queue import Record

__all__ = ["Reporter", "Trouble"]

Trouble: TypeAlias = Failed | Unreachable | Unreadable | Released | Holds | Stuck | Offered
"""What is reported at once."""

_BATCH_S = 0.05
_HEARTBEAT_S = 1.0


class Reporter:
    """Sends what has gathered every 50 ms, at once when it is urgent, and a sign of life every second.

    Parameters
    ----------
    send : callable
        ``send(records, results, troubles)``; blocks until the coordinator has it.
    lost : callable
        ``lost(error)`` is called once when that fails; nothing is sent after it.
    """

    def __init__(
        self,
        send: Callable[[list[Record], dict[int, Any], list[Trouble]], None],
        lost: Callable[[Exception], None],
    ) -> None:
        self._send = send
        self._lost = lost
        self._changed = threading.Condition()
        self._records: list[Record] = []
        self._results: dict[int, Any] = {}
        self._troubles: list[Trouble] = []
        self._said: threading.Event | None = None
        self._began = False
        self._urgent = False
        self._closed = False

    def start(self) -> None:
        """Start sending."""
        threading.Thread(target=self._run, name="reporter", daemon=True).start()

    def add(self, record: Record, result: Any = None) -> None:
        """Report a finished task, and its value when the driver wants it and it is small."""
        with self._changed:
            self._records.append(record)
            if result is not None:
                self._results[record.task] = result
            if len(self._records) == 1:
                self._changed.notify()

    def began(self) -> None:
        """Report that a task has begun, unless it ends so soon that its record says so."""
        with self._changed:
            self._began = True
            self._changed.notify()

    def trouble(self, trouble: Trouble, result: Any = None) -> None:
        """Report at once that a task raised, that a peer cannot be reached, or which tasks were given back.

        `result` says how to fetch a result that is offered.
        """
        with self._changed:
            if isinstance(trouble, Offered):
                self._results[trouble.task] = result
            self._troubles.append(trouble)
            self._urgent = True
            self._changed.notify()

    def last_word(self, trouble: Trouble, patience_s: float) -> None:
        """Report a trouble, and wait until the coordinator has it, or for so many seconds: the process is to end."""
        said = threading.Event()
        with self._changed:
            self._said = said
            self.trouble(trouble)
        said.wait(patience_s)

    def urgent(self) -> None:
        """Send what there is, and from now on everything at once: the queue is empty."""
        with self._changed:
            self._urgent = True
            self._changed.notify()

    def close(self) -> None:
        """Stop; what was not sent is no longer wanted."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not (self._records or self._troubles or self._began or self._closed):
                    self._changed.wait(_HEARTBEAT_S)
                if not self._urgent and not self._closed:
                    self._changed.wait(_BATCH_S)
                if self._closed:
                    return
                records, self._records = self._records, []
                results, self._results = self._results, {}
                troubles, self._troubles = self._troubles, []
                said = self._said if troubles else None
                self._began = self._urgent = False
            try:
                self._send(records, results, troubles)
            except Exception as error:
                self._lost(error)
                return
            finally:
                if said is not None:
                    said.set()
