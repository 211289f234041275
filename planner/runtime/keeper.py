"""The coordinator's mind: a state machine that keeps a plan. Events in, instructions out; no clock, no sockets.

It is a plan keeper and not a per-task scheduler: slots run their queues without asking, and only what the plan did not
foresee (a failure, a loss, a move, the end) makes it speak.

A task is moved in two steps, so that it can never run twice: its slot is asked to give it back, and only when that slot
has answered that it had not begun, another gets it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from planner.errors import TaskFailure
from planner.runtime.messages import (
    Cancelled,
    Collected,
    End,
    Ended,
    Event,
    Failed,
    Fetch,
    Finished,
    Give,
    Handed,
    Hello,
    Instruction,
    LaunchFailed,
    Lost,
    Peers,
    Record,
    Released,
    Reorder,
    Skip,
    Start,
    Stuck,
    Tick,
    Unreachable,
    Watch,
    Withdraw,
)

__all__ = ["PlanKeeper", "TaskState"]


_SUSPECT_S = 3.0
"""Seconds for which a slot that a peer cannot reach may still turn out to have died by itself."""


class TaskState(Enum):
    """Where a task stands; every task leaves WAITING exactly once."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass
class _Slot:
    incarnation: int | None = None
    address: str = ""
    last_heard: float | None = None
    standby: list[int] = field(default_factory=list)  # later copies, kept waiting


class PlanKeeper:
    """Keeps a plan while slots run it.

    Parameters
    ----------
    slot_of : sequence of int
        Slot of each task.
    successors : sequence of sequence of int
        Tasks that wait for each task.
    results : sequence of int
        Tasks whose values the driver wants.
    slots : int
        Number of slots.
    rendezvous_s, silence_s : float
        Seconds after which slots that never came, or that fell silent, are given up.
    names : sequence of str, optional
        How to call each slot in messages.
    takers : sequence of sequence of int, optional
        Those of the successors that take the value of each task; all of them, if left out.
    """

    def __init__(
        self,
        slot_of: Sequence[int],
        successors: Sequence[Sequence[int]],
        results: Sequence[int],
        slots: int,
        *,
        rendezvous_s: float = 60.0,
        silence_s: float = 60.0,
        names: Sequence[str] | None = None,
        takers: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self._takers = successors if takers is None else takers
        self.slot_of = list(slot_of)
        self.moves = 0
        self.successors = successors
        self.state = [TaskState.WAITING] * len(slot_of)
        self.records: dict[int, Record] = {}
        self.failures: list[TaskFailure] = []
        self.lost: list[str] = []
        self.outcome: Ended | None = None
        self._to_collect = set(results)
        self._unsettled = len(slot_of)
        self._slots = [_Slot() for _ in range(slots)]
        self._names = names or [f"slot {i}" for i in range(slots)]
        self._rendezvous_s = rendezvous_s
        self._silence_s = silence_s
        self._moving: dict[int, int] = {}  # task -> slot to which it goes, once it has been given back
        self._home: dict[int, int] = {}  # task that takes what cannot leave a slot -> that slot
        self._suspects: dict[int, tuple[float, str]] = {}  # slot -> since when, why
        self._began: float | None = None
        self._now = 0.0

    @property
    def done(self) -> int:
        """Number of tasks that are done."""
        return len(self.records)

    def tasks_in(self, state: TaskState) -> list[int]:
        """Give the tasks in a state, ascending."""
        return [task for task, now in enumerate(self.state) if now is state]

    def handle(self, event: Event) -> list[Instruction]:
        """Take one event in and give the instructions that follow from it, in order.

        After the end every event is answered with silence, except a hello, which is sent home.
        """
        match event:
            case Hello():
                return self._hello(event)
            case _ if self.outcome is not None:
                return []
            case Finished():
                return self._finished(event)
            case Released():
                return self._released(event)
            case Stuck():
                return self._stuck(event)
            case Failed():
                return self._failed(event)
            case Collected():
                self._to_collect.discard(event.task)
                return self._end_if_settled()
            case Lost():
                return self._lost(event)
            case Unreachable():
                if self._lives(event.slot, event.incarnation):
                    self._suspects.setdefault(event.peer, (self._now, event.reason))
                return []
            case Cancelled():
                return self._end("cancelled", event.reason, abort=True)
            case LaunchFailed():
                return self._end("lost", f"the run ended because its Spark job ended: {event.reason}", abort=True)
            case Tick():
                return self._tick(event.now)

    def headed(self, task: int) -> int:
        """Give the slot of a task, or the one to which it goes."""
        there = self.slot_of[task]
        return self._moving.get(task, there) if self.state[task] is TaskState.WAITING else there

    def move(self, targets: Mapping[int, int], order: Mapping[int, int]) -> list[Instruction]:
        """Move tasks to other slots.

        Parameters
        ----------
        targets : mapping of int to int
            The slot to which each task goes; those that no longer wait, or are on their way already, stay.
        order : mapping of int to int
            What waits runs in this order from now on.
        """
        if self.outcome is not None or any(slot.incarnation is None for slot in self._slots):
            return []
        asked: dict[int, list[int]] = {}
        for task, target in targets.items():
            source = self.slot_of[task]
            if self.state[task] is TaskState.WAITING and task not in self._moving and source != target:
                self._moving[task] = target
                asked.setdefault(source, []).append(task)
        ordered: dict[int, dict[int, int]] = {}
        for task, key in order.items():
            if self.state[task] is TaskState.WAITING:
                ordered.setdefault(self.slot_of[task], {})[task] = key
        return [
            *(Reorder(slot, keys) for slot, keys in sorted(ordered.items())),
            *(Withdraw(slot, tuple(tasks)) for slot, tasks in sorted(asked.items())),
        ]

    # one event each -----------------------------------------------------------------------------------------------

    def _hello(self, event: Hello) -> list[Instruction]:
        slot = self._slots[event.slot]
        if self.outcome is not None:
            return [End(event.slot, abort=True)]
        if slot.incarnation is not None:  # a speculative or retried copy while the first lives: it waits in vain
            if event.incarnation != slot.incarnation:
                slot.standby.append(event.incarnation)
            return []
        slot.incarnation, slot.address, slot.last_heard = event.incarnation, event.address, self._now
        instructions: list[Instruction] = [Start(event.slot)]
        if self.failures:  # it has come late, and what others told it to skip it has not heard
            missed = tuple(t for t in self.tasks_in(TaskState.SKIPPED) if self.slot_of[t] == event.slot)
            instructions += [Skip(event.slot, missed)] if missed else []
        if all(other.incarnation is not None for other in self._slots):
            addresses = {i: other.address for i, other in enumerate(self._slots)}
            instructions += [Peers(i, addresses) for i in range(len(self._slots))]
            instructions += self._end_if_settled()  # an empty plan
        return instructions

    def _finished(self, event: Finished) -> list[Instruction]:
        if not self._lives(event.slot, event.incarnation):
            return []
        instructions: list[Instruction] = []
        for record in event.records:
            if self.state[record.task] is not TaskState.WAITING:
                continue
            self.state[record.task] = TaskState.DONE
            self.records[record.task] = record
            self._unsettled -= 1
            if record.task in self._to_collect:
                if record.result_bytes is None:  # it came with the report
                    self._to_collect.discard(record.task)
                else:
                    instructions.append(Fetch(event.slot, record.task))
        return instructions + self._end_if_settled()

    def _released(self, event: Released) -> list[Instruction]:
        if not self._lives(event.slot, event.incarnation):
            return []
        targets = {task: self._moving.pop(task) for task in event.asked if task in self._moving}
        given: dict[int, list[Handed]] = {}
        watched: set[tuple[int, int]] = set()
        for handed in event.tasks:
            if self.state[handed.task] is not TaskState.WAITING:
                continue  # what it needs has failed in the meantime
            target = self._home.get(handed.task, targets[handed.task])
            self.slot_of[handed.task] = target
            self.moves += 1
            given.setdefault(target, []).append(handed)
            watched.update((reader, target) for reader in (*handed.readers, *handed.followers) if reader != target)
        return [
            *(Give(target, event.slot, tuple(tasks)) for target, tasks in sorted(given.items())),
            *(Watch(reader, target) for reader, target in sorted(watched)),
        ]

    def _stuck(self, event: Stuck) -> list[Instruction]:
        if not self._lives(event.slot, event.incarnation):
            return []
        takers = self._takers[event.value] if event.task is None else (event.task,)
        takers = [task for task in takers if self.state[task] is TaskState.WAITING]
        for task in takers:
            if task in self._home and self._home[task] != event.slot:  # two such values, on two slots
                what, where = f"task {task} takes two values that do not pickle", self._names[event.slot]
                return self._end(
                    "failed", f"{what}, and one of them is on {where}; rebalance='none' may help", abort=True
                )
            self._home[task] = event.slot
        return self.move(dict.fromkeys(takers, event.slot), {})

    def _failed(self, event: Failed) -> list[Instruction]:
        if not self._lives(event.slot, event.incarnation) or self.state[event.task] is not TaskState.WAITING:
            return []
        self.failures.append(event.failure)
        self._settle(event.task, TaskState.FAILED)
        skipped: dict[int, list[int]] = {}
        frontier = [event.task]
        while frontier:
            for task in self.successors[frontier.pop()]:
                if self.state[task] is TaskState.WAITING:
                    self._settle(task, TaskState.SKIPPED)
                    skipped.setdefault(self.slot_of[task], []).append(task)
                    frontier.append(task)
        skips: list[Instruction] = [
            Skip(slot, tuple(sorted(tasks)))
            for slot, tasks in sorted(skipped.items())
            if self._slots[slot].incarnation is not None
        ]
        return skips + self._end_if_settled()

    def _lost(self, event: Lost) -> list[Instruction]:
        slot = self._slots[event.slot]
        if event.incarnation in slot.standby:
            slot.standby.remove(event.incarnation)
            return []
        if event.incarnation is not None and event.incarnation != slot.incarnation:
            return []
        # Here is the place to carry on without the slot: hand its unsettled tasks to others, recompute lost values.
        self.lost.append(f"{self._names[event.slot]} ({event.reason})")
        return self._end(
            "lost", f"the run ended because {self._names[event.slot]} was lost: {event.reason}", abort=True
        )

    def _tick(self, now: float) -> list[Instruction]:
        self._now = now
        if self._began is None:
            self._began = now
            for slot in self._slots:  # those that said hello before the first tick did so just now
                slot.last_heard = now if slot.incarnation is not None else None
            self._suspects = {slot: (now, why) for slot, (_, why) in self._suspects.items()}
        missing = [i for i, slot in enumerate(self._slots) if slot.incarnation is None]
        if missing:
            if now - self._began > self._rendezvous_s:
                names = ", ".join(self._names[i] for i in missing)
                self.lost += [self._names[i] for i in missing]
                reason = f"after {self._rendezvous_s:g} s only {len(self._slots) - len(missing)} of {len(self._slots)} "
                return self._end("lost", f"{reason}slots had started; missing: {names}", abort=True)
            return []
        for i, slot in enumerate(self._slots):
            if slot.last_heard is not None and now - slot.last_heard > self._silence_s:
                return self._lost(Lost(i, slot.incarnation, f"not heard of for {self._silence_s:g} s"))
        for i, (since, why) in self._suspects.items():
            if now - since > _SUSPECT_S:  # it may have died a moment ago, and then its own line says so first
                return self._lost(Lost(i, None, why))
        return []

    # helpers ------------------------------------------------------------------------------------------------------

    def heard(self, slot: int, incarnation: int, now: float) -> bool:
        """Note that a slot has spoken; False when this incarnation is not the one that counts."""
        if not self._lives(slot, incarnation):
            return False
        self._slots[slot].last_heard = now
        return True

    def _lives(self, slot: int, incarnation: int) -> bool:
        return self._slots[slot].incarnation == incarnation

    def _settle(self, task: int, state: TaskState) -> None:
        self.state[task] = state
        self._to_collect.discard(task)
        self._unsettled -= 1

    def _end_if_settled(self) -> list[Instruction]:
        everyone = all(slot.incarnation is not None for slot in self._slots)
        if self._unsettled or self._to_collect or not everyone:
            return []
        if not self.failures:
            return self._end("done", "all tasks are done", abort=False)
        failed, skipped = len(self.tasks_in(TaskState.FAILED)), len(self.tasks_in(TaskState.SKIPPED))
        reason = f"{failed} of {len(self.state)} tasks failed, {self.done} finished, {skipped} were not run"
        return self._end("failed", reason, abort=False)

    def _end(self, status: str, reason: str, *, abort: bool) -> list[Instruction]:
        for task in self.tasks_in(TaskState.WAITING):
            self._settle(task, TaskState.SKIPPED)
        self.outcome = Ended(status, reason)  # type: ignore[arg-type]
        ends: list[Instruction] = [End(i, abort) for i, slot in enumerate(self._slots) if slot.incarnation is not None]
        return [*ends, self.outcome]
