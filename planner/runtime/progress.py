"""The progress of a run: a bar that redraws itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from typing import TextIO

from planner.model.plan import Plan
from planner.model.units import format_seconds

__all__ = ["Progress"]

_BAR = 28


class Progress:
    """Shows tasks done, time left by the plan, and slots busy.

    Parameters
    ----------
    plan : Plan
    scale : float
        How much longer the run takes than the plan says (an emulation's scale).
    stream : file
        Where to; standard error when left out. A terminal gets one line that is redrawn, anything else a plain line
        every `every` seconds and at the end.
    every : float
        Seconds between plain lines.
    """

    def __init__(self, plan: Plan, *, scale: float = 1.0, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._plan = plan
        self._scale = scale
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._every = 0.1 if self._live else every
        self._shown = time.monotonic() - (0 if not self._live else self._every)
        self._furthest_us = 0
        self._seen = 0
        self._last = ""

    def update(self, done: Collection[int], busy: int, moves: int = 0) -> None:
        """Show that the tasks `done` are done, `busy` slots are running one, and so many tasks were moved."""
        now = time.monotonic()
        done = [task for task in done if task not in self._plan.graph.copy_of]
        count = len(done)
        if count > self._seen:
            fresh = done[self._seen : count]
            self._furthest_us = max(self._furthest_us, int(self._plan.schedule.finish_us[fresh].max()))
            self._seen = count
        self._last = self.line(count, busy, moves)
        if now - self._shown >= self._every:
            self._shown = now
            self._show(self._last)

    def line(self, count: int, busy: int, moves: int = 0) -> str:
        """Give the line for `count` tasks done, `busy` slots and so many moves."""
        total, slots = self._plan.graph.n - len(self._plan.graph.copy_of), self._plan.cluster.n_slots
        left = max(0, self._plan.makespan_us - self._furthest_us) * self._scale
        filled = round(_BAR * count / total) if total else _BAR
        bar = "█" * filled + "░" * (_BAR - filled)
        text = f"{count}/{total} tasks, {busy}/{slots} slots busy, {format_seconds(left)} left by the plan"
        text += f", {moves} moved" if moves else ""
        return f"{bar} {text}" if self._live else text

    def close(self) -> None:
        """Leave the cursor on a fresh line."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _show(self, line: str) -> None:
        self._stream.write(f"\r\x1b[K{line}" if self._live else line + "\n")
        self._stream.flush()
