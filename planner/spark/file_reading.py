"""Read planned parts of files on the executors. What runs there travels by value: they need nothing of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["mapped_reader", "parquet_reader", "path_reader"]

ROWS = 2**16
"""Rows that are read at a time."""


def parquet_reader(
    uri: str | None, schema: pa.Schema, partition_columns: tuple[str, ...], same_case: bool
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Give a function that turns rows of an assignment into the rows of their row groups.

    Parameters
    ----------
    uri : str or None
        Names the filesystem; None for that of the machine.
    schema : pyarrow.Schema
        What to make of them. Columns that a file lacks are null.
    partition_columns : tuple of str
        Those of `schema` that the assignment has the values of, as text.
    same_case : bool
        Whether a column must be written as in `schema`, with capital letters where they are.
    """
    rows = ROWS

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.parquet as pq
        from pyarrow import fs

        def key(name: str) -> str:
            return name if same_case else name.lower()

        def as_planned(column: pa.Array, kind: pa.DataType) -> pa.Array:
            return column if column.type == kind else column.cast(kind, safe="[ns" not in str(column.type))

        def rows_of(path: str, groups: list[int], values: dict[str, str | None]) -> Iterator[pa.RecordBatch]:
            with system.open_input_file(path) as file:
                parquet = pq.ParquetFile(file, coerce_int96_timestamp_unit="us", pre_buffer=True)
                there = {key(name): name for name in parquet.schema_arrow.names}
                wanted = [there[key(name)] for name in schema.names if name not in values and key(name) in there]
                for batch in parquet.iter_batches(rows, row_groups=groups, columns=wanted):
                    found = {key(name): column for name, column in zip(batch.schema.names, batch.columns, strict=True)}
                    columns = []
                    for field in schema:
                        if field.name in values:
                            value = pa.scalar(values[field.name], pa.string())
                            columns.append(pa.repeat(value, batch.num_rows))
                        elif key(field.name) in found:
                            columns.append(as_planned(found[key(field.name)], field.type))
                        else:
                            columns.append(pa.nulls(batch.num_rows, field.type))
                    yield pa.RecordBatch.from_arrays(columns, schema=schema)

        system = fs.LocalFileSystem() if uri is None else fs.FileSystem.from_uri(uri)[0]
        for batch in batches:
            for row in batch.to_pylist():
                try:
                    given = dict(zip(partition_columns, row["values"] or (), strict=True))
                    yield from rows_of(row["path"], row["groups"], given)
                except Exception as error:
                    raise RuntimeError(f"reading {row['path']} failed: {error}") from error

    return read


def mapped_reader(
    read: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]],
    func: Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]],
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Give a function that reads, and hands what it reads to the user's function in the same process."""

    def mapped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from func(read(batches))

    return mapped


def path_reader(
    func: Callable[[str], pd.DataFrame | Iterable[pd.DataFrame]], name: str
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    """Give a function that turns rows of an assignment into what the user's function makes of each file.

    Parameters
    ----------
    func : callable
        Gets a path or URI.
    name : str
        Of `func`, for errors.
    """

    def read(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        import pandas as pd

        for frame in frames:
            for path in frame["path"]:
                try:
                    found: Any = func(path)
                    yield from [found] if isinstance(found, pd.DataFrame) else found
                except Exception as error:
                    raise RuntimeError(f"{name} raised {type(error).__name__} on {path}: {error}") from error

    return read
