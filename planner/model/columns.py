"""The columns of a graph as they are given, checked and turned into arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike

from planner.errors import Fault
from planner.model.arrays import Int32, Int64
from planner.model.faults import tell
from planner.model.topology import Ends

__all__ = ["Column", "edges_column", "kinds_column", "names_column", "sizes_column", "task_path"]

Column: TypeAlias = ArrayLike | None


def names_column(ids: Sequence[str] | pa.Array | None, n: int, faults: list[Fault]) -> pa.StringArray:
    """Give the tasks' names; they have to be distinct."""
    if ids is None:
        return pc.cast(pa.array(np.arange(n)), pa.string())
    names = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    if not isinstance(names, pa.Array):
        names = pa.array(names, type=pa.string())
    names = names.cast(pa.string())
    if len(names) != n:
        faults.append(Fault("ids", f"there are {len(names)} ids for {n} works; expected one each"))
    first = np.asarray(pc.index_in(names, value_set=names))  # counting distinct ones takes more time and memory
    again = np.unique(first[first != np.arange(len(names))])
    problem = "this id is given to more than one task; expected distinct ids"
    tell(faults, again, "tasks", lambda task: Fault(task_path(names, task), problem))
    del first
    pa.default_memory_pool().release_unused()  # of millions of ids: the room that comparing took
    return names


def task_path(names: pa.StringArray, task: int) -> str:
    """Say where a task is, by its name where it has one."""
    return f"tasks[{names[task].as_py()!r}]" if task < len(names) else f"tasks[{task}]"


def sizes_column(what: str, column: Column, n: int, names: pa.StringArray, faults: list[Fault]) -> Int64:
    """Give bytes, 0 where there is no column."""
    if column is None:
        return np.zeros(n, dtype=np.int64)
    values = np.asarray(column)
    if len(values) != n:
        faults.append(Fault(what, f"there are {len(values)} values for {n} tasks; expected one each"))
        return np.zeros(n, dtype=np.int64)
    good = np.isfinite(values) & (values >= 0)
    wanted = "expected bytes >= 0"
    wrong = np.flatnonzero(~good)
    tell(faults, wrong, what, lambda task: Fault(f"{task_path(names, task)}.{what}", f"is {values[task]}; {wanted}"))
    return np.where(good, values, 0).astype(np.int64, copy=False)


def edges_column(
    source: ArrayLike,
    target: ArrayLike,
    edge_bytes: Column,
    output_bytes: Int64,
    n: int,
    names: pa.StringArray,
    faults: list[Fault],
) -> tuple[Ends, Ends, Int64]:
    """Give the edges' ends and bytes; those of the source's output, where there is no column."""
    sources, targets = _ends(source), _ends(target)
    if len(sources) != len(targets):
        faults.append(Fault("edges", f"there are {len(sources)} sources for {len(targets)} targets; expected one each"))
        return sources[:0], targets[:0], output_bytes[:0]
    outside = (sources < 0) | (sources >= n) | (targets < 0) | (targets >= n)
    if outside.any():
        wanted = f"expected positions from 0 to {n - 1}"
        ends = sources, targets
        wrong = np.flatnonzero(outside)
        tell(faults, wrong, "edges", lambda e: Fault(f"edges[{e}]", f"joins {ends[0][e]} to {ends[1][e]}; {wanted}"))
        sources, targets = sources[~outside], targets[~outside]
        edge_bytes = None
    if edge_bytes is None:
        return sources, targets, output_bytes[sources] if n else output_bytes[:0]
    sizes = np.asarray(edge_bytes)
    if len(sizes) != len(sources):
        faults.append(Fault("edge_bytes", f"there are {len(sizes)} values for {len(sources)} edges; expected one each"))
        return sources, targets, np.zeros(len(sources), dtype=np.int64)
    good = np.isfinite(sizes) & (sizes >= 0)
    wrong = np.flatnonzero(~good)
    tell(faults, wrong, "edges", lambda e: Fault(f"edges[{e}].bytes", f"is {sizes[e]}; expected bytes >= 0"))
    return sources, targets, (sizes if good.all() else np.where(good, sizes, 0)).astype(np.int64, copy=False)


def _ends(column: ArrayLike) -> Ends:
    ends: Ends = np.asarray(column)
    return ends if ends.dtype == np.int32 else ends.astype(np.int64, copy=False)


def kinds_column(kind: Sequence[str] | pa.Array | None, n: int) -> tuple[Int32, tuple[str, ...]]:
    """Give each task's kind as a number, and the kinds' names."""
    if kind is None or not n:
        return np.zeros(n, dtype=np.int32), ("task",)
    column = kind if isinstance(kind, pa.Array | pa.ChunkedArray) else pa.array(kind, type=pa.string())
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    return coded.indices.to_numpy(zero_copy_only=False).astype(np.int32), tuple(coded.dictionary.to_pylist())
