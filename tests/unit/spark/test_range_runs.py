"""Rows to values and runs, as it is done on executors, without any: no value is divided, no run is too heavy."""

from __future__ import annotations

import math
from itertools import groupby, pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("pyspark")

from planner.spark.range_runs import joining

NAN = math.nan
ROWS = st.lists(
    st.tuples(st.sampled_from([None, -1.0, -0.0, 0.0, 2.5, NAN]), st.sampled_from([None, "", "a"]), st.integers(0, 4)),
    max_size=40,
)


def rank(row: tuple[float | None, str | None, int]) -> tuple[object, ...]:
    """Order as Spark does: null first, -0.0 is 0.0, NaN last."""
    number, text, _ = row
    order = (0, 0.0) if number is None else (2, 0.0) if math.isnan(number) else (1, number)
    return (*order, text is not None, text or "")


@settings(deadline=None)
@given(ROWS, st.floats(0, 12), st.integers(1, 7))
def test_no_value_is_divided_and_no_run_is_too_heavy(rows: list[tuple], most: float, batch: int) -> None:
    rows.sort(key=rank)
    n, weight = len(rows), [float(row[2]) for row in rows]
    table = pa.table(
        {
            "c0": pa.array([row[0] for row in rows], pa.float64()),
            "c1": pa.array([row[1] for row in rows], pa.string()),
            "rows": pa.array([1] * n, pa.int64()),
            "weight": pa.array(weight, pa.float64()),
            "values": pa.array([1] * n, pa.int64()),
            "heaviest": pa.array(weight, pa.float64()),
            "task": pa.array([3] * n, pa.int32()),
        }
    )
    runs = pa.Table.from_batches(
        joining(2, most)(iter(table.to_batches(max_chunksize=batch))), table.schema
    ).to_pylist()
    values = [(key, [row[2] for row in group]) for key, group in groupby(rows, key=rank)]
    at = 0
    for run in runs:
        inside = values[at : at + run["values"]]
        assert rank((run["c0"], run["c1"], 0)) == inside[0][0], "a run is named by its first value"
        assert run["rows"] == sum(len(weights) for _, weights in inside)
        assert run["weight"] == sum(sum(weights) for _, weights in inside)
        assert run["heaviest"] == max(sum(weights) for _, weights in inside)
        assert run["values"] == 1 or run["weight"] <= most
        at += run["values"]
    assert at == len(values)
    sums = [run["weight"] for run in runs]
    assert all(a + b > most for a, b in pairwise(sums)), "two neighbours would not fit into one run"
