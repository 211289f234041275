"""Sorted rows to values, and values to runs, on the executors. What runs there travels by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

__all__ = ["joining"]


def joining(n_keys: int, most: float) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Give a function for sorted rows: it joins equal values, and then consecutive ones to runs.

    Parameters
    ----------
    n_keys : int
        The first columns are those that rows are sorted by. Then there are ``rows``, ``values`` and ``weight``, which
        are added, and ``heaviest``, of which a run keeps the greatest; of all others it keeps the first.
    most : float
        Weight of a run at most; a heavier value is a run of its own.

    Examples
    --------
    >>> columns = {"k": [1, 1, 2, 3], "rows": [1] * 4, "values": [1] * 4, "weight": [1.0] * 4, "heaviest": [1.0] * 4}
    >>> batches = pa.table(columns).to_batches(max_chunksize=1)
    >>> pa.Table.from_batches(joining(1, 2.0)(iter(batches))).to_pydict()["k"]
    [1, 2]
    """

    def join(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        def numbers(table: pa.Table, name: str) -> Any:
            return table.column(name).to_numpy()

        def joined(table: pa.Table, starts: np.ndarray, equal: bool) -> pa.Table:
            made = table.take(pa.array(starts, pa.int64()))
            values = np.ones(len(starts), np.int64) if equal else np.add.reduceat(numbers(table, "values"), starts)
            weight = np.add.reduceat(numbers(table, "weight"), starts)
            heaviest = weight if equal else np.maximum.reduceat(numbers(table, "heaviest"), starts)
            rows = np.add.reduceat(numbers(table, "rows"), starts)
            for name, column in (("rows", rows), ("values", values), ("weight", weight), ("heaviest", heaviest)):
                at = table.schema.get_field_index(name)
                made = made.set_column(at, table.schema.field(at), pa.array(column))
            return made

        def value_starts(table: pa.Table) -> np.ndarray:
            """Tell where a value differs from the one before it, as Spark compares: null is null, and NaN is NaN."""
            new = np.ones(len(table), np.bool_)
            new[1:] = False
            for column in table.columns[:n_keys]:
                here, before = column.slice(1), column.slice(0, len(table) - 1)
                differs = pc.coalesce(pc.not_equal(here, before), pc.xor(pc.is_null(here), pc.is_null(before)))
                if pa.types.is_floating(column.type):
                    both = pc.and_(pc.is_nan(here), pc.is_nan(before))
                    differs = pc.and_not(differs, pc.fill_null(both, False))
                new[1:] |= differs.to_numpy()
            return np.flatnonzero(new)

        def run_starts(table: pa.Table) -> np.ndarray:
            upto = np.concatenate([[0.0], np.cumsum(numbers(table, "weight"))])
            starts = [0]
            while True:
                end = int(np.searchsorted(upto, upto[starts[-1]] + most, side="right")) - 1
                end = max(end, starts[-1] + 1)
                if end >= len(table):
                    return np.array(starts)
                starts.append(end)

        def passed(tables: Iterator[pa.Table], equal: bool) -> Iterator[pa.Table]:
            waiting = None  # the last one, to which the next table may add
            for table in tables:
                if len(table):
                    table = table if waiting is None else pa.concat_tables([waiting, table])
                    made = joined(table, value_starts(table) if equal else run_starts(table), equal)
                    yield made.slice(0, len(made) - 1)
                    waiting = made.slice(len(made) - 1)
            if waiting is not None:
                yield waiting

        values = passed((pa.Table.from_batches([batch]) for batch in batches), equal=True)
        for table in passed(values, equal=False):
            yield from table.to_batches()

    return join
