"""Slow processes down for real: they are stopped and continued, and run for a twentieth of the time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["children", "slowed"]

RUN_S, STOP_S = 0.004, 0.076


def children(pid: int) -> list[int]:
    """Give the processes that a process has started."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextmanager
def slowed(pids: Callable[[], Iterable[int]]) -> Iterator[None]:
    """Slow those processes down that there are at any time, until the block ends."""
    over = threading.Event()

    def throttle() -> None:
        while not over.is_set():
            stopped = list(pids())
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            time.sleep(STOP_S)
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            over.wait(RUN_S)

    thread = threading.Thread(target=throttle, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
