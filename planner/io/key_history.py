"""The history of keyed work: a folder, here or in a store, with a Parquet file for the load of each action.

A file's name says when it was written and which run it tells of, so that the newest are found without opening the
others and no run is written twice. Whatever has another name is opened and checked; names that begin with ``.`` or
``_`` are left alone, as Spark does.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds
from pyarrow import fs

from planner.errors import InputError
from planner.io.checks import Faults, show
from planner.io.locations import shown_place
from planner.io.stores import STORE_ERRORS, names_in, open_folder, remove, sentence, telling
from planner.model.key_load import KEY_SCHEMA, KeyLoad

__all__ = ["HISTORY_SCHEMA", "append_history", "read_history"]

HISTORY_SCHEMA = pa.schema(
    [
        *KEY_SCHEMA,
        ("run", pa.string()),
        ("application", pa.string()),  # whose executors they were; empty where it is not known
        ("by", pa.list_(pa.string())),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""Columns of a file; what `read_history` gives has dictionaries for the texts that repeat."""

MOST_KEYS = 100_000
"""Keys of an action that are written one by one, the slowest; of each partition, the others are added up."""

MOST_ROWS = 1_000_000
"""Rows of a file above which it is refused: the driver's memory is bounded, and no action writes so many."""

_REPEATED = ("executor", "host", "run", "application")
_OURS = re.compile(r"\d{8}T\d{12}Z_.+\.parquet")
_STAMP = "%Y%m%dT%H%M%S%fZ"


def append_history(load: KeyLoad, location: str | os.PathLike[str]) -> str:
    """Write the load of an action to a history; a run that is there already is not written again.

    Parameters
    ----------
    load : KeyLoad
    location : str or path
        A folder, which is made if it is missing, or a URI of one that pyarrow knows (``s3://``, ``gs://``, ``hdfs://``).

    Returns
    -------
    str
        The file's name in the history.

    Raises
    ------
    InputError
        If the place is malformed, cannot be reached, or cannot be written to.
    """
    shown, now = shown_place(location), datetime.now(UTC)
    rows = _rows(load, now)
    with telling(location, "a folder that can be written to"):
        system, folder = open_folder(location)
        system.create_dir(folder, recursive=True)
        ending = f"_{_named(load.run)}.parquet"
        there = [name for name in names_in(system, folder, shown) if name.endswith(ending)]
        if there:
            return there[0]
        name = f"{now.strftime(_STAMP)}{ending}"
        temporary = f"{folder}/.{name}.{secrets.token_hex(4)}.tmp"
        try:
            with system.open_output_stream(temporary) as out:
                pq.write_table(rows, out, compression="zstd")
            system.move(temporary, f"{folder}/{name}")
        except BaseException:
            remove(system, temporary)
            raise
    return name


def read_history(location: str | os.PathLike[str], by: Sequence[str], most_runs: int = 10) -> pa.Table | None:
    """Read the newest runs of a history.

    Parameters
    ----------
    location : str or path
        As `append_history` takes it.
    by : sequence of str
        The key's columns, in the order in which they were hashed.
    most_runs : int
        So many runs; older files are not opened.

    Returns
    -------
    pyarrow.Table or None
        As `HISTORY_SCHEMA`, with dictionaries; the newest run first. None where nothing is there yet.

    Raises
    ------
    InputError
        With a fault for each file that is no history of these keys; if the place is malformed or cannot be reached.
    """
    shown, faults = shown_place(location), Faults()
    found: dict[str, pa.Table] = {}
    with telling(location, "a folder that can be read"):
        system, folder = open_folder(location)
        names = names_in(system, folder, shown)
    strange = [name for name in names if not _OURS.fullmatch(name)]
    for name in sorted(strange) + sorted(set(names).difference(strange), reverse=True):
        if len(found) >= most_runs and name not in strange:
            break
        try:
            table = _read(system, f"{folder}/{name}", tuple(by))
        except InputError as error:
            faults.add(f"{shown.rstrip('/')}/{name}", str(error))
            continue
        if table.num_rows:
            found.setdefault(table["run"][0].as_py(), table)
    faults.raise_if_any()
    newest = sorted(found.values(), key=lambda table: (table["recorded_at"][0].value, table["run"][0].as_py()))[::-1]
    return pa.concat_tables(newest[:most_runs]).unify_dictionaries() if newest else None


def _rows(load: KeyLoad, now: datetime) -> pa.Table:
    """Give an action's keys with what they have in common."""
    keys = _bounded(load.keys.select(KEY_SCHEMA.names).cast(KEY_SCHEMA))
    told = {
        "run": load.run,
        "application": str(load.settings.get("application") or ""),
        "by": list(load.by),
        "recorded_at": now,
    }
    for name, value in told.items():
        keys = keys.append_column(name, pa.array([value] * keys.num_rows, HISTORY_SCHEMA.field(name).type))
    return keys


def _bounded(keys: pa.Table) -> pa.Table:
    """Keep the slowest keys, and add the others of each partition up."""
    if keys.num_rows <= MOST_KEYS:
        return keys
    order = pc.sort_indices(keys, [("wall_us", "descending")])
    where, added = ["partition", "executor", "host"], ["keys", "rows", "wall_us", "cpu_us"]
    rest = keys.take(order[MOST_KEYS:]).group_by(where)
    summed = rest.aggregate([*((name, "sum") for name in added), ("peak_memory_bytes", "max")])
    summed = summed.rename_columns([name.removesuffix("_sum").removesuffix("_max") for name in summed.column_names])
    return pa.concat_tables([keys.take(order[:MOST_KEYS]), summed], promote_options="default").cast(KEY_SCHEMA)


def _read(system: fs.FileSystem, path: str, by: tuple[str, ...]) -> pa.Table:
    """Read a file.

    Raises
    ------
    InputError
        With what is wrong, in one sentence.
    """
    wanted = f"expected the load of one run by {', '.join(by)}"
    try:
        if system.get_file_info(path).type == fs.FileType.Directory:
            raise InputError(f"is a folder; {wanted}")
        with system.open_input_file(path) as source:
            file = pq.ParquetFile(source)
            wrong = _wrong_columns(file.schema_arrow)
            if wrong:
                raise InputError(f"{wrong}; {wanted}")
            if file.metadata.num_rows > MOST_ROWS:
                raise InputError(f"has {file.metadata.num_rows:,} rows; expected at most {MOST_ROWS:,}")
            file = pq.ParquetFile(source, metadata=file.metadata, read_dictionary=list(_REPEATED))
            table = file.read(HISTORY_SCHEMA.names).cast(_with_dictionaries())
    except STORE_ERRORS as error:
        raise InputError(f"cannot be read as Parquet ({sentence(error)}); {wanted}") from error
    wrong = _wrong_values(table, by)
    if wrong:
        raise InputError(f"{wrong}; {wanted}")
    return table


def _wrong_columns(schema: pa.Schema) -> str:
    """Say which columns a file lacks, or has of another kind."""
    missing = [name for name in HISTORY_SCHEMA.names if schema.get_field_index(name) < 0]
    if missing:
        return f"lacks the columns {', '.join(missing)}"
    pairs = [(schema.field(field.name), field) for field in HISTORY_SCHEMA]
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


def _wrong_values(table: pa.Table, by: tuple[str, ...]) -> str:
    """Say what is not of one run by these columns."""
    for name in ("run", "by", "recorded_at", "keys", "rows", "wall_us"):
        if table[name].null_count:
            return f"has nulls in {name}"
    runs = table["run"].unique().to_pylist()
    if len(runs) > 1:
        return f"holds {len(runs)} runs"
    stated = pc.binary_join(table["by"], "\0").unique().to_pylist()
    others = [None if text is None else text.split("\0") for text in stated if text != "\0".join(by)]
    return f"was measured by {show(others[0])}" if others else ""


def _with_dictionaries() -> pa.Schema:
    index = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(index) if field.name in _REPEATED else field for field in HISTORY_SCHEMA])


def _named(run: str) -> str:
    """Name a run so that every store takes it and no two runs share it."""
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", run)[:60].strip("-.") or "run"
    return f"{readable}-{hashlib.sha256(run.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
