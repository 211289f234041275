"""Ordered values into contiguous ranges of equal weight, beside what Spark's range partitioning would give.

Spark draws a sample of rows and takes quantiles of it (``org.apache.spark.RangePartitioner``), whatever rows weigh.
Here the weights of all values are known, and the cuts are optimal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.model.arrays import Float64, Int64
from planner.model.range_plan import RangeLayout
from planner.partitioners.contiguous import contiguous_cuts, whole_weights

__all__ = ["Atoms", "Ranges", "cut_ranges", "spark_range_ends"]

SAMPLE_PER_PARTITION = 100
"""Spark's default of ``spark.sql.execution.rangeExchange.sampleSizePerPartition``."""

OVERSAMPLED = 3
"""How many times as many rows Spark draws, because its input partitions may be unequal."""

MOST_SAMPLED = 10**6
DRAWS = 9
"""Samples that are drawn to predict what Spark's would give; the median is told."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """Runs of consecutive values, in their order. A cut lies between two of them.

    Attributes
    ----------
    weight : ndarray of float, shape (n,)
        Finite and at least 0.
    rows, values : ndarray of int64, shape (n,)
        Rows and distinct values of each run; 1 value, unless there were too many to look at each.
    heaviest : float
        Weight of the heaviest single value.
    """

    weight: Float64
    rows: Int64
    values: Int64
    heaviest: float


@dataclass(frozen=True, eq=False)
class Ranges:
    """Where atoms are cut.

    Attributes
    ----------
    cuts : ndarray of int64, shape (partitions + 1,)
        Partition ``k`` has the atoms from ``cuts[k]`` up to, not including, ``cuts[k + 1]``.
    weight : ndarray of float, shape (partitions,)
    rows, values : ndarray of int64, shape (partitions,)
    lower_bound : float
    bound_reason : str
    layouts : tuple of RangeLayout
    """

    cuts: Int64
    weight: Float64
    rows: Int64
    values: Int64
    lower_bound: float
    bound_reason: str
    layouts: tuple[RangeLayout, ...]


def cut_ranges(atoms: Atoms, partitions: int) -> Ranges:
    """Cut atoms into contiguous ranges, the heaviest of which is as light as any cut can make it.

    Parameters
    ----------
    atoms : Atoms
    partitions : int
        At least 1; fewer are made where there are fewer atoms.

    Examples
    --------
    >>> rows = np.array([1, 1, 1, 9, 1, 1])
    >>> ranges = cut_ranges(Atoms(rows * 1.0, rows, np.ones(6, dtype=np.int64), 9.0), 3)
    >>> ranges.cuts.tolist(), ranges.weight.tolist(), ranges.bound_reason
    ([0, 3, 4, 6], [3.0, 9.0, 2.0], 'one value')
    """
    n = len(atoms.weight)
    cuts = contiguous_cuts(whole_weights(atoms.weight), max(1, min(partitions, n)))
    weight = _between(atoms.weight, cuts)
    bound, reason = _bound(atoms, weight)
    return Ranges(
        cuts=cuts,
        weight=weight,
        rows=_between(atoms.rows, cuts),
        values=_between(atoms.values, cuts),
        lower_bound=bound,
        bound_reason=reason,
        layouts=(_layout("planned", atoms, cuts[1:], len(weight)), *_spark_layouts(atoms, len(weight))),
    )


def spark_range_ends(rows: Float64, partitions: int) -> Int64:
    """Cut values as Spark's ``RangePartitioner.determineBounds`` does, given how often each is in its sample.

    Returns
    -------
    ndarray of int64, shape (at most partitions,)
        One past the last value of each partition.

    Examples
    --------
    >>> spark_range_ends(np.array([1.0, 1, 1, 9, 1, 1]), 3).tolist()
    [4, 5, 6]
    """
    upto = np.cumsum(rows)
    step = float(upto[-1]) / partitions if len(upto) else 0.0
    ends: list[int] = []
    target, start = step, 0
    while len(ends) < partitions - 1 and start < len(rows):
        reached = max(start, int(np.searchsorted(upto, target, side="left")))
        if reached >= len(rows):
            break
        ends.append(reached + 1)
        start, target = reached + 1, target + step
    if not ends or ends[-1] < len(rows):
        ends.append(len(rows))
    return np.array(ends, dtype=np.int64)


def _spark_layouts(atoms: Atoms, partitions: int) -> list[RangeLayout]:
    """Predict what Spark's range partitioning gives, from samples like its own and from all rows."""
    total = int(atoms.rows.sum())
    if total == 0:
        return []
    layouts = []
    sampled = min(SAMPLE_PER_PARTITION * partitions, MOST_SAMPLED) * OVERSAMPLED
    if sampled < total and partitions > 1:
        drawn = np.random.default_rng(0).multinomial(sampled, atoms.rows / total, size=DRAWS)
        tried = [
            _layout("repartitionByRange, sampled", atoms, _ends_of_sample(each, partitions), partitions)
            for each in drawn
        ]
        layouts.append(sorted(tried, key=lambda layout: layout.largest)[DRAWS // 2])
    ends = spark_range_ends(atoms.rows.astype(np.float64), partitions)
    return [*layouts, _layout("quantiles of the rows", atoms, ends, partitions)]


def _ends_of_sample(drawn: Int64, partitions: int) -> Int64:
    """Turn the ends among the values that are in a sample into ends among all of them."""
    seen = np.flatnonzero(drawn)
    inner = spark_range_ends(drawn[seen].astype(np.float64), partitions)[:-1]
    ends: Int64 = np.append(seen[inner - 1] + 1, len(drawn)).astype(np.int64)
    return ends


def _layout(name: str, atoms: Atoms, ends: Int64, partitions: int) -> RangeLayout:
    """Weigh a layout that is given by the end of each of its partitions."""
    weight = _between(atoms.weight, np.concatenate([[0], ends]))
    largest, share = float(weight.max(initial=0.0)), float(weight.sum()) / partitions
    rows = _between(atoms.rows, np.concatenate([[0], ends]))
    return RangeLayout(name, int((rows > 0).sum()), largest, largest / share if share > 0 else 1.0)


def _bound(atoms: Atoms, weight: Float64) -> tuple[float, str]:
    """Give what the heaviest of so many ranges of values cannot be below, and why."""
    largest, share = float(weight.max(initial=0.0)), float(weight.sum()) / len(weight)
    runs = atoms.weight[atoms.values > 1]
    if largest > 0 and atoms.heaviest >= largest:
        return largest, "one value"
    if not len(runs):
        return largest, "optimal cuts"
    # Optimal cuts between values, each moved to the start of its run, make no range heavier by more than a run.
    reasons = [(share, "equal shares"), (atoms.heaviest, "one value"), (largest - float(runs.max()), "runs of values")]
    return max(reasons)


def _between(values: np.ndarray, cuts: Int64) -> np.ndarray:
    """Sum values between cuts, no two of which are equal; 0 where there are no values."""
    if not len(values):
        return np.zeros(len(cuts) - 1, values.dtype)
    summed: np.ndarray = np.add.reduceat(values, cuts[:-1])
    return summed
