"""The file plan: which partition reads which files or row groups, and what that is predicted to bring."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from planner.errors import Finding
from planner.model.arrays import Float64, Int64
from planner.model.partition_plan import Layout

__all__ = ["ASSIGNMENT_SCHEMA", "FilePlan", "HeavyPart"]

ASSIGNMENT_SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("path", pa.string()),  # inside its filesystem
        ("groups", pa.list_(pa.int32())),  # row groups, in their order; empty for a whole file
        ("values", pa.list_(pa.string())),  # of the columns that names of folders give
    ]
)
"""A row for each file that a partition reads from."""


@dataclass(frozen=True)
class HeavyPart:
    """One of the heaviest parts.

    Attributes
    ----------
    file : str
        Path or URI.
    group : int or None
        Which row group of it; None for a whole file.
    weight : float
    """

    file: str
    group: int | None
    weight: float


@dataclass(frozen=True, eq=False)
class FilePlan:
    """Which partition reads what, and what that is predicted to bring, beside what Spark would do by itself.

    Attributes
    ----------
    location : str
        Path or URI.
    parquet : bool
        Whether parts are row groups of Parquet files; else they are whole files.
    weight : str
        What was weighed: ``bytes``, as they are stored, or ``rows``.
    n_files, n_parts : int
        Files with anything in them, and the parts that can be read one by one.
    total_bytes : int
    total_rows : int or None
        Where footers tell it.
    slots : int
    partition_weight : ndarray of float, shape (partitions,)
        Falling: Spark starts partitions in the order of their ids, so the heaviest starts first.
    partition_files, partition_parts : ndarray of int64, shape (partitions,)
    heaviest : tuple of HeavyPart
        By falling weight, at most 10.
    lower_bound : float
        What no way of reading these parts can be below, in the unit of the weights.
    bound_reason : str
        ``one row group``, ``one file``, or ``all slots busy``.
    layouts : tuple of Layout
        The planned one first, then one task for each file, then Spark's own.
    findings : tuple of Finding
        What the preflight found: what defeats the plan, and what mends it.
    notes : tuple of str
    seconds : float
        What listing, reading footers and planning took.
    assignment : pyarrow.Table
        As `ASSIGNMENT_SCHEMA`.
    """

    location: str
    parquet: bool
    weight: str
    n_files: int
    n_parts: int
    total_bytes: int
    total_rows: int | None
    slots: int
    partition_weight: Float64
    partition_files: Int64
    partition_parts: Int64
    heaviest: tuple[HeavyPart, ...]
    lower_bound: float
    bound_reason: str
    layouts: tuple[Layout, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    seconds: float
    assignment: pa.Table

    @property
    def n_partitions(self) -> int:
        """Number of partitions."""
        return len(self.partition_weight)

    @property
    def total(self) -> float:
        """What all parts weigh."""
        return float(self.partition_weight.sum())

    @property
    def makespan(self) -> float:
        """Predicted makespan, in the unit of the weights."""
        return self.layouts[0].makespan

    @property
    def skew(self) -> float:
        """Heaviest partition ÷ mean."""
        return self.layouts[0].skew

    @property
    def gap(self) -> float:
        """How far the predicted makespan is above the lower bound: 0.02 is 2 %."""
        return self.makespan / self.lower_bound - 1 if self.lower_bound > 0 else 0.0

    @property
    def gain(self) -> float:
        """How many times as long Spark's own layout is predicted to take; 1 where there is nothing to read."""
        own = self.layouts[-1].makespan
        return own / self.makespan if self.makespan > 0 else 1.0

    @property
    def expects_gain(self) -> bool:
        """Whether the plan is predicted to be at least 5 % ahead of what Spark would do by itself, by bytes alone."""
        return self.gain >= 1.05
