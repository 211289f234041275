"""Interrupting a task that runs longer than its time-out, and nothing else than that task.

A thread watches the clock; when a task is late, it sends a signal, and the handler raises in the main thread. What may
be hit is told by the stack: the handler raises only where the code that it broke into was called, at whatever depth,
from within the call that is watched. A signal that comes when that has ended, or has not begun, does nothing.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Watchdog"]

GRACE_S = 5.0
"""Seconds after its time-out that a task has to unwind; it may be in the middle of writing a file."""

_INTERRUPTS = 2
"""So often a task is interrupted within that time: code may have swallowed the first one."""

_NAP_S = 3600.0


class _TimeUp(BaseException):
    """Raised in the middle of a task that is late; no `Exception`, which many a loop of user code goes on after."""


class Watchdog:
    """Watches one call at a time, in the main thread of a process: Python delivers signals nowhere else.

    Parameters
    ----------
    held_out : callable
        Called in the watchdog's thread when a call has not ended `GRACE_S` seconds after its time-out, and has to end
        the process: from then on the call cannot end.
    """

    def __init__(self, held_out: Callable[[], None]) -> None:
        self._held_out = held_out
        self._changed = threading.Condition()
        self._deadline = math.inf
        self._interrupts = 0  # sent to the call
        self._wakes = -math.inf  # when the thread looks again; it need not be told of deadlines that are later
        self._thread: threading.Thread | None = None
        self._closed = False
        self._frame: FrameType | None = None  # of the call that is watched
        self._raised = False

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Take the signal over while a slot runs. Without it, and elsewhere than in the main thread, none is sent."""
        before = signal.signal(signal.SIGUSR2, self._interrupt)
        try:
            yield
        finally:
            self.close()
            # The signal may be on its way still; by default it would kill the process.
            signal.signal(signal.SIGUSR2, before if callable(before) else signal.SIG_IGN)

    def call(self, timeout_s: float, run: Callable[[], Any]) -> Any:
        """Call, and interrupt it when it takes longer.

        Raises
        ------
        TimeoutError
            If it was interrupted, whatever it has made of that.
        """
        self._raised = False
        self._arm(time.monotonic() + timeout_s)
        try:
            return self._watched(run)
        except BaseException as error:
            if not self._raised or self._closed:  # when all is closed, the run ends: what ends it goes through
                raise
            swallowed = None if isinstance(error, _TimeUp) else error
            late = TimeoutError(f"ran longer than its time-out of {timeout_s:g} s")
            raise late.with_traceback(error.__traceback__) from swallowed
        finally:
            self._arm(math.inf)

    def close(self) -> None:
        """Interrupt nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watched(self, run: Callable[[], Any]) -> Any:
        self._frame = sys._getframe()
        try:
            value = run()  # the one call from here: what it calls may be interrupted
        finally:
            self._frame = None
        if self._raised:
            raise _TimeUp
        return value

    def _arm(self, deadline: float) -> None:
        with self._changed:  # the thread that has given a task up does not let go of it any more
            self._deadline, self._interrupts = deadline, 0
            if deadline == math.inf:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
            elif deadline < self._wakes:
                self._changed.notify()

    def _interrupt(self, _: int, frame: FrameType | None) -> None:
        watched = self._frame
        if watched is None or frame is watched or self._closed or time.monotonic() < self._deadline:
            return
        while frame is not None:
            if frame is watched:
                self._raised = True
                raise _TimeUp
            frame = frame.f_back

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._deadline > now:
                    self._sleep_until(self._deadline)
                elif self._interrupts < _INTERRUPTS:
                    self._interrupts += 1
                    os.kill(os.getpid(), signal.SIGUSR2)
                    self._sleep_until(now + GRACE_S / _INTERRUPTS)
                else:
                    self._held_out()
                    return

    def _sleep_until(self, then: float) -> None:
        self._wakes = then
        self._changed.wait(min(then - time.monotonic(), _NAP_S) if then < math.inf else None)
