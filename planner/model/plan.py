"""A plan: where and when every task runs, how good that is, and how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from planner.model.arrays import Float64, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.progress import Progress
from planner.model.units import MICROSECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bound", "Learnt", "Plan", "Schedule", "Trial"]


_ROUNDING = 1e-12
"""Sums of efficiencies are floating-point numbers; makespans are whole and need none of this."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """What a method computes: for every task its slot, start and finish.

    Attributes
    ----------
    slot : ndarray of int32, shape (n,)
        Slot of the whole cluster, as in `Cluster.slot_executor`.
    start_us, finish_us : ndarray of int64, shape (n,)
    """

    slot: Int32
    start_us: Int64
    finish_us: Int64

    @property
    def makespan_us(self) -> int:
        """Latest finish."""
        return int(self.finish_us.max(initial=0))


@dataclass(frozen=True)
class Bound:
    """No plan can have a makespan below `us`, and `reason` says why, in words."""

    us: int
    reason: str


@dataclass(frozen=True)
class Trial:
    """A method that was tried on the way to a plan, what it reached, how long it took, and a remark."""

    method: str
    makespan_us: int
    seconds: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a history of runs made of what graph and cluster state.

    Attributes
    ----------
    works : ndarray of float, shape (n,)
        By what the work of each task was multiplied.
    speeds : ndarray of float, shape (executors,)
        By what the speed of each executor was multiplied.
    """

    works: Float64
    speeds: Float64


@dataclass(frozen=True, eq=False)
class Plan:
    """Where and when every task of a graph runs on a cluster.

    Attributes
    ----------
    graph : Graph
        Without data-parallel tasks: those have been decomposed.
    cluster : Cluster
    schedule : Schedule
    bound : Bound
    method : str
        The method that found the schedule.
    seconds : float
        Time that planning took.
    objective : {"makespan", "efficiency", "weighted"}
    value : float
        The objective's value: the makespan in seconds, the sum of efficiencies over capacities, or the weighted price
        in seconds.
    best_value : float or None
        For the objective ``efficiency`` no assignment can have a greater value, for ``weighted`` no plan a smaller one.
    trials : tuple of Trial
        What was tried.
    notes : tuple of str
        What a reader should know: why it stopped, what was decomposed into how many shards and why.
    settings : dict
        Seed, budget and whatever else the plan depended on.
    progress : Progress or None
        What had begun when it was made. A file of the plan does not hold it.
    learnt : Learnt or None
        Where a history was asked: by how much `graph` and `cluster` differ from what was stated.
    backups : dict of int to tuple of int
        From a task with standby replicas to the slots that stand by for it, first choice first.
    """

    graph: Graph
    cluster: Cluster
    schedule: Schedule
    bound: Bound
    method: str
    seconds: float = 0.0
    objective: str = "makespan"
    value: float = 0.0
    best_value: float | None = None
    trials: tuple[Trial, ...] = ()
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    learnt: Learnt | None = None
    backups: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def makespan_us(self) -> int:
        """Latest finish, in microseconds."""
        return self.schedule.makespan_us

    @property
    def makespan(self) -> float:
        """Latest finish, in seconds."""
        return self.makespan_us / MICROSECONDS

    @property
    def lower_bound(self) -> float:
        """Seconds below which no plan can be."""
        return self.bound.us / MICROSECONDS

    @property
    def gap(self) -> float:
        """How far the makespan is above the lower bound, relative to the bound: 0 is optimal.

        For the objective ``efficiency``, how far the value is below the best one, relative to the value; for
        ``weighted``, how far it is above the best one.
        """
        if self.objective == "weighted" and self.best_value is not None:
            more = max(0.0, self.value - self.best_value)
            return more / self.best_value if self.best_value else float("inf") if more else 0.0
        if self.best_value is not None:
            short = max(0.0, self.best_value - self.value)
            return short / self.value if self.value else float("inf") if short else 0.0
        if self.makespan_us <= self.bound.us:
            return 0.0
        return (self.makespan_us - self.bound.us) / self.bound.us if self.bound.us else float("inf")

    @property
    def status(self) -> Literal["optimal", "feasible"]:
        """``optimal`` when the objective meets its bound, else ``feasible``."""
        return "optimal" if self.gap <= _ROUNDING else "feasible"

    @property
    def busy_us(self) -> Int64:
        """Planned busy time of each slot; shape (slots,)."""
        span = self.schedule.finish_us - self.schedule.start_us
        return np.bincount(self.schedule.slot, weights=span, minlength=self.cluster.n_slots).astype(np.int64)

    @property
    def imbalance(self) -> float:
        """Skew of the slots' busy times: largest over mean; 1 is even."""
        busy = self.busy_us
        return float(busy.max() / busy.mean()) if busy.sum() else 1.0

    def to_pandas(self) -> pd.DataFrame:
        """Give the plan as a table, a row a task in the graph's order.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, ``kind``, ``executor``, ``slot`` (inside its executor), ``start``, ``finish`` (seconds).
        """
        import pandas as pd  # a heavy import that executors are spared

        schedule, cluster = self.schedule, self.cluster
        executor_ids = np.array([executor.id for executor in cluster.executors], dtype=object)
        return pd.DataFrame(
            {
                "id": self.graph.names,
                "kind": np.array(self.graph.kinds, dtype=object)[self.graph.kind],
                "executor": executor_ids[cluster.slot_executor[schedule.slot]],
                "slot": cluster.slot_number[schedule.slot],
                "start": schedule.start_us / MICROSECONDS,
                "finish": schedule.finish_us / MICROSECONDS,
            }
        )

    def __repr__(self) -> str:
        bound = f"lower bound {self.lower_bound:.4g} s, gap {self.gap:.2%}, {self.status}"
        what = f"{self.graph.n} tasks on {self.cluster.n_slots} slots, makespan {self.makespan:.4g} s"
        if self.best_value is not None:
            most = "at least" if self.objective == "weighted" else "at most"
            bound = f"{self.objective} {self.value:.4g}, {most} {self.best_value:.4g}, {self.status}"
        return f"Plan({what}, {bound}, {self.method})"
