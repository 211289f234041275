"""What has become of every task of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from enum import Enum

from planner.errors import TaskFailure
from planner.runtime.recovery import to_make_again
from planner.runtime.replication import Replication
from planner.runtime.slot_queue import Record

__all__ = ["Ledger", "TaskState"]


class TaskState(Enum):
    """Where a task stands. It waits again, when it was done and its value is lost before all have it.

    A copy is spared when its task needs it no more. It is done if it ends all the same; nobody waits for that.
    """

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    SPARED = "spared"


STRIKES = 4
"""A task has failed, when so many slots were lost while they ran it; as many as Spark allows a task of its own."""


class Ledger:
    """Keeps account of tasks.

    Parameters
    ----------
    successors : sequence of sequence of int
        Tasks that wait for each task.
    takers : sequence of sequence of int
        Those of them that take its value.
    results : sequence of int
        Tasks whose values the driver wants.
    done : collection of int
        Tasks that an earlier run has done.
    replication : Replication, optional
        Which tasks are copies.

    Attributes
    ----------
    takes : list of list of int
        Tasks whose values each task takes.
    state : list of TaskState
    records : dict of int to Record
        Of the tasks that are done.
    told : list of Record
        Of all that have ended, in that order; those that ran again stand there again.
    again : list of int
        Tasks that had to run again, as often as they had to.
    failures : list of TaskFailure
    to_collect : set of int
        Results that are not in the driver's hands.
    """

    def __init__(
        self,
        successors: Sequence[Sequence[int]],
        takers: Sequence[Sequence[int]],
        results: Sequence[int],
        done: Collection[int] = (),
        replication: Replication | None = None,
    ) -> None:
        self._replication = Replication() if replication is None else replication
        self.successors, self.takers = successors, takers
        self.state = [TaskState.WAITING] * len(successors)
        done = self._replication.all_done(done)
        for task in done:
            self.state[task] = TaskState.DONE
        self.records: dict[int, Record] = {}
        self.told: list[Record] = []
        self.again: list[int] = []
        self.failures: list[TaskFailure] = []
        self.to_collect = set(results)
        self._unsettled = len(successors) - len(done)
        self._strikes: Counter[int] = Counter()
        self.takes: list[list[int]] = [[] for _ in successors]
        for task, those in enumerate(takers):
            for taker in those:
                self.takes[taker].append(task)
        for task in done:
            self.spare(self._replication.copies.get(task, ()))

    @property
    def settled(self) -> bool:
        """Whether nothing is left to run, or to collect."""
        return not self._unsettled and not self.to_collect

    def tasks_in(self, state: TaskState) -> list[int]:
        """Give the tasks in a state, ascending."""
        return [task for task, now in enumerate(self.state) if now is state]

    def waits(self, task: int) -> bool:
        """Tell whether a task has yet to end."""
        return self.state[task] is TaskState.WAITING

    def finish(self, record: Record) -> None:
        """Note that a task is done."""
        self.state[record.task] = TaskState.DONE
        self.records[record.task] = record
        self.told.append(record)
        self._unsettled -= 1

    def fail(self, task: int, failure: TaskFailure) -> list[int]:
        """Note that a task has failed, and give those that can no longer run."""
        self.failures.append(failure)
        self._settle(task, TaskState.FAILED)
        skipped, frontier = self.spare(self._replication.copies.get(task, ())), [task]
        while frontier:
            for after in self.successors[frontier.pop()]:
                if self.waits(after):
                    self._settle(after, self._not_run(after))
                    skipped.append(after)
                    frontier.append(after)
        return skipped

    def spare(self, copies: Iterable[int]) -> list[int]:
        """Note that copies need not run, and give those that were to."""
        spared = [copy for copy in copies if self.waits(copy)]
        for copy in spared:
            self._settle(copy, TaskState.SPARED)
        return spared

    def first(self, record: Record, slot_of: list[int]) -> list[int]:
        """Note that a task is done, whether it or a copy was first; give the slots on which the others need not run.

        A copy that was first and its task change places: the task was done where the copy was to run.
        """
        task, copy = self._replication.value(record.task), record.task
        self.finish(replace(record, task=task))
        spared = self.spare(self._replication.copies.get(task, ()))
        slot_of[task], slot_of[copy] = slot_of[copy], slot_of[task]
        return sorted({slot_of[each] for each in spared} - {slot_of[task], -1})

    def late(self, record: Record, slot: int, slot_of: Sequence[int]) -> bool:
        """Note that a task has ended all the same whose value came from elsewhere before; it is booked as a copy."""
        task = self._replication.value(record.task)
        for copy in self._replication.copies.get(task, ()):
            mine = slot_of[copy] == slot and self.state[copy] is TaskState.SPARED
            if mine and (record.task == copy or self.state[task] is TaskState.DONE):
                self.state[copy] = TaskState.DONE
                self.records[copy] = replace(record, task=copy)
                self.told.append(self.records[copy])
                return True
        return False

    def repeat(self, idle: Iterable[int], held: Collection[int]) -> list[int]:
        """Let tasks wait again whose values are needed by those that have yet to begin, and nowhere held."""
        again = to_make_again(
            self.takes, idle, self.to_collect, lambda task: self.state[task] is TaskState.DONE and task not in held
        )
        for task in again:
            self.state[task] = TaskState.WAITING
            self._unsettled += 1
            self.records.pop(task, None)
        self.again += again
        return again

    def strike(self, task: int) -> int:
        """Note that a slot was lost while it ran a task, and give how many were."""
        self._strikes[task] += 1
        return self._strikes[task]

    def close(self) -> None:
        """Note that what waits will not run."""
        for task in self.tasks_in(TaskState.WAITING):
            self._settle(task, self._not_run(task))

    def verdict(self) -> tuple[str, str]:
        """Give the status of a run that has come to its end, and the reason."""
        if not self.failures:
            return "done", "all tasks are done"
        failed, skipped = len(self.tasks_in(TaskState.FAILED)), len(self.tasks_in(TaskState.SKIPPED))
        tasks = len(self.state) - len(self._replication.copy_of)
        finished = len(self.records.keys() - self._replication.copy_of.keys())
        return "failed", f"{failed} of {tasks} tasks failed, {finished} finished, {skipped} were not run"

    def _not_run(self, task: int) -> TaskState:
        return TaskState.SPARED if task in self._replication.copy_of else TaskState.SKIPPED

    def _settle(self, task: int, state: TaskState) -> None:
        self.state[task] = state
        self.to_collect.discard(task)
        self._unsettled -= 1
