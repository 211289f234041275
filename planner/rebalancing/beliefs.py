"""What a run teaches while it goes: how fast its executors are, and how far the plan is off for each kind of task.

All is done on logarithms of measured ÷ planned time. Of each executor the newest measurements count; where the newest
few all lie above, or all below, those before them, the executor has changed, and they alone count. What is believed is
drawn towards 1 while there are few measurements: a median of n values with spread s is uncertain by 1.25 s / √n, and
the prior says that executors differ by some `USUAL`.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from planner.model.arrays import Float64

__all__ = ["Beliefs"]

NEWEST, CHANGED = 24, 3
"""Measurements of an executor that count; those that show a change, if all lie beyond what was before."""

BEYOND = 2.0
"""Spreads by which fewer than those must lie beyond all others, for each that is missing."""

USUAL, LEAST_SPREAD = 0.5, 0.05
"""Spread of executors' speeds before anything was measured, and the least spread of a task's times; logarithms."""

TOLD = 8
"""Measurements before which their spread is not known."""

SURPRISE = 0.2
"""Spread of tasks' times, or difference of kinds or executors, beyond which a plan's order means little; logarithms."""

SURE = 2.0
"""Uncertainties that a speed must be away from 1 to be taken for another."""


class Beliefs:
    """Learns from tasks as they end. The order in which they are told matters, the clock does not.

    Parameters
    ----------
    executors, kinds : int
    """

    def __init__(self, executors: int, kinds: int) -> None:
        self._of_executor: list[deque[tuple[float, int]]] = [deque(maxlen=NEWEST) for _ in range(executors)]
        self._slowness = np.zeros(executors)
        self._kind = np.zeros(kinds)
        self._settled = True

    def learn(self, executor: int, kind: int, planned_us: float, measured_us: float) -> None:
        """Take in that a task has ended; tasks that were planned to take no time teach nothing."""
        if planned_us <= 0 or measured_us <= 0:
            return
        self._of_executor[executor].append((float(np.log(measured_us / planned_us)), kind))
        self._settled = False

    def slowness(self) -> Float64:
        """Give how many times longer than planned the tasks of each executor take; shape (executors,).

        It is 1, as long as another is not certain.
        """
        self._settle()
        measured = np.array([len(self._recent(executor)) for executor in range(len(self._of_executor))])
        error = 1.25 * self._spread() / np.sqrt(np.maximum(1, measured))
        sure = (measured > 0) & (np.abs(self._slowness) > SURE * error)
        return np.where(sure, np.exp(self._slowness), 1.0)

    def kinds(self) -> Float64:
        """Give how many times longer than planned each kind of task takes, wherever it runs; shape (kinds,)."""
        self._settle()
        return np.asarray(np.exp(self._kind))

    def spread(self) -> float:
        """Give the spread of a task's time around what is expected of it, as a logarithm."""
        self._settle()
        return self._spread()

    def surprised(self, slowness: Float64) -> bool:
        """Tell whether some tasks, or executors of this `slowness`, are so far off that a plan's order means little."""
        self._settle()
        if float(np.ptp(np.log(slowness))) > SURPRISE:
            return True
        told = [kind for seen in self._of_executor for _, kind in seen]
        return len(told) >= TOLD and bool(self._spread() > SURPRISE or np.ptp(self._kind[told]) > SURPRISE)

    def _settle(self) -> None:
        """Take kinds and executors apart, by medians in turn; executors are compared with the median one."""
        if self._settled:
            return
        self._settled = True
        for _ in range(4):
            for executor in range(len(self._of_executor)):
                self._slowness[executor] = self._drawn(self._recent(executor))
            told = self._slowness[[len(seen) > 0 for seen in self._of_executor]]
            common = float(np.median(told)) if len(told) > 1 else 0.0
            by_kind: list[list[float]] = [[] for _ in self._kind]
            for executor, seen in enumerate(self._of_executor):
                for ratio, kind in seen:
                    by_kind[kind].append(ratio - float(self._slowness[executor]) + common)
            for kind, ratios in enumerate(by_kind):
                if ratios:
                    self._kind[kind] = self._drawn(ratios)
            if abs(common) < 1e-3:
                break

    def _recent(self, executor: int) -> list[float]:
        ratios = [ratio - float(self._kind[kind]) for ratio, kind in self._of_executor[executor]]
        spread = self._spread()
        for count in range(1, CHANGED + 1):
            newest, before = ratios[-count:], ratios[:-count]
            beyond = BEYOND * (CHANGED - count) * spread
            if len(before) >= CHANGED and (min(newest) > max(before) + beyond or max(newest) < min(before) - beyond):
                return newest
        return ratios

    def _drawn(self, ratios: list[float]) -> float:
        """Give the median, drawn towards 0 by as much as it is uncertain."""
        if not ratios:
            return 0.0
        error = 1.25 * self._spread() / float(np.sqrt(len(ratios)))
        return float(np.median(ratios)) * USUAL**2 / (USUAL**2 + error**2)

    def _spread(self) -> float:
        rests = [
            ratio - float(self._kind[kind]) - self._slowness[executor]
            for executor, seen in enumerate(self._of_executor)
            for ratio, kind in seen
        ]
        if len(rests) < TOLD:
            return max(LEAST_SPREAD, 0.3)
        return max(LEAST_SPREAD, 1.4826 * float(np.median(np.abs(rests))))
