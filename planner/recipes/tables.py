"""Tables that people bring along: a CSV file, or Parquet; everything wrong with their columns is said at once."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.dataset as ds

from planner.errors import Fault, InputError
from planner.io.checks import nearest
from planner.io.locations import Location
from planner.io.stores import telling

__all__ = ["column_types", "null_faults", "read_table", "some"]

CSV = (".csv", ".csv.gz", ".csv.bz2")


def read_table(
    path: str | os.PathLike[str], columns: Mapping[str, pa.DataType | None], aliases: Mapping[str, str] | None = None
) -> pa.Table:
    """Read some columns of a CSV file, of a Parquet file, or of a folder or URI of them.

    Parameters
    ----------
    path : str or path
        Read as CSV where its name ends in ``.csv``, else as Parquet.
    columns : mapping
        The names that are wanted, each with the type that it is read as; None for whichever it has.
    aliases : mapping, optional
        Names that stand for one of them.

    Returns
    -------
    pyarrow.Table
        With `columns`, in this order.

    Raises
    ------
    InputError
        If it cannot be read; for every column that is missing, or holds something that is not of its type.

    Examples
    --------
    >>> read_table("nowhere.csv", {"user": pa.int64()})
    Traceback (most recent call last):
        ...
    planner.errors.InputError: nowhere.csv: is not there; expected a CSV or Parquet file
    """
    shown = os.fspath(path)
    with telling(shown, "a CSV or Parquet file"):
        found = _dataset(path)
        names = {(aliases or {}).get(name, name): name for name in reversed(found.schema.names)}
        missing = [name for name in columns if name not in names]
        if missing:
            only = f"only {', '.join(found.schema.names)}"
            raise InputError([Fault(shown, f"has no column {n!r}, {only}{nearest(n, list(names))}") for n in missing])
        table = found.to_table(columns=[names[name] for name in columns]).rename_columns(list(columns))
    return _typed(table, columns, shown)


def column_types(path: str | os.PathLike[str]) -> dict[str, pa.DataType]:
    """Give the columns of such a file, in order, and the types that they have there.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with telling(os.fspath(path), "a CSV or Parquet file"):
        schema = _dataset(path).schema
        return dict(zip(schema.names, schema.types, strict=True))


def _dataset(path: str | os.PathLike[str]) -> ds.Dataset:
    location = Location.of(path)
    system = location.filesystem()
    if system.get_file_info(location.path).type.name == "NotFound":
        raise InputError([Fault(os.fspath(path), "is not there; expected a CSV or Parquet file")])
    kind = "csv" if location.path.lower().endswith(CSV) else "parquet"
    return ds.dataset(location.path, filesystem=system, format=kind)


def _typed(table: pa.Table, columns: Mapping[str, pa.DataType | None], shown: str) -> pa.Table:
    faults = []
    for i, (name, kind) in enumerate(columns.items()):
        if kind is None or kind == table.schema.field(name).type:
            continue
        try:
            table = table.set_column(i, name, table.column(name).cast(kind))
        except pa.ArrowException as error:
            problem = f"is {table.schema.field(name).type}, and not all of it can be read as {kind}: {error}"
            faults.append(Fault(f"{shown}: {name}", problem.splitlines()[0]))
    if faults:
        raise InputError(faults)
    return table


def null_faults(table: pa.Table, shown: str) -> list[Fault]:
    """Name the columns in which a value is missing.

    Examples
    --------
    >>> print(*null_faults(pa.table({"user": [1, None], "item": [1, 2]}), "a.csv"))
    a.csv: user: has nulls (1 of 2 rows); expected none
    """
    nulls = {name: table.column(name).null_count for name in table.column_names}
    told = f"of {table.num_rows:,} rows); expected none"
    return [Fault(f"{shown}: {name}", f"has nulls ({count:,} {told}") for name, count in nulls.items() if count]


def some(table: pa.Table, rows: int = 3) -> str:
    """Show the first rows of a table in a fault.

    Examples
    --------
    >>> some(pa.table({"user": [1, 2], "item": ["a", "b"]}))
    'user 1, item a; user 2, item b'
    >>> some(pa.table({"user": [1, 2, 3, 4]}))
    'user 1; user 2; user 3; and 1 more'
    """
    told = [", ".join(f"{name} {value}" for name, value in row.items()) for row in table.slice(0, rows).to_pylist()]
    return "; ".join(told + ([f"and {table.num_rows - rows} more"] if table.num_rows > rows else []))
