"""Who is there: the slots of a run as they come, fall silent, are lost and come back. No clock of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from planner.runtime.messages import Hello, Leaving, Unreachable

__all__ = ["LATE", "Members"]

LATE = "it had not started in time"
"""Why a slot counts as lost that has not come; until it comes."""

SUSPECT_S = 3.0
"""Seconds for which a slot that a peer cannot reach may still turn out to have died by itself."""


@dataclass
class _Member:
    incarnation: int | None = None  # None: it has not come yet, or is lost
    address: str = ""
    last_heard: float | None = None
    spares: list[int] = field(default_factory=list)  # later copies, kept waiting


class Members:
    """Keeps account of slots.

    Parameters
    ----------
    names : sequence of str
        How to call each slot in messages.
    rendezvous_s, silence_s : float
        Seconds for which slots may be late, and may be silent.
    patience_s : float, optional
        Seconds for which those that have come wait for the others; `rendezvous_s`, if left out.
    expected : int, optional
        How many slots, the first ones, are waited for; the others may come at any time.

    Attributes
    ----------
    complete : bool
        Whether all have come once, or those that have not are no longer waited for.
    leaving : set of int
        Slots that are about to go.
    now : float
    """

    def __init__(
        self,
        names: Sequence[str],
        rendezvous_s: float,
        silence_s: float,
        patience_s: float | None = None,
        expected: int | None = None,
    ) -> None:
        self.names = names
        self._expected = len(names) if expected is None else expected
        self.complete = False
        self.now = 0.0
        self._rendezvous_s, self._silence_s = rendezvous_s, silence_s
        self._patience_s = rendezvous_s if patience_s is None else patience_s
        self._first: float | None = None  # when the first one came
        self._members = [_Member() for _ in names]
        self._suspects: dict[int, tuple[float, str]] = {}  # slot -> since when, why
        self.leaving: set[int] = set()
        self._began: float | None = None
        self._alone: float | None = None  # since when nobody is there

    @property
    def living(self) -> list[int]:
        """Slots that are there, ascending."""
        return [slot for slot, member in enumerate(self._members) if member.incarnation is not None]

    @property
    def staying(self) -> list[int]:
        """Those of them that get work: all, unless there are others beside those that are about to go."""
        return [slot for slot in self.living if slot not in self.leaving] or self.living

    @property
    def addresses(self) -> dict[int, str]:
        """Where those that are there can be reached."""
        return {slot: self._members[slot].address for slot in self.living}

    def lives(self, slot: int, incarnation: int | None = None) -> bool:
        """Tell whether a slot is there; with an incarnation, whether this is the one that counts."""
        there = self._members[slot].incarnation
        return there is not None and incarnation in (None, there)

    def incarnation(self, slot: int) -> int | None:
        """Give the incarnation that counts."""
        return self._members[slot].incarnation

    def hello(self, event: Hello) -> bool:
        """Take a slot in; False, when it is a copy of one that is there."""
        member = self._members[event.slot]
        if member.incarnation is not None:
            if event.incarnation != member.incarnation:
                member.spares.append(event.incarnation)
            return False
        member.incarnation, member.address, member.last_heard = event.incarnation, event.address, self.now
        self.complete = self.complete or all(each.incarnation is not None for each in self._members[: self._expected])
        self._alone = None
        self._first = self.now if self._first is None else self._first
        return True

    def heard(self, slot: int, incarnation: int, now: float) -> bool:
        """Note that a slot has spoken; False when this incarnation is not the one that counts."""
        if not self.lives(slot, incarnation):
            return False
        self._members[slot].last_heard = now
        return True

    def spare_gone(self, slot: int, incarnation: int | None) -> bool:
        """Note that a copy which waited in vain is gone; False, if it was none."""
        spares = self._members[slot].spares
        if incarnation not in spares:
            return False
        spares.remove(incarnation)
        return True

    def lose(self, slot: int) -> None:
        """Note that a slot is gone."""
        self._members[slot].incarnation = self._members[slot].last_heard = None
        self.leaving.discard(slot)
        self._suspects.pop(slot, None)
        if not self.living:
            self._alone = self.now

    def leave(self, event: Leaving) -> bool:
        """Note that a slot is about to go; False, if that is known, or this incarnation does not count."""
        if event.slot in self.leaving or not self.lives(event.slot, event.incarnation):
            return False
        self.leaving.add(event.slot)
        return True

    def suspect(self, event: Unreachable) -> None:
        """Note that a slot cannot reach a peer. It may have died a moment ago, and then its own line says so first."""
        if self.lives(event.slot, event.incarnation) and self.lives(event.peer):
            self._suspects.setdefault(event.peer, (self.now, event.reason))

    def trust(self) -> None:
        """Forget who could not be reached: those who could not reach them start anew."""
        self._suspects.clear()

    def pass_time(self, now: float) -> None:
        """Let time pass."""
        self.now = now
        if self._began is None:
            self._began = now
            for member in self._members:  # those that said hello before the first tick did so just now
                member.last_heard = now if member.incarnation is not None else None
            self._suspects = {slot: (now, why) for slot, (_, why) in self._suspects.items()}

    def late(self) -> list[int]:
        """Give the slots that have been waited for long enough, and wait for them no longer."""
        if self.complete or self._began is None:
            return []
        waited = self._first is not None and self.now - max(self._first, self._began) > self._patience_s
        if not waited and self.now - self._began <= self._rendezvous_s:
            return []
        self.complete = True
        return [slot for slot in range(self._expected) if self._members[slot].incarnation is None]

    def deserted(self) -> bool:
        """Tell whether nobody has been there for as long as slots may be late."""
        return self._alone is not None and self.now - self._alone > self._rendezvous_s

    def overdue(self) -> list[tuple[int, str]]:
        """Give the slots that are to be given up, and why."""
        silent = [
            (slot, f"not heard of for {self._silence_s:g} s")
            for slot, member in enumerate(self._members)
            if member.last_heard is not None and self.now - member.last_heard > self._silence_s
        ]
        return silent + [(slot, why) for slot, (since, why) in self._suspects.items() if self.now - since > SUSPECT_S]
