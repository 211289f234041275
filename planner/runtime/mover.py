"""The mover: asks what decides on moves, which has no clock, and has the coordinator carry it out."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from planner.errors import InputError
from planner.model.arrays import Int32, Int64
from planner.model.move import Decision
from planner.model.plan import Plan
from planner.runtime.coordinator import Coordinator
from planner.runtime.heard import Heard

__all__ = ["Mover", "Rebalancer"]

_EVERY_S, _SHARE = 0.2, 0.05
"""Between two decisions; longer, where deciding would take more than this share of the time."""

_STEALING_S = 0.02
"""Between two looks at slots that run dry, if so much happens."""


class Rebalancer(Protocol):
    """Decides on moves, as `planner.rebalancing.Rebalancer`."""

    def ended(self, task: int, slot: int, start_us: int, finish_us: int) -> None:
        """Take in that a task has ended."""

    def again(self, task: int) -> None:
        """Take in that a task that had ended has to run again."""

    def decide(
        self,
        now_us: int,
        slot: Int32,
        running: Mapping[int, tuple[int, int]],
        lost: Collection[int] = (),
        beside: Mapping[int, tuple[int, int]] | None = None,
    ) -> Decision:
        """Decide what to move."""

    def steal(
        self,
        now_us: int,
        slot: Int32,
        running: Mapping[int, tuple[int, int]],
        lost: Collection[int] = (),
        beside: Mapping[int, tuple[int, int]] | None = None,
    ) -> Decision:
        """Let slots that run dry take what is ready elsewhere, which is decided more quickly."""

    def place(
        self, now_us: int, slot: Int32, running: Mapping[int, tuple[int, int]], lost: Collection[int]
    ) -> tuple[Int32, Int64]:
        """Give a slot to tasks that have none, and say when each is predicted to start."""


class Mover:
    """Asks for a decision a few times a second, or when tasks have no slot, and lets the coordinator carry it out.

    Between two decisions, and as soon as a slot has nothing to run, it asks what such slots may take of others.

    Parameters
    ----------
    coordinator : Coordinator
    rebalancer : Rebalancer
    plan : Plan
    scale : float
        Planned times × this are real ones; the rebalancer is told planned ones.
    moving : bool
        Whether tasks are moved that have a slot.
    rendezvous_s : float
        Seconds for which tasks that no slot may run wait for one that comes, or comes back.

    Attributes
    ----------
    decisions : list of Decision
        Those that moved or copied something, without the order of all tasks.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        rebalancer: Rebalancer,
        plan: Plan,
        scale: float,
        *,
        moving: bool = True,
        rendezvous_s: float = 0.0,
    ) -> None:
        self._rendezvous_s = rendezvous_s
        self._stranded: float | None = None  # since when tasks wait that no slot may run
        self._coordinator, self._rebalancer, self._scale, self._moving = coordinator, rebalancer, scale, moving
        self._names, self._planned, self._slots = plan.graph.names, plan.schedule, plan.cluster.n_slots
        self._told = self._repeated = 0
        self._spared: set[int] = set()
        self._origin_us: int | None = None
        self._next = self._next_steal = 0.0
        self._ordered: Int64 | None = None  # the order that slots were told last
        self.decisions: list[Decision] = []

    def tick(self) -> None:
        """Decide, if it is time, or if tasks have no slot."""
        began = time.monotonic()
        keeper = self._coordinator.keeper
        due = self._moving and began >= min(self._next, self._next_steal)
        if not keeper.together or not (keeper.orphans or due):
            return
        heard = self._coordinator.heard()
        if not heard.told and not heard.orphans:
            return
        self._take_in(heard)
        whole = bool(heard.orphans) or began >= self._next
        self._decide(heard, whole=whole)
        pause = (time.monotonic() - began) / _SHARE
        if whole:
            self._next = time.monotonic() + max(_EVERY_S, pause)
        else:
            self._next_steal = time.monotonic() + max(_STEALING_S, pause)

    def _decide(self, heard: Heard, *, whole: bool) -> None:
        """Place tasks that have no slot; else decide on all that is left, or only on what slots that run dry take."""
        now = self._planned_us(time.monotonic_ns() // 1000)
        began_at = {task: (slot, self._planned_us(since)) for task, (slot, since) in heard.running.items()}
        beside = {slot: (task, self._planned_us(since)) for slot, (task, since) in heard.beside.items()}
        lost = set(range(self._slots)) - set(heard.living)
        slots = np.array(heard.slots, dtype=np.int32)
        if heard.orphans:
            self._place(now, slots, began_at, lost)
            return
        ask = self._rebalancer.decide if whole else self._rebalancer.steal
        decision = ask(now, slots, began_at, lost, beside)
        if decision.moves or decision.copies:
            self._carry_out(decision)

    def _take_in(self, heard: Heard) -> None:
        if self._origin_us is None:
            starts = [r.start_us - round(int(self._planned.start_us[r.task]) * self._scale) for r in heard.told]
            self._origin_us = min(starts, default=time.monotonic_ns() // 1000)
        for record in heard.told[self._told :]:
            start, finish = self._planned_us(record.start_us), self._planned_us(record.finish_us)
            if heard.slots[record.task] >= 0:
                self._rebalancer.ended(record.task, heard.slots[record.task], start, finish)
        for task in heard.again[self._repeated :]:
            if self._coordinator.keeper.ledger.waits(task):  # else it has ended once more, which was told above
                self._rebalancer.again(task)
        now = self._planned_us(time.monotonic_ns() // 1000)
        for copy in heard.spared:
            if copy not in self._spared and heard.slots[copy] >= 0:
                self._spared.add(copy)
                self._rebalancer.ended(copy, heard.slots[copy], now, now)  # in no time, which teaches nothing
        self._told, self._repeated = len(heard.told), len(heard.again)

    def _place(self, now: int, slots: Int32, running: Mapping[int, tuple[int, int]], lost: Collection[int]) -> None:
        try:
            placed, starts = self._rebalancer.place(now, slots, running, lost)
        except InputError as error:  # no slot that is left may run it
            since = self._stranded = time.monotonic() if self._stranded is None else self._stranded
            if time.monotonic() - since >= self._rendezvous_s:
                self._coordinator.give_up(f"the run ended because slots were lost: {error}")
            return
        self._stranded, self._ordered = None, None
        moved = placed if self._moving else np.where(slots < 0, placed, slots)
        self._coordinator.place(dict(enumerate(moved.tolist())), dict(enumerate(starts.tolist())))

    def _carry_out(self, decision: Decision) -> None:
        lines = [
            {
                "event": event,
                "task": self._names[move.task],
                "from": move.source,
                "to": move.target,
                "sooner_us": round(move.sooner_us * self._scale),
                "price_us": round(move.price_us * self._scale),
                "reason": move.reason,
            }
            for event, moves in (("move", decision.moves), ("copy", decision.copies))
            for move in moves
        ]
        line = {"event": "rebalance", "moves": len(decision.moves), "reason": decision.reason}
        self.decisions.append(replace(decision, start_us=decision.start_us[:0].copy()))  # there may be very many
        if decision.moves:
            targets = {move.task: move.target for move in decision.moves}
            new = decision.start_us is not self._ordered
            self._coordinator.move(targets, dict(enumerate(decision.start_us.tolist())) if new else {})
            self._ordered = decision.start_us
        if decision.copies:
            self._coordinator.copy({copy.task: copy.target for copy in decision.copies})
        self._coordinator.note([line, *lines])

    def _planned_us(self, at_us: int) -> int:
        assert self._origin_us is not None  # noqa: S101
        return round((at_us - self._origin_us) / self._scale)
