"""The coordinator's mind: a state machine that keeps a plan. Events in, instructions out; no clock, no sockets.

It is a plan keeper and not a per-task scheduler: slots run their queues without asking, and only what the plan did not
foresee (a failure, a loss, a move, the end) makes it speak.

A task is moved in two steps, so that it can never run twice: its slot is asked to give it back, and only when that slot
has answered that it had not begun, another gets it.

When a slot is lost, a new epoch begins: all others come to a halt, between two tasks, and say what they hold. From that
follows which values are gone and have to be made again; what has no slot gets one, and every slot a queue in which each
value that is there has its way to those who take it. What is still on its way from the epoch before counts no more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from planner.errors import TaskFailure
from planner.runtime.ledger import STRIKES, Ledger, TaskState
from planner.runtime.members import Members
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
    GivenUp,
    Hello,
    Holds,
    Instruction,
    Lost,
    Orphans,
    Peers,
    Regroup,
    Released,
    Reorder,
    Skip,
    Start,
    Stuck,
    Tick,
    Unreachable,
    Unreadable,
    Watch,
    Withdraw,
)
from planner.runtime.recovery import Recovery
from planner.runtime.slot_queue import Handed

__all__ = ["PlanKeeper"]


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
        Seconds for which slots may be late, and may be silent; then they are given up.
    patience_s : float, optional
        Seconds for which the first slots wait for the others; as long as these may be late, if left out.
    names : sequence of str, optional
        How to call each slot in messages.
    takers : sequence of sequence of int, optional
        Those of the successors that take the value of each task; all of them, if left out.
    done, stored : collection of int
        Tasks that an earlier run has done, and those whose values are in storage.
    blame : callable, optional
        ``blame(task, slot, reason)`` words the failure of a task that no slot survives.

    Attributes
    ----------
    ledger, members : Ledger, Members
        What has become of every task, and which slots are there.
    slot_of : list of int
        Where each task is now; −1 while it has no slot.
    losses : list of (int, str)
        Slots that were lost, and why.
    stored : set of int
        Tasks whose values are in storage.
    outcome : Ended or None
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
        patience_s: float | None = None,
        names: Sequence[str] | None = None,
        takers: Sequence[Sequence[int]] | None = None,
        done: Collection[int] = (),
        stored: Collection[int] = (),
        blame: Callable[[int, int, str], TaskFailure] | None = None,
    ) -> None:
        self.ledger = Ledger(successors, successors if takers is None else takers, results, done)
        self.stored = set(stored)
        if done:
            self.ledger.repeat(self.ledger.tasks_in(TaskState.WAITING), self.stored)
        self.members = Members(names or [f"slot {i}" for i in range(slots)], rendezvous_s, silence_s, patience_s)
        self.slot_of = list(slot_of)
        self.moves = 0
        self.losses: list[tuple[int, str]] = []
        self.outcome: Ended | None = None
        self._recovery = Recovery()
        self._blame = blame or (lambda task, slot, reason: TaskFailure(str(task), str(slot), 0, 0, reason, ""))
        self._at: dict[int, int] = {}  # slot -> task that it was running when it last reported
        self._moving: dict[int, int] = {}  # task -> slot to which it goes, once it has been given back
        self._home: dict[int, int] = {}  # task that takes what cannot leave a slot -> that slot

    @property
    def lost(self) -> list[str]:
        """The slots that were lost, and why, in words."""
        return [f"{self.members.names[slot]} ({reason})" for slot, reason in self.losses]

    @property
    def epoch(self) -> int:
        """How often slots were regrouped."""
        return self._recovery.epoch

    @property
    def orphans(self) -> list[int]:
        """Tasks that have no slot, and are to get one by `place`."""
        if self.outcome is not None or not self._recovery.all_hold(self.members.living):
            return []
        return [task for task in self.ledger.tasks_in(TaskState.WAITING) if self.slot_of[task] < 0]

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
            case Holds():
                return self._held(event)
            case Stuck():
                return self._stuck(event)
            case Unreadable():
                self.stored.discard(event.value)
                return self._new_epoch() if self.members.lives(event.slot, event.incarnation) else []
            case Failed():
                return self._failed(event)
            case Collected():
                self.ledger.to_collect.discard(event.task)
                return self._end_if_settled()
            case Lost():
                return self._lost(event)
            case Unreachable():
                if event.epoch == self.epoch:
                    self.members.suspect(event)
                return []
            case Cancelled():
                return self._end("cancelled", event.reason, abort=True)
            case GivenUp():
                return self._end("lost", event.reason, abort=True)
            case Tick():
                return self._tick(event.now)

    # what the driver decides --------------------------------------------------------------------------------------

    def headed(self, task: int) -> int:
        """Give the slot of a task, or the one to which it goes."""
        there = self.slot_of[task]
        return self._moving.get(task, there) if self.ledger.waits(task) else there

    def move(self, targets: Mapping[int, int], order: Mapping[int, int]) -> list[Instruction]:
        """Move tasks to other slots.

        Parameters
        ----------
        targets : mapping of int to int
            The slot to which each task goes; those that no longer wait, or are on their way already, stay.
        order : mapping of int to int
            What waits runs in this order from now on.
        """
        if self.outcome is not None or not self.together or self._recovery.under_way:
            return []
        asked: dict[int, list[int]] = {}
        for task, target in targets.items():
            source = self.slot_of[task]
            waits = self.ledger.waits(task) and task not in self._moving
            if waits and source != target and self.members.lives(target):
                self._moving[task] = target
                asked.setdefault(source, []).append(task)
        ordered: dict[int, dict[int, int]] = {}
        for task, key in order.items():
            if self.ledger.waits(task):
                ordered.setdefault(self.slot_of[task], {})[task] = key
        return [
            *(Reorder(slot, keys) for slot, keys in sorted(ordered.items())),
            *(Withdraw(slot, tuple(tasks)) for slot, tasks in sorted(asked.items())),
        ]

    def place(self, slots: Mapping[int, int]) -> list[Instruction]:
        """Give a slot to tasks that wait; those that run, or take what cannot leave its slot, stay where they are.

        Slots go on as soon as every task has one that is there.
        """
        if self.outcome is not None or not self._recovery.all_hold(self.members.living):
            return []
        for task, slot in slots.items():
            if self.ledger.waits(task) and task not in self._recovery.running and self.members.lives(slot):
                self.slot_of[task] = self._home.get(task, slot)
        return self._regroup()

    # one event each -----------------------------------------------------------------------------------------------

    def _hello(self, event: Hello) -> list[Instruction]:
        if self.outcome is not None:
            return [End(event.slot, abort=True)]
        together = self.together
        if not self.members.hello(event):  # a speculative or retried copy while the first lives: it waits in vain
            return []
        if self._recovery.under_way:
            self._recovery.joined(event.slot)
            return self._survey()
        instructions: list[Instruction] = [Start(event.slot, self.epoch)]
        skipped = self.ledger.tasks_in(TaskState.SKIPPED) if self.ledger.failures else []
        if missed := tuple(task for task in skipped if self.slot_of[task] == event.slot):
            instructions.append(Skip(event.slot, missed))  # it has come late, and has not heard of it
        if self.together:
            addresses = self.members.addresses
            instructions += [Peers(slot, addresses) for slot in addresses]
            instructions += [] if together else self._end_if_settled()  # an empty plan
        return instructions

    def _finished(self, event: Finished) -> list[Instruction]:
        if not self.members.lives(event.slot, event.incarnation):
            return []
        instructions: list[Instruction] = []
        self._at.pop(event.slot, None)
        if event.running is not None:
            self._at[event.slot] = event.running
        for record in event.records:
            if not self.ledger.waits(record.task) or self.slot_of[record.task] != event.slot:
                continue
            self.ledger.finish(record)
            if record.stored:
                self.stored.add(record.task)
            self._recovery.finished(event.slot, record.task)
            if record.task in self.ledger.to_collect:
                if record.result_bytes is None:  # it came with the report
                    self.ledger.to_collect.discard(record.task)
                else:
                    instructions.append(Fetch(event.slot, record.task))
        return instructions + self._end_if_settled()

    def _released(self, event: Released) -> list[Instruction]:
        if not self.members.lives(event.slot, event.incarnation):
            return []
        targets = {task: self._moving.pop(task) for task in event.asked if task in self._moving}
        given: dict[int, list[Handed]] = {}
        watched: set[tuple[int, int]] = set()
        for handed in event.tasks:
            if not self.ledger.waits(handed.task) or handed.task not in targets:
                continue  # what it needs has failed in the meantime, or a new epoch has begun
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
        if not self.members.lives(event.slot, event.incarnation):
            return []
        takers = self.ledger.takers[event.value] if event.task is None else (event.task,)
        takers = [task for task in takers if self.ledger.waits(task)]
        for task in takers:
            if self._home.setdefault(task, event.slot) != event.slot:  # two such values, on two slots
                what, where = f"task {task} takes two values that do not pickle", self.members.names[event.slot]
                reason = f"{what}, and one of them is on {where}; rebalance='none' may help"
                return self._end("failed", reason, abort=True)
        return self.move(dict.fromkeys(takers, event.slot), {})

    def _failed(self, event: Failed) -> list[Instruction]:
        mine = self.members.lives(event.slot, event.incarnation) and self.slot_of[event.task] == event.slot
        if not mine or not self.ledger.waits(event.task):
            return []
        return self._fail(event.task, event.failure) + self._end_if_settled()

    def _fail(self, failed: int, failure: TaskFailure) -> list[Instruction]:
        skipped: dict[int, list[int]] = {}
        for task in self.ledger.fail(failed, failure):
            skipped.setdefault(self.slot_of[task], []).append(task)
        return [
            Skip(slot, tuple(sorted(tasks)))
            for slot, tasks in sorted(skipped.items())
            if slot >= 0 and self.members.lives(slot)
        ]

    def _lost(self, event: Lost) -> list[Instruction]:
        slot = event.slot
        if self.members.spare_gone(slot, event.incarnation) or not self.members.lives(slot, event.incarnation):
            return []
        self.losses.append((slot, event.reason))
        dismissed = End(slot, abort=True, incarnation=self.members.incarnation(slot))
        self.members.lose(slot)
        skips: list[Instruction] = []
        task = self._at.pop(slot, None)
        if task is not None and self.ledger.waits(task) and self.slot_of[task] == slot:
            strikes = self.ledger.strike(task)
            if strikes >= STRIKES:  # it may be what they die of
                reason = f"its slot was lost each of the {strikes} times that it ran: {event.reason}"
                skips = self._fail(task, self._blame(task, slot, reason))
        return [dismissed, *skips, *self._new_epoch(), *self._end_if_settled()]

    def _tick(self, now: float) -> list[Instruction]:
        self.members.pass_time(now)
        if late := self.members.late():
            if not self.members.living:
                names = ", ".join(self.members.names[slot] for slot in late)
                return self._end("lost", f"no slot had started in time; missing: {names}", abort=True)
            self.losses += [(slot, "it had not started in time") for slot in late]
            return [] if self.epoch else self._new_epoch()
        if self.members.deserted():
            return self._end("lost", f"every slot was lost, and none came back: {'; '.join(self.lost)}", abort=True)
        if (given_up := self.members.overdue()) is not None:
            slot, reason = given_up
            return self._lost(Lost(slot, self.members.incarnation(slot), reason))
        return []

    # a new epoch --------------------------------------------------------------------------------------------------

    @property
    def together(self) -> bool:
        """Whether slots know one another."""
        return self.members.complete or self.epoch > 0

    def _new_epoch(self) -> list[Instruction]:
        self._moving.clear()
        self._home = {task: slot for task, slot in self._home.items() if self.members.lives(slot)}
        self.members.trust()
        return [*self._recovery.begin(self.members.living)]

    def _held(self, event: Holds) -> list[Instruction]:
        if not self.members.lives(event.slot, event.incarnation) or not self._recovery.held(event):
            return []
        if event.running is not None and not self.ledger.waits(event.running):
            self._recovery.finished(event.slot, event.running)  # its end has overtaken this
        return self._survey()

    def _survey(self) -> list[Instruction]:
        """Once all have said what they hold: find out what has to be made again, and what has no slot."""
        if not self._recovery.all_hold(self.members.living):
            return []
        running = self._recovery.running
        idle = [task for task in self.ledger.tasks_in(TaskState.WAITING) if task not in running]
        for task in (*idle, *self.ledger.repeat(idle, self._recovery.values() | self.stored)):
            there = self._home.get(task, self.slot_of[task])
            self.slot_of[task] = there if there >= 0 and self.members.lives(there) else -1
        return self._regroup()

    def _regroup(self) -> list[Instruction]:
        if lacking := self.orphans:
            return [Orphans(tuple(lacking))]
        begun = tuple(task for task in sorted(self._recovery.running) if self.ledger.waits(task))
        holders, state = self._recovery.end(), self.ledger.state
        done = {task: slots for task, slots in holders.items() if state[task] is TaskState.DONE}
        waiting, addresses = tuple(self.ledger.tasks_in(TaskState.WAITING)), self.members.addresses
        slots, where, stored = tuple(addresses), tuple(self.slot_of), frozenset(self.stored)
        regroup = Regroup(self.epoch, slots, waiting, begun, where, done, stored)
        return [regroup, *(Peers(slot, addresses) for slot in addresses), *self._end_if_settled()]

    # the end ------------------------------------------------------------------------------------------------------

    def _end_if_settled(self) -> list[Instruction]:
        if not self.ledger.settled or not self.together or self._recovery.under_way:
            return []
        status, reason = self.ledger.verdict()
        return self._end(status, reason, abort=False)

    def _end(self, status: str, reason: str, *, abort: bool) -> list[Instruction]:
        self.ledger.close()
        self.outcome = Ended(status, reason)  # type: ignore[arg-type]
        return [*(End(slot, abort) for slot in self.members.living), self.outcome]
