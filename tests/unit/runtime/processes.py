"""Launch slots as plain processes: the whole runtime without Spark."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from typing import Any

from planner.model.plan import Plan
from planner.rebalancing import Rebalancer
from planner.runtime.drive import Outcome, drive
from planner.runtime.queues import arrange, work_of
from planner.runtime.slot import SlotConfig, run_slot
from planner.runtime.slot_queue import SlotQueue

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["__main__", "planner.runtime.slot", "planner.streaming.slot"])  # once, not by each slot


class ProcessSlots:
    """Slots as processes of this machine. One that dies, or raises, is started again as often as `retries` says."""

    run = staticmethod(run_slot)
    retries = 0
    pause_s = 0.3

    def __init__(self, configs: Sequence[SlotConfig]) -> None:
        self.lock = threading.Lock()
        self.over = False
        self.attempts = [0] * len(configs)
        self.configs = list(configs)
        self.processes: list[BaseProcess] = [self.start(slot) for slot in range(len(configs))]
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def start(self, slot: int) -> BaseProcess:
        attempt = self.attempts[slot]
        config = replace(self.configs[slot], attempt=attempt, incarnation=100 * (attempt + 1) + slot)
        process = CONTEXT.Process(target=self.run, args=(config,), daemon=True)
        process.start()
        return process

    def watch(self) -> None:
        while not self.over:
            time.sleep(0.05)
            for slot, process in enumerate(self.processes):
                if process.exitcode not in (None, 0) and self.attempts[slot] < self.retries:
                    time.sleep(self.pause_s)
                    with self.lock:
                        if not self.over:
                            self.attempts[slot] += 1
                            self.processes[slot] = self.start(slot)

    def kill(self, slot: int, what: int) -> None:
        """Send a signal to the process of a slot, if it has not ended."""
        pid = self.processes[slot].pid
        if self.processes[slot].exitcode is None and pid is not None:
            os.kill(pid, what)

    def error(self) -> str | None:
        return None

    def leaving(self) -> set[int]:
        return set()

    def cancel(self) -> None:
        with self.lock:
            self.over = True
        for process in self.processes:
            process.kill()

    def join(self, timeout: float) -> None:
        until = time.monotonic() + timeout
        for process in self.processes:
            process.join(max(0.0, until - time.monotonic()))


def driven(plan: Plan, launch: Any = ProcessSlots, **more: Any) -> Outcome:
    """Run a plan on processes; whatever they do, none is left."""
    launched: list[Any] = []

    def launching(configs: Sequence[SlotConfig]) -> Any:
        launched.append(launch(configs))
        return launched[0]

    more = {"rebalancer": Rebalancer(plan), "moving": False, "host": "127.0.0.1", **more}
    try:
        return drive(plan, launching, **more)
    finally:
        for slots in launched:
            slots.cancel()


def slot_queues(plan: Plan, emulate: float | None = None) -> list[SlotQueue]:
    """Give the queue of every slot as a run begins."""
    work = work_of(plan, emulate=emulate)
    return list(arrange(work, plan.schedule.slot.tolist(), range(plan.cluster.n_slots)).values())
