"""Folders of histories, here or in a store: a Parquet file for each run, written once, read newest first.

A file's name says when it was written and which run it tells of, so that the newest are found without opening the
others and no run is written twice. Whatever has another name is opened and checked; names that begin with ``.`` or
``_`` are left alone, as Spark does.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds
from pyarrow import fs

from planner.errors import InputError
from planner.io.checks import Faults
from planner.io.locations import shown_place
from planner.io.stores import STORE_ERRORS, names_in, open_folder, remove, sentence, telling

__all__ = ["add_run", "columns_refused", "make_folder", "newest_runs", "run_table"]

_OURS = re.compile(r"\d{8}T\d{12}Z_.+\.parquet")
_STAMP = "%Y%m%dT%H%M%S%fZ"


def make_folder(location: str | os.PathLike[str]) -> None:
    """Make the folder of a history, unless it is there; on this machine only its owner may look into it.

    Raises
    ------
    InputError
        If the place is malformed, cannot be reached, or cannot be written to.
    """
    with telling(location, "a folder that can be written to"):
        _made(*open_folder(location))


def add_run(location: str | os.PathLike[str], run: str, when: datetime, rows: pa.Table) -> str:
    """Write the rows of a run; one that is there already is not written again. Two runs may write at once.

    Parameters
    ----------
    location : str or path
        A folder, which is made if it is missing, or a URI of one that pyarrow knows (``s3://``, ``gs://``, ``hdfs://``).
    run : str
        Its name.
    when : datetime
        In UTC.
    rows : pyarrow.Table
        With the columns ``run`` and ``recorded_at``, which say the same.

    Returns
    -------
    str
        The file's name in the history.

    Raises
    ------
    InputError
        If the place is malformed, cannot be reached, or cannot be written to.
    """
    shown = shown_place(location)
    with telling(location, "a folder that can be written to"):
        system, folder = open_folder(location)
        _made(system, folder)
        ending = f"_{_named(run)}.parquet"
        there = [name for name in names_in(system, folder, shown) if name.endswith(ending)]
        if there:
            return there[0]
        name = f"{when.strftime(_STAMP)}{ending}"
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"
        try:
            with system.open_output_stream(temporary) as out:
                pq.write_table(rows, out, compression="zstd")
            system.move(temporary, f"{folder}/{name}")
        except BaseException:
            remove(system, temporary)
            raise
    return name


def newest_runs(
    location: str | os.PathLike[str],
    read: Callable[[fs.FileSystem, str], pa.Table],
    most_runs: int,
    most_rows: float = float("inf"),
) -> list[pa.Table]:
    """Read the newest runs of a history, each a table; the newest first.

    Parameters
    ----------
    location : str or path
        As `add_run` takes it.
    read : callable
        Reads a file; an `InputError` of it becomes the fault of that file.
    most_runs : int
        So many runs; older files are not opened.
    most_rows : float
        Nor are they, once the newer ones have so many rows.

    Raises
    ------
    InputError
        With a fault for each file that `read` refuses; if the place is malformed or cannot be reached.
    """
    shown, faults = shown_place(location), Faults()
    found: dict[str, pa.Table] = {}
    with telling(location, "a folder that can be read"):
        system, folder = open_folder(location)
        names = names_in(system, folder, shown)
    strange, rows = [name for name in names if not _OURS.fullmatch(name)], 0
    for name in sorted(strange) + sorted(set(names).difference(strange), reverse=True):
        if (len(found) >= most_runs or rows >= most_rows) and name not in strange:
            break
        try:
            table = read(system, f"{folder}/{name}")
        except InputError as error:
            faults.add(f"{shown.rstrip('/')}/{name}", str(error))
            continue
        if table.num_rows:
            found.setdefault(table["run"][0].as_py(), table)
            rows += table.num_rows
    faults.raise_if_any()
    newest = sorted(found.values(), key=lambda table: (table["recorded_at"][0].value, table["run"][0].as_py()))[::-1]
    return newest[:most_runs]


def run_table(
    system: fs.FileSystem,
    path: str,
    schema: pa.Schema,
    wanted: str,
    refused: Callable[[pa.Schema], str],
    *,
    repeated: Sequence[str],
    needed: Sequence[str],
    most_rows: int,
) -> pa.Table:
    """Read the file of a run.

    Parameters
    ----------
    system, path
        Where it lies.
    schema : pyarrow.Schema
        What its columns become.
    wanted : str
        What a file has to be, for errors.
    refused : callable
        Says what is wrong with the columns of a file, or nothing.
    repeated : sequence of str
        Columns of text that are read as dictionaries.
    needed : sequence of str
        Columns in which nothing may be missing.
    most_rows : int
        Rows above which it is refused unread.

    Raises
    ------
    InputError
        With what is wrong, in one sentence.
    """
    index = pa.dictionary(pa.int32(), pa.string())
    coded = pa.schema([field.with_type(index) if field.name in repeated else field for field in schema])
    try:
        if system.get_file_info(path).type == fs.FileType.Directory:
            raise InputError(f"is a folder; {wanted}")
        with system.open_input_file(path) as source:
            file = pq.ParquetFile(source)
            if wrong := refused(file.schema_arrow):
                raise InputError(f"{wrong}; {wanted}")
            if file.metadata.num_rows > most_rows:
                raise InputError(f"has {file.metadata.num_rows:,} rows; expected at most {most_rows:,}")
            file = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=list(repeated))
            table = file.read(schema.names).cast(coded)
    except STORE_ERRORS as error:
        raise InputError(f"cannot be read as Parquet ({sentence(error)}); {wanted}") from error
    for name in needed:
        if table[name].null_count:
            raise InputError(f"has nulls in {name}; {wanted}")
    if len(runs := table["run"].unique()) > 1:
        raise InputError(f"holds {len(runs)} runs; {wanted}")
    return table


def columns_refused(schema: pa.Schema, expected: pa.Schema) -> str:
    """Say which columns a file lacks, or has of another kind."""
    missing = [name for name in expected.names if schema.get_field_index(name) < 0]
    if missing:
        return f"lacks the columns {', '.join(missing)}"
    pairs = [(schema.field(field.name), field) for field in expected]
    other = [
        f"{mine.name} is {mine.type}, not {its.type}" for mine, its in pairs if _kind(mine.type) != _kind(its.type)
    ]
    return f"has columns of other types ({', '.join(other)})" if other else ""


def _kind(of: pa.DataType) -> str:
    if kinds.is_dictionary(of):
        return _kind(of.value_type)
    if kinds.is_list(of) or kinds.is_large_list(of):
        return f"list of {_kind(of.value_type)}"
    if kinds.is_integer(of):
        return "integer"
    if kinds.is_string(of) or kinds.is_large_string(of):
        return "text"
    return "time" if kinds.is_timestamp(of) else str(of)


def _made(system: fs.FileSystem, folder: str) -> None:
    if isinstance(system, fs.LocalFileSystem):
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        system.create_dir(folder, recursive=True)


def _named(run: str) -> str:
    """Name a run so that every store takes it and no two runs share it."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", run)[:60].strip("-.") or "run"
    return f"{readable}-{hashlib.sha256(run.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
