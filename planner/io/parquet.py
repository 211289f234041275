"""Graphs as a pair of Parquet files, tasks and edges: for graphs of millions, without a Python object for any task."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from planner.errors import Fault, InputError
from planner.io.checks import MOST_BYTES, Faults, naming, nearest
from planner.io.files import as_path, exists, is_folder, unreadable, write_atomically
from planner.io.placed_columns import PLACED_COLUMNS, placed_columns, read_placed
from planner.io.redundancy_keys import COPY, REDUNDANT_KEYS, read_redundancy, redundancy_columns
from planner.model.arrays import Float64, Int32, Int64
from planner.model.faults import tell
from planner.model.graph import Graph
from planner.model.units import MICROSECONDS

__all__ = ["MAGIC", "edges_beside", "is_parquet_folder", "read_parquet", "write_parquet"]

MAGIC = b"PAR1"
TASK_COLUMNS = ("id", "work", "work_us", "memory", "output", "kind", *PLACED_COLUMNS, *REDUNDANT_KEYS)
EDGE_COLUMNS = ("source", "target", "bytes")
ROWS_SHOWN = 20


def is_parquet_folder(path: Path) -> bool:
    """Tell whether a folder holds ``tasks.parquet``, or the parts of a table that an engine wrote in parallel."""
    return is_folder(path) and (exists(path / "tasks.parquet") or any(path.glob("*.parquet")))


def edges_beside(tasks: Path) -> Path:
    """Name the file of edges that belongs to a file of tasks.

    Examples
    --------
    >>> str(edges_beside(Path("a/tasks.parquet"))), str(edges_beside(Path("trace.parquet")))
    ('a/edges.parquet', 'trace.edges.parquet')
    """
    head, tasks_word, tail = tasks.name.rpartition("tasks")
    if tasks_word:
        return tasks.with_name(f"{head}edges{tail}")
    return tasks.with_name(f"{tasks.stem}.edges{tasks.suffix}")


def read_parquet(path: Path, edges: str | os.PathLike[str] | None = None) -> Graph:
    """Read a graph from a pair of Parquet files.

    Parameters
    ----------
    path : Path
        The file of tasks (columns ``id``: text or whole numbers, ``work``: seconds, or ``work_us``: microseconds, and
        if wanted ``memory`` and ``output``: bytes, ``kind``: text, ``pin_executor``, ``pin_host``, ``pin_kind`` and
        ``apart``: text, null where there is none; ``replicas``, ``redundancy``, ``retries``, ``timeout``: as in a job
        file, null where there is none), or the folder that holds ``tasks.parquet`` and ``edges.parquet``.
    edges : str or path, optional
        The file of edges (columns ``source``, ``target``: ids, and if wanted ``bytes``); the one beside the tasks when
        left out. Without one, the tasks wait for nothing.

    Raises
    ------
    InputError
        With every fault.
    """
    tasks_file = path / "tasks.parquet" if is_folder(path) and exists(path / "tasks.parquet") else path
    edges_file = as_path(edges) if edges is not None else edges_beside(tasks_file)
    faults = Faults()
    ids, columns = _read_tasks(tasks_file, faults)
    if edges is not None or exists(edges_file):
        columns |= _read_edges(edges_file, ids, columns.get("output"), faults)
    graph = None
    if "work" in columns:
        with _reading(tasks_file, faults):
            # Handed over and not kept: the graph drops what it has turned into rows.
            graph = Graph.from_arrays(
                ids,
                work=columns.pop("work"),
                memory=columns.pop("memory", None),
                output=columns.pop("output", None),
                kind=columns.pop("kind", None),
                source=columns.pop("source", ()),
                target=columns.pop("target", ()),
                edge_bytes=columns.pop("edge_bytes", None),
                pins=columns.pop("pins", None),
                apart=columns.pop("apart", None),
                **columns.pop("redundancy", {}),
            )
    faults.raise_if_any()
    assert graph is not None  # noqa: S101 - for the type checker
    return graph


def _read_tasks(path: Path, faults: Faults) -> tuple[pa.Array | None, dict[str, Any]]:
    """Give the ids, or None where they are wrong, and the columns that are right."""
    ids: pa.Array | None = None
    columns: dict[str, Any] = {}
    found = Faults()
    with _reading(path, faults):
        table = _Table(path, TASK_COLUMNS, ("id",), found)
        column = _ids(table, "id", found)
        ids = None if column is None else column.combine_chunks()
        work = [name for name in ("work", "work_us") if name in table.names]
        if len(work) != 1:
            found.add("work", "stands beside work_us; expected one of them" if work else "is missing; expected seconds")
        else:
            numbers = _numbers(table.column(work[0]), work[0], found, nulls=None)
            columns["work"] = numbers / MICROSECONDS if work == ["work_us"] else numbers
        for name in ("memory", "output"):
            if name in table.names:
                columns[name] = _sizes(table.column(name), name, found)
        if "kind" in table.names:
            kind = _texts(table.column("kind"), "kind", found)
            columns["kind"] = kind.fill_null("task") if kind is not None and kind.null_count else kind
        placed = {name: table.column(name) for name in PLACED_COLUMNS if name in table.names}
        if placed:
            texts = {name: _texts(column, name, found) for name, column in placed.items()}
            columns["pins"], columns["apart"] = read_placed(texts, found)
        asking = {name: table.column(name) for name in REDUNDANT_KEYS if name in table.names}
        if asking:
            columns["redundancy"] = _redundancy(asking, ids, found)
        found.raise_if_any()
    return ids, columns


def _read_edges(path: Path, ids: pa.Array | None, output: Int64 | None, faults: Faults) -> dict[str, Any]:
    """Give the columns of edges, or nothing where one of them is wrong or the ids of tasks are not known."""
    columns: dict[str, Any] = {}
    whole, found = False, Faults()
    with _reading(path, faults):
        table = _Table(path, EDGE_COLUMNS, EDGE_COLUMNS[:2], found)
        for name in EDGE_COLUMNS[:2]:
            columns[name] = _positions(table, ids, name, found)
            pa.default_memory_pool().release_unused()
        if "bytes" in table.names:
            sizes = table.column("bytes")
            columns["edge_bytes"] = _sizes(sizes, "bytes", found)
            if sizes.null_count and not found.found and ids is not None:
                default = 0 if output is None else output[columns["source"]]
                columns["edge_bytes"] = np.where(sizes.is_null(), default, columns["edge_bytes"])
        found.raise_if_any()
        whole = ids is not None
    return columns if whole else {}


@contextmanager
def _reading(path: Path, faults: Faults) -> Iterator[None]:
    """Note in one sentence what is wrong with a file, whoever finds it."""
    try:
        with naming(path):
            yield
    except InputError as error:
        faults.add_all(error.faults, also=True)
    except OSError as error:
        faults.add_all((unreadable if error.errno is not None else _unparquet)(path, error).faults)
    except (pa.ArrowException, UnicodeDecodeError) as error:  # the latter: a name in it is no UTF-8
        faults.add_all(_unparquet(path, error).faults)
    finally:
        pa.default_memory_pool().release_unused()


def _unparquet(path: Path, error: Exception) -> InputError:
    reason = str(error).partition("\n")[0][:200]
    return InputError([Fault(str(path), f"is no Parquet file that can be read ({reason}); expected a whole one")])


class _Table:
    """A Parquet file, or a folder of its parts, whose columns are read one at a time, which keeps the peak low."""

    def __init__(self, path: Path, known: tuple[str, ...], needed: tuple[str, ...], faults: Faults) -> None:
        self.data: Any
        if is_folder(path):
            self.data = pq.ParquetDataset(path, partitioning=None, pre_buffer=False)
            names = self.data.schema.names
        else:
            path.open("rb").close()  # for the system's own words about what it does not give
            self.data = pq.ParquetFile(path)  # reading parts of a table costs 50 MB of libraries
            names = self.data.schema_arrow.names
        given = [name for name in names if not name.startswith("__index_level_")]
        for name in given:
            if name not in known:  # a misspelt one would be lost in silence
                faults.add(name, f"is an unknown column{nearest(name, known) or '; expected ' + ', '.join(known)}")
            if given.count(name) > 1:
                faults.add(name, "stands twice; expected every column once")
        for name in needed:
            if name not in given:
                faults.add(name, f"is missing; expected the columns {', '.join(known)}")
        self.names = [name for name in given if given.count(name) == 1]

    def column(self, name: str) -> pa.ChunkedArray:
        column = self.data.read(columns=[name])[name]
        column.validate(full=True)
        pa.default_memory_pool().release_unused()
        return column


def _ids(table: _Table, name: str, faults: Faults) -> pa.ChunkedArray | None:
    """Give a column of ids, or None where it is wrong."""
    if name not in table.names:
        return None
    column = table.column(name)
    values = column.cast(column.type.value_type) if kinds.is_dictionary(column.type) else column
    if not (kinds.is_integer(values.type) or kinds.is_string(values.type) or kinds.is_large_string(values.type)):
        faults.add(name, f"is of type {values.type}; expected text or whole numbers")
        return None
    if column.null_count:
        faults.add(f"{name}[{_rows(values.is_null())[0]}]", f"is null, as {column.null_count} are; expected an id")
        return None
    return values


def _positions(table: _Table, ids: pa.Array | None, name: str, faults: Faults) -> Int32 | None:
    values = _ids(table, name, faults)
    if values is None or ids is None:
        return None
    if values.type != ids.type:
        numbers = kinds.is_integer(values.type) and kinds.is_integer(ids.type)
        same = pa.int64() if numbers and pa.uint64() not in (values.type, ids.type) else pa.string()
        values, ids = values.cast(same), ids.cast(same)
    found = pc.index_in(values, value_set=ids)
    if found.null_count:
        wrong = _rows(found.is_null())
        known = ids.cast(pa.string()).to_pylist() if len(ids) <= 20_000 else ()
        for row in wrong[:ROWS_SHOWN].tolist():
            faults.unknown_name(f"{name}[{row}]", str(values[row].as_py()), known, "task")
        if len(wrong) > ROWS_SHOWN:
            faults.add(name, f"names no task in {len(wrong) - ROWS_SHOWN} more rows")
    return np.array(found.fill_null(0), dtype=np.int32)


def _numbers(column: pa.ChunkedArray, name: str, faults: Faults, nulls: float | None) -> Float64:
    if not (kinds.is_integer(column.type) or kinds.is_floating(column.type) or kinds.is_decimal(column.type)):
        faults.add(name, f"is of type {column.type}; expected numbers")
        return np.zeros(len(column))
    if column.null_count and nulls is None:
        rows = _rows(column.is_null())
        faults.add(f"{name}[{rows[0]}]", f"is null, as {len(rows)} are; expected a number")
    numbers = column.cast(pa.float64(), safe=False)
    numbers = numbers.fill_null(nulls or 0.0) if column.null_count else numbers
    return np.asarray(numbers, dtype=np.float64)


def _sizes(column: pa.ChunkedArray, name: str, faults: Faults) -> Int64:
    numbers = _numbers(column, name, faults, nulls=0.0)
    bad = ~((numbers >= 0) & (numbers <= MOST_BYTES))
    told: list[Fault] = []
    wanted = f"expected bytes from 0 to {MOST_BYTES:.0e}"
    tell(told, np.flatnonzero(bad), name, lambda row: Fault(f"{name}[{row}]", f"is {numbers[row]:g}; {wanted}"))
    faults.add_all(told)
    if kinds.is_integer(column.type) and not bad.any():
        whole = column.fill_null(0) if column.null_count else column
        return np.asarray(whole, dtype=np.int64)
    return np.where(bad, 0.0, np.rint(numbers)).astype(np.int64)


def _texts(column: pa.ChunkedArray, name: str, faults: Faults) -> pa.Array:
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    inner = values.type.value_type if kinds.is_dictionary(values.type) else values.type
    if not (kinds.is_string(inner) or kinds.is_large_string(inner) or kinds.is_null(inner)):
        faults.add(name, f"is of type {inner}; expected text")
        return None
    return values.cast(pa.string())


def _redundancy(asking: Mapping[str, pa.ChunkedArray], ids: pa.Array | None, faults: Faults) -> dict[str, Any]:
    """Read what tasks ask for, of which Python sees only the rows of those that do."""
    there = np.zeros(len(next(iter(asking.values()))), dtype=bool)
    for column in asking.values():
        there |= np.asarray(column.is_valid())
    rows = np.flatnonzero(there)
    tasks: list[dict[str, Any]] = [{} for _ in rows]
    for name, column in asking.items():
        for task, value in zip(tasks, column.take(pa.array(rows)).to_pylist(), strict=True):
            if value is not None:  # a column with nulls is one of floats to pandas
                task[name] = int(value) if name != "timeout" and isinstance(value, float) and value % 1 == 0 else value
    position: dict[Any, int] = {}
    if COPY in asking and ids is not None:
        position = {name: row for row, name in enumerate(ids.to_pylist())}

    def find(path: str, name: Any) -> int | None:
        if isinstance(name, str | int) and name in position:
            return position[name]
        faults.unknown_name(path, name, [known for known in position if isinstance(known, str)], "task")
        return None

    read = read_redundancy(zip(rows.tolist(), tasks, strict=True), lambda row, key: f"{key}[{row}]", find, faults)
    return vars(read)


def _rows(mask: pa.Array | pa.ChunkedArray) -> Int64:
    return np.flatnonzero(np.asarray(mask))


def write_parquet(graph: Graph, path: Path) -> None:
    """Write a trace as a pair of Parquet files; the edges go where `edges_beside` says.

    Raises
    ------
    InputError
        If the graph has calls or data-parallel tasks, which these columns cannot hold, or a file cannot be written.
    """
    if any(call is not None for call in graph.calls) or graph.over:
        problem = "has tasks that name what they run, which Parquet does not hold; expected a trace, or a .json file"
        raise InputError([Fault(str(path), problem)])
    file = path / "tasks.parquet" if is_folder(path) else path
    target = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
    edges = {"source": graph.ids.take(pa.array(graph.pred)), "target": graph.ids.take(pa.array(target))}
    kind = pa.DictionaryArray.from_arrays(pa.array(graph.kind), pa.array(graph.kinds, pa.string())).cast(pa.string())
    tasks = {
        "id": graph.ids,
        "work": graph.work_us / MICROSECONDS,
        "memory": graph.memory_bytes,
        "output": graph.output_bytes,
        "kind": kind,
        **placed_columns(graph),
        **redundancy_columns(graph),
    }
    _write(edges_beside(file), {**edges, "bytes": graph.edge_bytes})
    _write(file, tasks)


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    table = pa.table(dict(columns))
    write_atomically(path, lambda out: pq.write_table(table, out))
