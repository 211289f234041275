"""The coordinator's mind: a state machine that keeps a plan. Events in, instructions out; no clock, no sockets.

It is a plan keeper and not a per-task scheduler: slots run their queues without asking, and only what the plan did not
foresee (a failure, a loss, a move, the end) makes it speak.

When a slot is lost, a new epoch begins: all others come to a halt, between two tasks, and say what they hold. From that
follows which values are gone and have to be made again; what has no slot gets one, and every slot a queue in which each
value that is there has its way to those who take it. What is still on its way from the epoch before counts no more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from planner.errors import TaskFailure
from planner.runtime.collecting import Collecting
from planner.runtime.ledger import STRIKES, Ledger, TaskState
from planner.runtime.members import LATE, Members
from planner.runtime.messages import (
    Cancelled,
    Collected,
    End,
    Ended,
    Event,
    Failed,
    Finished,
    GivenUp,
    Hello,
    Holds,
    Instruction,
    Leaving,
    Lost,
    Offered,
    Orphans,
    Peers,
    Regroup,
    Released,
    Skip,
    Start,
    Stuck,
    Tick,
    Unreachable,
    Unreadable,
)
from planner.runtime.moves import Moves
from planner.runtime.recovery import Recovery
from planner.runtime.replication import Replication
from planner.runtime.slot_queue import Record
from planner.runtime.speculation import Speculation

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
    replication : Replication, optional
        Which tasks have replicas.
    expected : int, optional
        How many slots, the first ones, are waited for; all, if left out.

    Attributes
    ----------
    ledger, members : Ledger, Members
        What has become of every task, and which slots are there.
    slot_of : list of int
        Where each task is now; −1 while it has no slot.
    moving : Moves
        Tasks on their way from slot to slot.
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
        replication: Replication | None = None,
        expected: int | None = None,
    ) -> None:
        self.replication = Replication() if replication is None else replication
        self.ledger = Ledger(successors, successors if takers is None else takers, results, done, self.replication)
        self.stored = set(stored)
        if done:
            self.ledger.repeat(self.ledger.tasks_in(TaskState.WAITING), self.stored)
        called = names or [f"slot {i}" for i in range(slots)]
        self.members = Members(called, rendezvous_s, silence_s, patience_s, expected)
        self.slot_of = list(slot_of)
        self.losses: list[tuple[int, str]] = []
        self.outcome: Ended | None = None
        self._recovery = Recovery()
        self._blame = blame or (lambda task, slot, reason: TaskFailure(str(task), str(slot), 0, 0, reason, ""))
        self._at: dict[int, int] = {}  # slot -> task that it was running when it last reported
        self.moving = Moves(self.ledger, self.members, self.slot_of)
        self._collecting = Collecting(self.ledger, self.members)
        self._twice = Speculation(self.ledger, self.members, self.slot_of)

    @property
    def lost(self) -> list[str]:
        """The slots that were lost, and why."""
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
        """Take one event in and give the instructions that follow from it, in order."""
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
            case Offered():
                return self._collecting.offered(event)
            case Collected():
                self.ledger.to_collect.discard(event.task)
                return self._end_if_settled()
            case Lost():
                return self._lost(event)
            case Leaving():
                return self._new_epoch() if self.members.leave(event) and self.together else []
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

    def move(self, targets: Mapping[int, int], order: Mapping[int, int]) -> list[Instruction]:
        """Move tasks to other slots.

        Parameters
        ----------
        targets : mapping of int to int
            The slot to which each task goes; those stay that no longer wait, are on their way, or have replicas.
        order : mapping of int to int
            What waits runs in this order from now on.
        """
        if self.outcome is not None or not self.together or self._recovery.under_way:
            return []
        staying = {task for task in targets if self.replication.stays(task)}
        return self.moving.ask({task: slot for task, slot in targets.items() if task not in staying}, order)

    def copy(self, targets: Mapping[int, int]) -> list[Instruction]:
        """Let tasks that run, run on a second slot as well, if what they take is there; what ends first counts."""
        if self.outcome is not None or not self.together or self._recovery.under_way:
            return []
        free = {task: slot for task, slot in targets.items() if not self.replication.stays(task)}
        return self._new_epoch() if self._twice.ask(free) else []

    def place(self, slots: Mapping[int, int]) -> list[Instruction]:
        """Give a slot to tasks that wait; those that run, or take what cannot leave its slot, stay where they are.

        Slots go on as soon as every task has one that is there.
        """
        if self.outcome is not None or not self._recovery.all_hold(self.members.living):
            return []
        staying = set(self.members.staying)
        for task, slot in slots.items():
            stays = task in self._recovery.running or (self.replication.stays(task) and self.slot_of[task] >= 0)
            if self.ledger.waits(task) and not stays and slot in staying:
                self.slot_of[task] = self.moving.home.get(task, slot)
        return self._regroup()

    # one event each -----------------------------------------------------------------------------------------------

    def _hello(self, event: Hello) -> list[Instruction]:
        if self.outcome is not None:
            return [End(event.slot, abort=True)]
        together = self.together
        if not self.members.hello(event):  # a speculative or retried copy while the first lives: it waits in vain
            return []
        self.losses = [loss for loss in self.losses if loss != (event.slot, LATE)]
        if self._recovery.under_way:
            self._recovery.joined(event.slot)
            return self._survey()
        instructions: list[Instruction] = [Start(event.slot, self.epoch)]
        skipped = [*self.ledger.tasks_in(TaskState.SKIPPED), *self.ledger.tasks_in(TaskState.SPARED)]
        here = [task for task in skipped if self.slot_of[task] == event.slot]
        if missed := {*here, *map(self.replication.value, here)}:
            instructions.append(Skip(event.slot, tuple(sorted(missed))))  # it has come late, and has not heard of it
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
            self._recovery.ended(event.slot, record.task, made=True)
            self._recovery.finished(event.slot, self.replication.value(record.task))
            instructions += self._made(event.slot, record)
        return instructions + self._end_if_settled()

    def _made(self, slot: int, record: Record) -> list[Instruction]:
        """Book a task that has ended, and have a result fetched."""
        value, instructions = self.replication.value(record.task), list[Instruction]()
        if self.ledger.waits(record.task) and self._twice.runs(record.task, slot):
            others = {*self.ledger.first(record, self.slot_of), self._twice.ended(record.task, slot)} - {None}
            there = [each for each in self.members.living if each in others]
            instructions += [Skip(each, self.replication.runners(value)) for each in there]
        elif not self.ledger.late(record, slot, self.slot_of):
            return []
        if record.stored:
            self.stored.add(value)
        return instructions + self._collecting.made(slot, value, record)

    def _released(self, event: Released) -> list[Instruction]:
        return self.moving.released(event) if self.members.lives(event.slot, event.incarnation) else []

    def _stuck(self, event: Stuck) -> list[Instruction]:
        if not self.members.lives(event.slot, event.incarnation) or self._twice.beaten(event.value, event.slot):
            return []
        takers = self.ledger.takers[event.value] if event.task is None else (event.task,)
        takers = [task for task in takers if self.ledger.waits(task)]
        if (task := self.moving.bind(takers, event.slot)) is not None:  # two such values, on two slots
            what, where = f"task {task} takes two values that do not pickle", self.members.names[event.slot]
            return self._end("failed", f"{what}; one is on {where}; rebalance='none' may help", abort=True)
        if not self.together or self._recovery.under_way:
            return []
        return self.moving.ask(dict.fromkeys(takers, event.slot), {})

    def _failed(self, event: Failed) -> list[Instruction]:
        if not self.members.lives(event.slot, event.incarnation):
            return []
        self._recovery.ended(event.slot, event.task, made=False)
        mine = self._twice.runs(event.task, event.slot) and self.ledger.waits(event.task)
        if not mine or self._twice.failed(event.task, event.slot):
            return []
        return self._fail(event.task, event.failure) + self._end_if_settled()

    def _fail(self, failed: int, failure: TaskFailure) -> list[Instruction]:
        if self.ledger.spare({failed} & self.replication.copy_of.keys()):
            return []  # its task goes on
        skipped = dict[int, list[int]]()
        for task in self.ledger.fail(failed, failure):
            skipped.setdefault(self.slot_of[task], []).append(task)
        return [Skip(slot, tuple(sorted(skipped[slot]))) for slot in self.members.living if slot in skipped]

    def _lost(self, event: Lost) -> list[Instruction]:
        slot = event.slot
        if self.members.spare_gone(slot, event.incarnation) or not self.members.lives(slot, event.incarnation):
            return []
        self.losses.append((slot, event.reason))
        dismissed = End(slot, abort=True, incarnation=self.members.incarnation(slot))
        self.members.lose(slot)
        skips, task = list[Instruction](), self._at.pop(slot, None)
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
            self.losses += [(slot, LATE) for slot in late]
            return [] if self.epoch else self._new_epoch()
        if self.members.deserted():
            return self._end("lost", f"every slot was lost, and none came back: {'; '.join(self.lost)}", abort=True)
        overdue = [Lost(slot, self.members.incarnation(slot), why) for slot, why in self.members.overdue()]
        return self._lost(overdue[0]) if overdue else []

    # a new epoch --------------------------------------------------------------------------------------------------

    @property
    def together(self) -> bool:
        """Whether slots know one another."""
        return self.members.complete or self.epoch > 0

    def _new_epoch(self) -> list[Instruction]:
        self.moving.forget(self.members.living)
        self._collecting.new_epoch()
        self.members.trust()
        return [*self._recovery.begin(self.members.living)]

    def _held(self, event: Holds) -> list[Instruction]:
        if not self.members.lives(event.slot, event.incarnation) or not self._recovery.held(event):
            return []
        if event.running is not None and self._recovery.has_made(event.slot, event.running):
            self._recovery.finished(event.slot, self.replication.value(event.running))  # its end has overtaken this
        return self._survey()

    def _survey(self) -> list[Instruction]:
        """Once all have said what they hold: find out what has to be made again, and what has no slot."""
        if not self._recovery.all_hold(self.members.living):
            return []
        held = self._recovery.values() | (self.stored - self.ledger.to_collect)
        self._twice.survey(self._recovery, held)
        running = self._recovery.running | {task: self.slot_of[task] for task in self._twice.seconds}
        lives = set(self.members.staying).__contains__
        self.ledger.spare(copy for copy in self.replication.copy_of if not lives(self.slot_of[copy]))
        idle = [task for task in self.ledger.tasks_in(TaskState.WAITING) if task not in running]
        for task in (*idle, *self.ledger.repeat(idle, held)):
            bound = running.get(task, self.moving.home.get(task))
            there = self.slot_of[task] if bound is None else bound
            if bound is None and not lives(there):
                there = self.replication.stand_in(task, self.slot_of, lives, running)
                copies = self.replication.copies.get(task, ())
                self.ledger.spare(copy for copy in copies if self.slot_of[copy] == there)
            self.slot_of[task] = there
        return self._regroup()

    def _regroup(self) -> list[Instruction]:
        if lacking := self.orphans:
            return [Orphans(tuple(lacking))]
        begun = tuple((slot, task) for slot, task in sorted(self._recovery.runs) if self.ledger.waits(task))
        holders, state = self._recovery.end(), self.ledger.state
        done = {task: slots for task, slots in holders.items() if state[task] is TaskState.DONE}
        waiting, addresses = tuple(self.ledger.tasks_in(TaskState.WAITING)), self.members.addresses
        slots, where, stored = tuple(addresses), tuple(self.slot_of), frozenset(self.stored)
        collect = frozenset(self.ledger.to_collect & done.keys() - self._collecting.under_way.keys())
        regroup = Regroup(self.epoch, slots, waiting, begun, where, done, stored, collect, dict(self._twice.seconds))
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
        late = {s for s, t in self._at.items() if t in self._twice.doubled or self.replication.stays(t)}
        return [*(End(slot, abort or slot in late) for slot in self.members.living), self.outcome]
