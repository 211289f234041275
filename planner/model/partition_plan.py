"""The partition plan: which partition the rows of each key go to, and what that is predicted to bring."""

from __future__ import annotations

from dataclasses import dataclass

from planner.model.arrays import Float64, Int64

__all__ = ["HeavyKey", "Layout", "PartitionPlan"]


@dataclass(frozen=True)
class HeavyKey:
    """One of the heaviest keys.

    Attributes
    ----------
    key : str
        As text, shortened where it is long; the parts of a key of several columns with a comma between them.
    weight : float
    rows : int
        Counted; scaled up where rows were sampled.
    partition : int
        The first of them, where it is split.
    pieces : int
        Partitions that its rows are spread over; 1, unless a `combine` allows more.
    """

    key: str
    weight: float
    rows: int
    partition: int
    pieces: int = 1


@dataclass(frozen=True)
class Layout:
    """A way to lay the same keys out, and what it is predicted to take.

    Attributes
    ----------
    name : str
        ``planned``, ``hash partitioning``, ``adaptive execution``.
    partitions : int
        Those that hold anything.
    makespan : float
        In the unit of the weights, where partitions start in the order of their ids, each on the first free slot.
    skew : float
        Heaviest partition ÷ mean of those that hold anything.
    """

    name: str
    partitions: int
    makespan: float
    skew: float


@dataclass(frozen=True, eq=False)
class PartitionPlan:
    """Where the rows of each key go, and what that is predicted to bring, beside what Spark would do by itself.

    Attributes
    ----------
    by : tuple of str
        The key's columns.
    weight : str
        What was weighed, as a person would say it: ``rows``, ``sum of cost``, ``n_rows**2``, ``measured seconds``.
    unit : str
        ``s`` where weights are seconds, ``rows`` where they are rows, else empty.
    n_keys : int
    keys_exact : bool
        False where the number of keys is an estimate, because keys were summarised or rows sampled.
    n_rows : int
    sampled : float or None
        Which part of the rows was weighed, where it was not all of them.
    slots : int
    speeds : ndarray of float, shape (slots,)
        Of each slot, relative to 1.
    partition_weight : ndarray of float, shape (partitions,)
        Falling: Spark starts partitions in the order of their ids, so the heaviest starts first.
    partition_keys, partition_rows : ndarray of int64, shape (partitions,)
        Estimates, where `keys_exact` is False.
    heaviest : tuple of HeavyKey
        By falling weight, at most 20.
    lower_bound : float
        What no layout of these keys can be below, in the unit of the weights.
    bound_reason : str
        ``one key``, where the heaviest key alone sets the bound, else ``all slots busy``.
    layouts : tuple of Layout
        The planned one first, then what Spark would do by itself.
    notes : tuple of str
        What a reader should know: sampling, keys without history, executors of measured speed.
    seconds : float
        What weighing and planning took.
    """

    by: tuple[str, ...]
    weight: str
    unit: str
    n_keys: int
    keys_exact: bool
    n_rows: int
    sampled: float | None
    slots: int
    speeds: Float64
    partition_weight: Float64
    partition_keys: Int64
    partition_rows: Int64
    heaviest: tuple[HeavyKey, ...]
    lower_bound: float
    bound_reason: str
    layouts: tuple[Layout, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def n_partitions(self) -> int:
        """Number of partitions."""
        return len(self.partition_weight)

    @property
    def planned(self) -> Layout:
        """The layout of this plan."""
        return self.layouts[0]

    @property
    def makespan(self) -> float:
        """Predicted makespan, in the unit of the weights."""
        return self.planned.makespan

    @property
    def gap(self) -> float:
        """How far the predicted makespan is above the lower bound: 0.02 is 2 %."""
        return self.makespan / self.lower_bound - 1 if self.lower_bound > 0 else 0.0

    @property
    def gain(self) -> float:
        """How many times as long the best of Spark's own layouts is predicted to take; 1 where there is none."""
        others = [layout.makespan for layout in self.layouts[1:]]
        return min(others) / self.makespan if others and self.makespan > 0 else 1.0

    @property
    def expects_gain(self) -> bool:
        """Whether the plan is predicted to be at least 5 % ahead of what Spark would do by itself."""
        return self.gain >= 1.05
