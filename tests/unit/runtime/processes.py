"""Launch slots as plain processes: the whole runtime without Spark."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from dataclasses import replace
from typing import Any

from planner.runtime.slot import SlotConfig, SlotSummary, run_slot

CONTEXT = multiprocessing.get_context("forkserver")


def run_slot_by_its_own_clock(config: SlotConfig, ahead_s: float) -> SlotSummary:
    """Run a slot in a process whose monotonic clock is ahead of this machine's, as that of another machine is."""
    true_ns, true_s = time.monotonic_ns, time.monotonic
    time.monotonic_ns = lambda: true_ns() + round(ahead_s * 1e9)
    time.monotonic = lambda: true_s() + ahead_s
    return run_slot(config)


class ProcessSlots:
    """Slots as processes of this machine; each attempt has the process id's luck as its incarnation."""

    def __init__(self, configs: Sequence[SlotConfig]) -> None:
        self.pool = ProcessPoolExecutor(len(configs), mp_context=CONTEXT)
        numbered = [replace(config, incarnation=100 + config.slot) for config in configs]
        self.futures: list[Future[SlotSummary]] = [self.pool.submit(run_slot, config) for config in numbered]

    def error(self) -> str | None:
        for future in self.futures:
            if future.done() and future.exception() is not None:
                return str(future.exception())
        return None

    def cancel(self) -> None:
        for process in list((self.pool._processes or {}).values()):
            process.kill()

    def join(self, timeout: float) -> list[SlotSummary]:
        wait(self.futures, timeout)
        ended: list[Any] = [f.result() for f in self.futures if f.done() and f.exception() is None]
        self.pool.shutdown(wait=False, cancel_futures=True)
        return ended
