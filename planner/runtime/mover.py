"""The mover: asks what decides on moves, which has no clock, and has the coordinator carry it out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from planner.model.arrays import Int32
from planner.model.move import Decision
from planner.model.plan import Plan
from planner.runtime.coordinator import Coordinator

__all__ = ["Mover", "Rebalancer"]

_EVERY_S, _SHARE = 0.2, 0.05
"""Between two decisions; longer, where deciding would take more than this share of the time."""


class Rebalancer(Protocol):
    """Decides on moves, as `planner.rebalancing.Rebalancer`."""

    def ended(self, task: int, slot: int, start_us: int, finish_us: int) -> None:
        """Take in that a task has ended."""

    def decide(self, now_us: int, slot: Int32, running: Mapping[int, tuple[int, int]]) -> Decision:
        """Decide what to move."""


class Mover:
    """Asks for a decision a few times a second and lets the coordinator carry it out.

    Parameters
    ----------
    coordinator : Coordinator
    rebalancer : Rebalancer
    plan : Plan
    scale : float
        Planned times × this are real ones; the rebalancer is told planned ones.
    """

    def __init__(self, coordinator: Coordinator, rebalancer: Rebalancer, plan: Plan, scale: float) -> None:
        self._coordinator, self._rebalancer, self._scale = coordinator, rebalancer, scale
        self._names, self._planned = plan.graph.names, plan.schedule
        self._told: int = 0
        self._origin_us: int | None = None
        self._next = 0.0
        self.decisions: tuple[Decision, ...] = ()

    def tick(self) -> None:
        """Decide, if it is time."""
        began = time.monotonic()
        if began < self._next:
            return
        records, running, slots = self._coordinator.heard()
        if not records:
            return
        if self._origin_us is None:
            self._origin_us = min(
                r.start_us - round(int(self._planned.start_us[r.task]) * self._scale) for r in records
            )
        for record in records[self._told :]:
            start, finish = self._planned_us(record.start_us), self._planned_us(record.finish_us)
            self._rebalancer.ended(record.task, slots[record.task], start, finish)
        self._told = len(records)
        now = self._planned_us(time.monotonic_ns() // 1000)
        began_at = {task: (slot, self._planned_us(since)) for task, (slot, since) in running.items()}
        decision = self._rebalancer.decide(now, np.array(slots, dtype=np.int32), began_at)
        if decision.moves:
            self._carry_out(decision)
        self._next = time.monotonic() + max(_EVERY_S, (time.monotonic() - began) / _SHARE)

    def _carry_out(self, decision: Decision) -> None:
        targets = {move.task: move.target for move in decision.moves}
        lines = [
            {
                "event": "move",
                "task": self._names[move.task],
                "from": move.source,
                "to": move.target,
                "sooner_us": round(move.sooner_us * self._scale),
                "price_us": round(move.price_us * self._scale),
                "reason": move.reason,
            }
            for move in decision.moves
        ]
        line = {"event": "rebalance", "moves": len(lines), "reason": decision.reason}
        order = dict(enumerate(decision.start_us.tolist()))
        self.decisions = (*self.decisions, decision)
        self._coordinator.move(targets, order, [line, *lines])

    def _planned_us(self, at_us: int) -> int:
        assert self._origin_us is not None  # noqa: S101
        return round((at_us - self._origin_us) / self._scale)
