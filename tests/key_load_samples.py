"""Loads of keyed work and histories of them, made up from what each key costs and where it ran."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from planner.io.key_history import HISTORY_SCHEMA
from planner.model.key_load import KEY_SCHEMA, PARTITION_SCHEMA, KeyLoad

__all__ = ["history", "key_load", "one_run"]


def key_load(
    keys: list[dict[str, Any]], *, partitions: dict[int, dict[str, Any]] | None = None, **changes: Any
) -> KeyLoad:
    """Make the load of an action from its keys; partitions follow from them, one after another on each executor."""
    plain = {"key_hash": None, "key": None, "keys": 1, "partition": 0, "executor": "0", "host": "h", "rows": 1}
    plain |= {"wall_us": 1, "cpu_us": 1, "peak_memory_bytes": 1}
    rows = [{**plain, "key": f"k{key.get('key_hash')}", **key} for key in keys]
    ends: dict[str, int] = {}
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        where = {name: row[name] for name in ("partition", "executor", "host")}
        one = found.setdefault(row["partition"], {**where, "attempt": 0, "planned_weight": None})
        for name in ("wall_us", "cpu_us", "rows", "keys"):
            one[name] = one.get(name, 0) + row[name]
        one["peak_memory_bytes"] = max(one.get("peak_memory_bytes", 0), row["peak_memory_bytes"])
    for number, one in found.items():
        one["start_us"] = ends.get(one["executor"], 0)
        one["finish_us"] = ends[one["executor"]] = one["start_us"] + one["wall_us"]
        one |= (partitions or {}).get(number, {})
    facts: dict[str, Any] = {
        "n_partitions": len(found),
        "slots": 2,
        "makespan_us": max(ends.values(), default=0),
        "predicted_s": None,
        "by": ("store",),
        "run": "app-1-7",
        "settings": {"application": "app-1"},
    }
    return KeyLoad(
        pa.Table.from_pylist(rows, schema=KEY_SCHEMA),
        pa.Table.from_pylist(list(found.values()), schema=PARTITION_SCHEMA),
        **(facts | changes),
    )


def one_run(key_hash: Any, rows: Any, seconds: Any, executor: Any = "0", **others: Any) -> pa.Table:
    """Make the rows of a run; what is not `key_hash` or `seconds` is one for all, or one for each."""
    n = len(np.atleast_1d(seconds))
    run = np.broadcast_to(others.get("run", 0), n).tolist()
    given = {
        "key_hash": [None if key is None else int(key) for key in key_hash],
        "key": "",
        "keys": others.get("keys", 1),
        "partition": others.get("partition", 0),
        "executor": executor,
        "host": others.get("host", "h"),
        "rows": rows,
        "wall_us": np.rint(np.asarray(seconds, dtype=float) * 1e6).astype(np.int64),
        "cpu_us": 0,
        "peak_memory_bytes": 0,
        "run": [f"run-{number}" for number in run],
        "application": others.get("application", "app"),
        "recorded_at": [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number) for number in run],
    }
    columns = {name: value if np.ndim(value) else [value] * n for name, value in given.items()}
    columns["by"] = [["store"]] * n
    return pa.table({name: pa.array(columns[name], HISTORY_SCHEMA.field(name).type) for name in HISTORY_SCHEMA.names})


def history(*runs: pa.Table) -> pa.Table:
    """Put runs together."""
    return pa.concat_tables(runs)
