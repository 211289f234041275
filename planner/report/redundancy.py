"""What the replicas of a plan cost, and what they survive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, format_bytes
from planner.report.words import count, seconds

__all__ = ["Redundancy", "replica_slots"]


@dataclass(frozen=True)
class Redundancy:
    """What the replicas of a plan cost, and what they survive.

    Attributes
    ----------
    standby, active : int
        Tasks with replicas of that mode.
    other : int
        Tasks without; copies are not counted.
    least, most : int
        Replicas that these tasks have, on different executors that are open: the fewest, and the most.
    short : int
        Tasks that ask for more, where executors are closed.
    executors, hosts : int
        How many executors, or hosts, may be lost, whichever they are, and no value of these tasks is lost with them.
    active_work_us : int
        Work of the active copies, beside that of their tasks.
    active_bytes : int
        What is sent to them.
    standby_bytes : int
        What is sent to the executors that stand by, and held there.
    """

    standby: int
    active: int
    other: int
    least: int
    most: int
    short: int
    executors: int
    hosts: int
    active_work_us: int
    active_bytes: int
    standby_bytes: int

    @classmethod
    def of(cls, plan: Plan) -> Redundancy | None:
        """Weigh the replicas of a plan; None, if no task has some."""
        graph, cluster = plan.graph, plan.cluster
        if not graph.replicas:
            return None
        copies = np.array([*graph.copy_of], dtype=np.int64)
        executor = cluster.slot_executor[plan.schedule.slot]
        on = _replicas_on(plan)
        counts = {task: len(there) for task, there in on.items()}
        hosts = [len({cluster.executors[e].host for e in there}) for there in on.values()]
        into = np.isin(np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr)), copies)
        sent = into & (executor[graph.pred] != np.repeat(executor, np.diff(graph.pred_ptr)))
        standby = [task for task, wanted in graph.replicas.items() if wanted.mode == "standby"]
        return cls(
            standby=len(standby),
            active=len(on) - len(standby),
            other=graph.n - len(on) - len(copies),
            least=min(counts.values()),
            most=max(counts.values()),
            short=sum(counts[task] < wanted.count for task, wanted in graph.replicas.items()),
            executors=max(0, min(counts.values()) - 1),
            hosts=max(0, min(hosts) - 1),
            active_work_us=int(graph.work_us[copies].sum()),
            active_bytes=int(graph.edge_bytes[sent].sum()),
            standby_bytes=sum(len(plan.backups.get(task, ())) * int(graph.output_bytes[task]) for task in standby),
        )

    def __str__(self) -> str:
        return f"{self._survives()} {self._costs()} {self._others()}".strip()

    def _survives(self) -> str:
        tasks = self.standby + self.active
        how = ", ".join(f"{n:,} {mode}" for n, mode in ((self.standby, "standby"), (self.active, "active")) if n)
        many = count(self.most, "replica")
        many = many if self.least == self.most else f"{self.least} to {many}"
        has, their = ("has", "its value survives") if tasks == 1 else ("have", "their values survive")
        lost = f"any {count(self.executors, 'executor')}" if self.executors else "no executor"
        lost += f", and of any {count(self.hosts, 'host')}" if self.hosts else ""
        told = f"{count(tasks, 'task')} {has} {many} ({how}): {their} the loss of {lost}."
        if self.short:
            told += f" Of these, {count(self.short, 'task')} asked for more."
        return told

    def _costs(self) -> str:
        costs = []
        if self.active:
            sent = f" and receive {format_bytes(self.active_bytes)}" if self.active_bytes else ""
            costs.append(f"active copies cost {seconds(self.active_work_us / MICROSECONDS)} of work{sent}")
        if self.standby:
            costs.append(f"standby copies send and hold {format_bytes(self.standby_bytes)}")
        told = "; ".join(costs)
        return f"{told[:1].upper()}{told[1:]}."

    def _others(self) -> str:
        if self.other:
            the = "value of the other task is" if self.other == 1 else f"values of the other {self.other:,} tasks are"
            return f"The {the} lost with {'its' if self.other == 1 else 'their'} executor."
        return "That is every task: after such a loss, none that has ended has to run again." if self.executors else ""

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON has it; work in seconds."""
        return {
            "standby_tasks": self.standby,
            "active_tasks": self.active,
            "other_tasks": self.other,
            "replicas": {"least": self.least, "most": self.most, "short": self.short},
            "survives": {"executors": self.executors, "hosts": self.hosts, "all_values": not self.other},
            "active_work": self.active_work_us / MICROSECONDS,
            "active_bytes": self.active_bytes,
            "standby_bytes": self.standby_bytes,
        }


def replica_slots(plan: Plan) -> dict[int, list[int]]:
    """Give the slots of each task with replicas: its own first, then those of its backups or copies."""
    slots = {task: [int(plan.schedule.slot[task]), *plan.backups.get(task, ())] for task in plan.graph.replicas}
    for copy, task in plan.graph.copy_of.items():
        slots[task].append(int(plan.schedule.slot[copy]))
    return slots


def _replicas_on(plan: Plan) -> dict[int, set[int]]:
    """Give the open executors that have, or will have, the value of each task with replicas."""
    executor = plan.cluster.slot_executor.tolist()
    closed = () if plan.progress is None else plan.progress.closed
    gone = {i for i, each in enumerate(plan.cluster.executors) if each.id in closed}
    return {task: {executor[slot] for slot in slots} - gone for task, slots in replica_slots(plan).items()}
