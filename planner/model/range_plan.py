"""The range plan: where an ordered DataFrame is cut, and how even its partitions are predicted to be."""

from __future__ import annotations

from dataclasses import dataclass

from planner.model.arrays import Float64, Int64

__all__ = ["RangeLayout", "RangePlan"]


@dataclass(frozen=True)
class RangeLayout:
    """A way to cut the same values, and how even it is.

    Attributes
    ----------
    name : str
        ``planned``, ``repartitionByRange, sampled``, ``quantiles of the rows``.
    partitions : int
        Those that hold anything.
    largest : float
        Weight of the heaviest partition.
    skew : float
        Heaviest partition ÷ an equal share.
    """

    name: str
    partitions: int
    largest: float
    skew: float


@dataclass(frozen=True, eq=False)
class RangePlan:
    """Contiguous ranges of one or several ordered columns, the heaviest as light as any cut can make it.

    Attributes
    ----------
    by : tuple of str
        The columns, in their order.
    weight : str
        What was weighed: ``rows`` or ``sum of cost``.
    n_rows : int
    n_values : int
        Distinct values of `by`.
    values_exact : bool
        False where values were too many to be looked at one by one: the cuts lie between runs of consecutive values.
    firsts : tuple of str
        The first value of every partition as text, times in UTC; the parts of a value of several columns with a comma
        between them. From the second on, these are the cuts.
    partition_weight : ndarray of float, shape (partitions,)
        In the order of the ranges.
    partition_rows, partition_values : ndarray of int64, shape (partitions,)
    lower_bound : float
        What the heaviest of so many ranges of these values cannot be below.
    bound_reason : str
        ``optimal cuts``, ``one value``, ``equal shares``, or ``runs of values`` where these were cut.
    layouts : tuple of RangeLayout
        The planned one first, then what Spark's own range partitioning is predicted to give.
    notes : tuple of str
    seconds : float
        What weighing and planning took.
    """

    by: tuple[str, ...]
    weight: str
    n_rows: int
    n_values: int
    values_exact: bool
    firsts: tuple[str, ...]
    partition_weight: Float64
    partition_rows: Int64
    partition_values: Int64
    lower_bound: float
    bound_reason: str
    layouts: tuple[RangeLayout, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def n_partitions(self) -> int:
        """Number of partitions."""
        return len(self.partition_weight)

    @property
    def cuts(self) -> tuple[str, ...]:
        """The first value of every partition but the first, as text."""
        return self.firsts[1:]

    @property
    def equal_share(self) -> float:
        """What every partition would weigh if they could all be equal."""
        return float(self.partition_weight.sum()) / max(1, self.n_partitions)

    @property
    def largest(self) -> float:
        """Weight of the heaviest partition."""
        return float(self.partition_weight.max(initial=0.0))

    @property
    def skew(self) -> float:
        """Heaviest partition ÷ an equal share; 1 where all are equal."""
        return self.largest / self.equal_share if self.equal_share > 0 else 1.0

    @property
    def gap(self) -> float:
        """How far the heaviest partition is above the lower bound: 0.02 is 2 %; 0 where the cuts are proved optimal."""
        return max(0.0, self.largest / self.lower_bound - 1) if self.lower_bound > 0 else 0.0
