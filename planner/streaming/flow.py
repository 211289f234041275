"""The flow of micro-batches through stages: who gets which batch and when, and what is made again after a loss.

A pure state machine: events in, instructions out, with no clock, no Spark and no sockets in it.

A batch is in one place at a time. It waits as rows on a disk, or as the output of a stage on the slot that made it;
it is given to a slot of the next stage that has room for it; that slot takes it, and the output is released. So a slot
that is lost takes along what it had taken and made, and just that is made again, from its rows. Each stage of a slot
may be given one batch to run and a few to wait; and a slot begins no batch of a stage while outputs of that stage wait
for others to take them: that is how a slow stage holds back those before it. What is farthest goes first, so that
nothing gets stuck where one slot runs several stages.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from planner.errors import TaskFailure
from planner.streaming.messages import (
    End,
    Ended,
    Event,
    Failed,
    GivenUp,
    Instruction,
    Joined,
    Kept,
    Load,
    Lost,
    Made,
    Missed,
    Place,
    Release,
    Take,
    Taken,
    Tick,
)

__all__ = ["Flow"]

AHEAD = 2
"""Batches that wait at a slot beside the one that runs, for each of its stages."""

KEEPING = 8
"""Batches whose outputs a slot may be keeping at once."""

MOST_REPLAYS = 10
"""A batch that was lost more often than that may well be what kills the slots."""

_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
"""A batch that could not be taken is begun again after a pause, which grows each time."""


@dataclass
class _Member:
    incarnation: int
    address: str
    sees: frozenset[int]
    stages: list[int]
    given: dict[int, int] = field(default_factory=dict)  # batch -> stage

    def count(self, stage: int) -> int:
        return sum(each == stage for each in self.given.values())


@dataclass
class _Batch:
    stage: int = 0  # that it waits for or is in
    origin: tuple[int, int] | None = None  # slot and incarnation with its input; None: the rows
    taker: int | None = None
    taken: bool = False
    losses: int = 0


class Flow:
    """Keeps account of a stream.

    Parameters
    ----------
    homes : sequence of tuple of int
        The stages that each slot runs. A slot without one gives rows and keeps outputs.
    share_of : sequence of int
        The share of the rows that each batch belongs to.
    near : sequence of frozenset of int
        The shares that are on the executor of each slot.
    rendezvous_s : float
        Seconds for which slots may be missing where nothing can go on without them.
    patience_s : float
        Seconds after which a stage that has lost all its slots is loaded on another one.

    Attributes
    ----------
    places : list of Place or None
        Where the outputs of each batch are, as far as they are there.
    schemas : list of bytes
        Of the outputs, each one once.
    outcome : Ended or None
    failure : TaskFailure or None
        What a stage raised.
    losses : list of (int, str)
        Slots that were lost, and why.
    replays : int
        How often a batch was begun again.
    """

    def __init__(
        self,
        homes: Sequence[tuple[int, ...]],
        share_of: Sequence[int],
        near: Sequence[frozenset[int]],
        *,
        rendezvous_s: float = 60.0,
        patience_s: float = 10.0,
    ) -> None:
        self._homes, self._share_of, self._near = homes, share_of, near
        self._n_stages = 1 + max(stage for stages in homes for stage in stages)
        self._rendezvous_s, self._patience_s = rendezvous_s, patience_s
        self._members: dict[int, _Member] = {}
        self._spares: dict[int, list[Joined]] = {}  # copies of slots that are there, kept waiting
        self._came: set[int] = set()
        self._batches = [_Batch() for _ in share_of]
        self._waiting: list[list[int]] = [list(range(len(share_of))), *([] for _ in range(self._n_stages))]
        self._fed: dict[tuple[int, int], int] = {}  # slot and stage -> when it was given its last batch
        self._turn = 0
        self._since: dict[tuple[str, int], float] = {}  # "stage" or "share" -> missing since when
        self._now = 0.0
        self._later: list[tuple[float, int]] = []  # when batches are begun again
        self._left = Counter(share_of)  # of each share, how many batches are not done
        self.places: list[Place | None] = [None] * len(share_of)
        self.schemas: list[bytes] = []
        self.outcome: Ended | None = None
        self.failure: TaskFailure | None = None
        self.losses: list[tuple[int, str]] = []
        self.replays = 0

    @property
    def n_slots(self) -> int:
        """How many slots there should be."""
        return len(self._homes)

    @property
    def left(self) -> int:
        """How many batches are not done."""
        return self._left.total()

    @property
    def living(self) -> dict[int, int]:
        """The slots that are there, and which incarnation of each."""
        return {slot: member.incarnation for slot, member in sorted(self._members.items())}

    def handle(self, event: Event) -> list[Instruction]:
        """Take an event in; give what follows from it.

        What comes from an incarnation that is no longer there is of no account, nor is anything after the end.
        """
        if self.outcome is not None:
            return [End(event.slot, event.incarnation)] if isinstance(event, Joined) else []
        if not isinstance(event, Joined | Lost | Tick | GivenUp) and not self._lives(event.slot, event.incarnation):
            return []
        out: list[Instruction] = []
        match event:
            case Joined(slot=slot) if slot in self._members:
                self._spares.setdefault(slot, []).append(event)
            case Joined():
                self._joined(event, out)
            case Taken(slot=slot, batch=batch):
                if self._given(slot, batch):
                    self._took(batch, out)
            case Missed(slot=slot, batch=batch):
                if self._given(slot, batch):
                    self._missed(slot, batch, event.reason, out)
            case Made(slot=slot, batch=batch):
                if self._given(slot, batch):
                    self._made(slot, batch)
            case Kept(slot=slot, batch=batch):
                if self._given(slot, batch):
                    self._kept(event, out)
            case Failed():
                self.failure = event.failure
                self._end("failed", "a stage failed", out)
            case Lost():
                self._lost(event.slot, event.incarnation, event.reason, out)
            case Tick():
                self._tick(event, out)
            case GivenUp(reason=reason):
                self._end("lost", reason, out)
        if self.outcome is None:
            self._dispatch(out)
        return out

    # events -------------------------------------------------------------------------------------------------------

    def _joined(self, event: Joined, out: list[Instruction]) -> None:
        stages = list(self._homes[event.slot])
        self._members[event.slot] = _Member(event.incarnation, event.address, event.sees, stages)
        self._came.add(event.slot)
        out.append(Load(event.slot, tuple(stages)))

    def _took(self, batch: int, out: list[Instruction]) -> None:
        state = self._batches[batch]
        state.taken = True
        if state.origin is not None and self._lives(*state.origin):
            out.append(Release(state.origin[0], batch, state.stage - 1))
        state.origin = None

    def _missed(self, slot: int, batch: int, reason: str, out: list[Instruction]) -> None:
        del self._members[slot].given[batch]
        state = self._batches[batch]
        if state.origin is not None and self._lives(*state.origin):
            out.append(Release(state.origin[0], batch, state.stage - 1))
        self._replay(batch, reason, out, missed=True)

    def _made(self, slot: int, batch: int) -> None:
        member, state = self._members[slot], self._batches[batch]
        del member.given[batch]
        state.stage += 1
        state.origin, state.taker, state.taken = (slot, member.incarnation), None, False
        heapq.heappush(self._waiting[state.stage], batch)

    def _kept(self, event: Kept, out: list[Instruction]) -> None:
        self._took(event.batch, out)
        del self._members[event.slot].given[event.batch]
        self.places[event.batch] = event.place
        if event.schema and event.schema not in self.schemas:
            self.schemas.append(event.schema)
        self._left[self._share_of[event.batch]] -= 1
        if not self.left:
            self._end("done", "", out)

    def _lost(self, slot: int, incarnation: int, reason: str, out: list[Instruction]) -> None:
        self._spares[slot] = [spare for spare in self._spares.get(slot, []) if spare.incarnation != incarnation]
        if not self._lives(slot, incarnation):
            return
        member = self._members.pop(slot)
        self.losses.append((slot, reason))
        out.append(End(slot, incarnation, over=False))  # it may be there all the same, and only be silent
        for batch in sorted(member.given):
            state = self._batches[batch]
            state.taker = None
            if not state.taken and (state.origin is None or self._lives(*state.origin)):
                heapq.heappush(self._waiting[state.stage], batch)
            else:
                self._replay(batch, reason, out)
        here = (slot, incarnation)
        for stage, waiting in enumerate(self._waiting):
            gone = [batch for batch in waiting if self._batches[batch].origin == here]
            if gone:
                self._waiting[stage] = sorted(set(waiting).difference(gone))
            for batch in sorted(gone):
                self._replay(batch, reason, out)
        if self.outcome is None and self._spares[slot]:
            self._joined(self._spares[slot].pop(0), out)

    def _tick(self, tick: Tick, out: list[Instruction]) -> None:
        self._now = tick.now
        for due, batch in self._later:
            if due <= tick.now:
                heapq.heappush(self._waiting[0], batch)
        self._later = [(due, batch) for due, batch in self._later if due > tick.now]
        for slot in tick.silent:
            if slot in self._members:
                self._lost(slot, self._members[slot].incarnation, "it has fallen silent", out)
        shares = [share for share, left in self._left.items() if left]
        missing = {("stage", stage) for stage in range(self._n_stages) if not self._slots_of(stage)}
        if self._members:
            seen = frozenset().union(*(member.sees for member in self._members.values()))
            missing |= {("share", share) for share in shares if share not in seen}
        self._since = {key: self._since.get(key, tick.now) for key in missing}
        for (what, which), since in sorted(self._since.items()):
            late = tick.now - since
            if self.outcome is not None:
                return
            if what == "share":
                if late > self._rendezvous_s or (len(self._members) == len(self._homes) and late > 0):
                    self._end("rows lost", "rows were lost with the disk of an executor", out)
            elif late > self._patience_s and self._members and len(self._came) == len(self._homes):
                slot = min(self._members, key=lambda slot: (len(self._members[slot].stages), slot))
                self._members[slot].stages.append(which)
                out.append(Load(slot, (which,)))
            elif late > self._rendezvous_s:
                self._end("lost", f"no slot has come for stage {which} within {self._rendezvous_s:g} s", out)

    # decisions ----------------------------------------------------------------------------------------------------

    def _dispatch(self, out: list[Instruction]) -> None:
        """Give out what waits, the farthest first, and of each stage the earliest batch first."""
        for stage in range(self._n_stages, -1, -1):
            waiting, aside = self._waiting[stage], []
            while waiting:
                batch = waiting[0]
                slot = self._keeper_of(batch) if stage == self._n_stages else self._runner_of(stage, batch)
                reader = self._holder(self._share_of[batch]) if stage == 0 and slot is not None else None
                if slot is None and stage < self._n_stages:
                    break
                heapq.heappop(waiting)
                if slot is None or (stage == 0 and reader is None):
                    aside.append(batch)  # nobody sees its rows, or who does has no room; others may
                else:
                    self._give(batch, slot, reader, out)
            for batch in aside:
                heapq.heappush(waiting, batch)

    def _give(self, batch: int, slot: int, reader: int | None, out: list[Instruction]) -> None:
        state, member = self._batches[batch], self._members[slot]
        state.taker, state.taken = slot, False
        member.given[batch] = state.stage
        self._turn += 1
        self._fed[slot, state.stage] = self._turn
        source = state.origin[0] if state.origin is not None else reader
        if state.origin is None and self._share_of[batch] in member.sees:
            address = ""
        else:
            assert source is not None  # noqa: S101
            address = self._members[source].address
        out.append(Take(slot, batch, state.stage, address))

    def _runner_of(self, stage: int, batch: int) -> int | None:
        """Choose the slot with the shortest queue, for rows one that sees them, and else the one whose turn it is."""
        share, best = self._share_of[batch], None
        for slot in self._slots_of(stage):
            member = self._members[slot]
            count = member.count(stage)
            if count > AHEAD:
                continue
            price = (count, stage == 0 and share not in member.sees, self._fed.get((slot, stage), 0), slot)
            best = price if best is None else min(best, price)
        return None if best is None else best[-1]

    def _keeper_of(self, batch: int) -> int | None:
        """Choose who keeps the outputs of a batch: who made them if the rows are near, else who has the rows near."""
        share, origin = self._share_of[batch], self._batches[batch].origin
        assert origin is not None  # noqa: S101
        slot = self._holder(share, origin[0])
        if slot is None or self._members[slot].count(self._n_stages) >= KEEPING:
            return None
        return slot

    def _holder(self, share: int, liked: int | None = None) -> int | None:
        """Give the slot that reads a share and keeps its outputs, best on the executor that wrote it."""
        seeing = [slot for slot in self._members if share in self._members[slot].sees]
        return min(seeing, key=lambda slot: (share not in self._near[slot], slot != liked, slot), default=None)

    def _replay(self, batch: int, reason: str, out: list[Instruction], missed: bool = False) -> None:
        """Begin a batch anew, from its rows; where it was missed, only when those who are gone may be known to be."""
        state = self._batches[batch]
        state.stage, state.origin, state.taker, state.taken = 0, None, None, False
        state.losses += 1
        self.replays += 1
        if missed:
            self._later.append((self._now + min(_PAUSE_S * 2**state.losses, _LONGEST_PAUSE_S), batch))
        else:
            heapq.heappush(self._waiting[0], batch)
        if state.losses > MOST_REPLAYS and self.outcome is None:
            self._end("lost", f"batch {batch} was lost {state.losses} times, the last time because {reason}", out)

    def _end(self, status: str, reason: str, out: list[Instruction]) -> None:
        self.outcome = Ended(status, reason)
        out += [End(slot, incarnation) for slot, incarnation in self.living.items()]
        out += [End(spare.slot, spare.incarnation) for spares in self._spares.values() for spare in spares]
        out.append(self.outcome)

    # helpers ------------------------------------------------------------------------------------------------------

    def _lives(self, slot: int, incarnation: int) -> bool:
        return slot in self._members and self._members[slot].incarnation == incarnation

    def _given(self, slot: int, batch: int) -> bool:
        return batch in self._members[slot].given

    def _slots_of(self, stage: int) -> list[int]:
        return [slot for slot in sorted(self._members) if stage in self._members[slot].stages]
