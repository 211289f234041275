"""The history of keyed work: a folder, here or in a store, with a Parquet file for the load of each action."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from planner.errors import InputError
from planner.io.checks import show
from planner.io.history_folder import add_run, columns_refused, newest_runs, run_table
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
_NEEDED = ("run", "by", "recorded_at", "keys", "rows", "wall_us")


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
    now = datetime.now(UTC)
    return add_run(location, load.run, now, _rows(load, now))


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
    newest = newest_runs(location, lambda system, path: _read(system, path, tuple(by)), most_runs)
    return pa.concat_tables(newest).unify_dictionaries() if newest else None


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
    table = run_table(
        system,
        path,
        HISTORY_SCHEMA,
        wanted,
        lambda schema: columns_refused(schema, HISTORY_SCHEMA),
        repeated=_REPEATED,
        needed=_NEEDED,
        most_rows=MOST_ROWS,
    )
    stated = pc.binary_join(table["by"], "\0").unique().to_pylist()
    others = [None if text is None else text.split("\0") for text in stated if text != "\0".join(by)]
    if others:
        raise InputError(f"was measured by {show(others[0])}; {wanted}")
    return table
