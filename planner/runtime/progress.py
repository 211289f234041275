"""The progress of a run: a bar that redraws itself on a terminal and in a notebook, plain lines elsewhere."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Collection
from importlib import import_module
from typing import Any, TextIO

from planner.model.plan import Plan
from planner.model.units import format_seconds

__all__ = ["Progress"]

_BAR = 28
_REDRAWN_S = 0.1
_NOTEBOOK_S = 0.25
"""Between two updates in a notebook: each is a message to the front end."""


class Progress:
    """Shows tasks done, time left by the plan, and slots busy.

    Parameters
    ----------
    plan : Plan
    scale : float
        How much longer the run takes than the plan says (an emulation's scale).
    stream : file
        Where to; when left out, below the cell of a notebook, and elsewhere standard error. A terminal gets one line
        that is redrawn, anything else a plain line every `every` seconds.
    every : float
        Seconds between plain lines.
    """

    def __init__(self, plan: Plan, *, scale: float = 1.0, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._plan = plan
        self._scale = scale
        self._cell = _Cell() if stream is None and _in_notebook() else None
        self._stream = stream or sys.stderr
        self._live = self._cell is None and self._stream.isatty()
        self._every = _REDRAWN_S if self._live else _NOTEBOOK_S if self._cell else every
        self._began = time.monotonic()
        self._shown = self._began - (self._every if self._live or self._cell else 0)
        self._furthest_us = 0
        self._seen = 0
        self._moves = 0
        self._done: Collection[int] = ()

    def update(self, done: Collection[int], busy: int, moves: int = 0) -> None:
        """Show that the tasks `done` are done, `busy` slots are running one, and so many tasks were moved."""
        now = time.monotonic()
        self._done, self._moves = done, moves
        done = [task for task in done if task not in self._plan.graph.copy_of]
        count = len(done)
        if count > self._seen:
            fresh = done[self._seen : count]
            self._furthest_us = max(self._furthest_us, int(self._plan.schedule.finish_us[fresh].max()))
            self._seen = count
        if now - self._shown >= self._every:
            self._shown = now
            self._show(count, self.line(count, busy, moves))

    def line(self, count: int, busy: int, moves: int = 0) -> str:
        """Give the line for `count` tasks done, `busy` slots and so many moves."""
        total, slots = self._total(), self._plan.cluster.n_slots
        left = max(0, self._plan.makespan_us - self._furthest_us) * self._scale
        filled = round(_BAR * count / total) if total else _BAR
        bar = "█" * filled + "░" * (_BAR - filled)
        text = f"{count}/{total} tasks, {busy}/{slots} slots busy, {format_seconds(left)} left by the plan"
        text += f", {moves} moved" if moves else ""
        return f"{bar} {text}" if self._live else text

    def close(self) -> None:
        """Leave the cursor of a terminal on a fresh line, and in a notebook how far the run came."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        if self._cell is not None:
            count = sum(task not in self._plan.graph.copy_of for task in self._done)
            took = format_seconds((time.monotonic() - self._began) * 1e6)
            moved = f", {self._moves} moved" if self._moves else ""
            self._cell.show(count, self._total(), f"{count}/{self._total()} tasks in {took}{moved}")

    def _total(self) -> int:
        return self._plan.graph.n - len(self._plan.graph.copy_of)

    def _show(self, count: int, line: str) -> None:
        if self._cell is not None:
            self._cell.show(count, self._total(), line)
            return
        self._stream.write(f"\r\x1b[K{line}" if self._live else line + "\n")
        self._stream.flush()


class _Cell:
    """What stands below a notebook's cell: displayed once, and then updated in place."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._state = (0, 0, "")

    def show(self, count: int, total: int, text: str) -> None:
        """Show it, unless it stands there already."""
        if self._state == (count, total, text):
            return
        self._state = (count, total, text)
        if self._handle is not None:
            self._handle.update(self)
            return
        self._handle = import_module("IPython.display").display(self, display_id=True)

    def _repr_html_(self) -> str:
        count, total, text = self._state
        bar = f'<progress max="{max(total, 1)}" value="{count if total else 1}" style="width: 200px"></progress>'
        return f"<div>{bar} <span>{html.escape(text)}</span></div>"

    def __repr__(self) -> str:
        return self._state[2]


def _in_notebook() -> bool:
    """Tell whether a kernel runs this code, and not a terminal: IPython is there, and has one."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
