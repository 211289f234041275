"""``balance_ranges(df, by)``: contiguous ranges of ordered columns, of equal weight, and the DataFrame laid out so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyspark.sql import Column, DataFrame

from planner.errors import Fault, InputError
from planner.model.range_plan import RangePlan
from planner.partitioners.ranges import cut_ranges
from planner.report.markup import percent
from planner.report.ranges import ranges_html, ranges_text
from planner.report.words import count
from planner.spark.keys import checked_frame, column, free_name, resolve
from planner.spark.range_values import checked_order, range_number, text_of, values_at
from planner.spark.range_weights import WeighedValues, checked_weight, weigh_values
from planner.spark.slots import session_slots

__all__ = ["BalancedRanges", "balance_ranges"]


class BalancedRanges:
    """A DataFrame and the ranges that it is to be cut into. Shows its plan, in a terminal and in a notebook.

    Attributes
    ----------
    plan : RangePlan
    """

    def __init__(self, df: DataFrame, plan: RangePlan, number: Column) -> None:
        self.plan = plan
        self._df = df
        self._number = number

    def partitioned(self) -> DataFrame:
        """Give the DataFrame with one partition a range, in the order of the ranges: one shuffle.

        Equal values of the columns share a partition. Rows that were not there when the plan was made go to the range
        that their values lie in.
        """
        number = free_name("__planner_range", self._df.columns)
        numbered = self._df.withColumn(number, self._number)
        return numbered.repartitionById(self.plan.n_partitions, column(number)).drop(number)

    def sorted(self) -> DataFrame:
        """Give the same, each partition sorted: what is written is sorted from its first file to its last.

        As Spark sorts: rising, nulls first, NaN last.
        """
        return self.partitioned().sortWithinPartitions(*map(column, self.plan.by))

    def __repr__(self) -> str:
        return ranges_text(self.plan)

    def _repr_html_(self) -> str:
        return ranges_html(self.plan)


def balance_ranges(
    df: DataFrame,
    by: str | Sequence[str],
    *,
    weight: str | None = None,
    partitions: int | None = None,
    slots: int | None = None,
) -> BalancedRanges:
    """Cut a DataFrame into contiguous ranges of one or several columns, the heaviest as light as any cut can make it.

    ``repartitionByRange`` estimates its cuts from a sample of rows; here all rows are counted, or weighed, and the cuts
    are optimal. Weighing takes two passes over the columns concerned, so ``cache()`` what is expensive to compute.

    Parameters
    ----------
    df : DataFrame
        Of a classic session or of Spark Connect; at rest.
    by : str or list of str
        Columns to order by: numbers, text, bytes, dates, times or booleans.
    weight : str, optional
        A column of numbers of at least 0, the sum of which is to be equal; rows when left out.
    partitions : int, optional
        One for each slot when left out. Never more than there are distinct values.
    slots : int, optional
        Those of the session when left out.

    Returns
    -------
    BalancedRanges

    Raises
    ------
    InputError
        For unknown columns (the nearest names are given), columns of other types, and weights that are null, NaN,
        infinite or negative.

    Notes
    -----
    Above some 65,000 distinct values, cuts lie between runs of consecutive values, of at most 1/64 of a partition; the
    plan says how far from optimal that can be. What comes to the driver is at most about 2¹⁶ values, or 128 for each
    partition.
    """
    began = time.perf_counter()
    checked_frame(df)
    columns, weighed_column = _checked(df, by, weight, partitions=partitions, slots=slots)
    kinds = checked_order(df.schema, columns)
    wanted = partitions or slots or session_slots(df.sparkSession)
    weighed = weigh_values(df, columns, weighed_column, wanted)
    ranges = cut_ranges(weighed.atoms, wanted)
    firsts = values_at(weighed.table, ranges.cuts[:-1].tolist() if len(weighed.table) else [], len(columns))
    exact = len(weighed.table) == int(weighed.atoms.values.sum())
    plan = RangePlan(
        by=columns,
        weight="rows" if weighed_column is None or weighed.by_rows else f"sum of {weighed_column}",
        n_rows=int(weighed.atoms.rows.sum()),
        n_values=int(weighed.atoms.values.sum()),
        values_exact=exact,
        firsts=tuple(text_of(values, kinds) for values in firsts),
        partition_weight=ranges.weight,
        partition_rows=ranges.rows,
        partition_values=ranges.values,
        lower_bound=ranges.lower_bound,
        bound_reason=ranges.bound_reason,
        layouts=ranges.layouts,
        notes=(),
        seconds=0.0,
    )
    plan = replace(plan, notes=_notes(plan, weighed, wanted), seconds=time.perf_counter() - began)
    return BalancedRanges(df, plan, range_number(columns, kinds, firsts[1:]))


def _checked(
    df: DataFrame, by: str | Sequence[str], weight: str | None, **counts: Any
) -> tuple[tuple[str, ...], str | None]:
    """Find the columns, and say all that is wrong with what was given."""
    faults = [
        Fault(name, f"is {value!r}; expected a whole number of at least 1")
        for name, value in counts.items()
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1)
    ]
    columns: tuple[str, ...] = ()
    weighed = None
    try:
        columns = resolve(df, by)
    except InputError as error:
        faults += error.faults
    try:
        weighed = checked_weight(df, weight)
    except InputError as error:
        faults += error.faults
    if faults:
        raise InputError(faults)
    return columns, weighed


def _notes(plan: RangePlan, weighed: WeighedValues, wanted: int) -> tuple[str, ...]:
    """Say what a reader should know."""
    notes = []
    if plan.n_rows == 0:
        notes.append("there are no rows: one empty partition")
    elif plan.n_partitions < wanted:
        made = count(plan.n_partitions, "partition")
        notes.append(f"{made} and not {wanted:,}, because there are no more distinct values")
    if weighed.by_rows:
        notes.append("all weights are 0: rows were weighed instead")
    if not plan.values_exact:
        notes.append(
            f"{plan.n_values:,} distinct values were weighed in {len(weighed.table):,} runs of consecutive ones: the "
            f"heaviest partition is at most {percent(plan.gap)} above the lightest that is possible"
        )
    return tuple(notes)
