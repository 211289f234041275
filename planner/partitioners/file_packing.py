"""Files and row groups into partitions of equal weight, beside what Spark's own packing of files would give.

Spark cuts files into pieces of at most ``spark.sql.files.maxPartitionBytes`` and packs those, largest first, next fit
(``org.apache.spark.sql.execution.datasources.FilePartition``). The piece with its middle reads a row group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from planner.errors import Fault, Finding, InputError
from planner.io.file_parts import FileParts
from planner.model.arrays import Float64, Int64
from planner.model.file_plan import ASSIGNMENT_SCHEMA, FilePlan, HeavyPart
from planner.model.partition_plan import Layout
from planner.model.units import format_bytes
from planner.partitioners.groups import Grouping, Items, group_items
from planner.partitioners.spark_layouts import in_order

__all__ = ["SparkReading", "plan_files", "spark_reading_weights"]

PIECES_PER_SLOT = 16
"""Neighbouring row groups of a file stay together up to this part of a slot's share: every partition that reads from a
file has to open it, and pieces so small still pack evenly."""

COSTS = (
    "bytes alone are compared; measured, read() takes about 1.8 × the CPU of Spark's own reader, and map_in_arrow "
    "0.7 × that of Spark's reader and mapInArrow"
)
"""Measured on 5,000,000 rows of numbers and text in 61 files, local-cluster[2,2,1536]."""

MOST_HEAVY = 10
MOST_NAMED = 5
SMALLER = {
    "row group": "write it with smaller row groups (spark.hadoop.parquet.block.size, or row_group_size in pyarrow)",
    "compressed": "nobody can start in the middle of it: split it before compressing, or store it as Parquet",
    "file": "split it into several files, or store it as Parquet",
}


@dataclass(frozen=True)
class SparkReading:
    """The settings of a session that say how it would read files.

    Attributes
    ----------
    max_partition_bytes : int
        ``spark.sql.files.maxPartitionBytes``.
    open_cost_bytes : int
        ``spark.sql.files.openCostInBytes``.
    min_partitions : int
        ``spark.sql.files.minPartitionNum``, or the default parallelism.
    """

    max_partition_bytes: int
    open_cost_bytes: int
    min_partitions: int


def plan_files(
    parts: FileParts, *, weight: str, slots: int, reading: SparkReading, partitions: int | None = None
) -> FilePlan:
    """Pack parts into partitions, heaviest first.

    Parameters
    ----------
    parts : FileParts
    weight : {"bytes", "rows"}
    slots : int
    reading : SparkReading
        How the session would read them by itself.
    partitions : int, optional
        Chosen, if left out: heavy ones first, and smaller ones that even out what is left.

    Raises
    ------
    InputError
        If rows are to be weighed, and the files do not tell them.
    """
    if weight == "rows" and not parts.parquet:
        raise InputError([Fault("weight", "'rows' are told by the footers of Parquet files only; expected 'bytes'")])
    weights = (parts.bytes if weight == "bytes" else parts.rows).astype(np.float64)
    pieces = _pieces(weights, parts, slots)
    grouping = group_items(pieces, np.ones(slots), partitions=partitions)
    placed = np.repeat([int(where[0]) for where in grouping.partitions], pieces.keys).astype(np.int64)
    assignment = _assignment(parts, placed)
    part = "row group" if parts.parquet else "file"
    return FilePlan(
        location=parts.location.address(parts.location.path),
        parquet=parts.parquet,
        weight=weight,
        n_files=len(np.unique(parts.file)),
        n_parts=len(weights),
        total_bytes=int(parts.bytes.sum()),
        total_rows=int(parts.rows.sum()) if parts.parquet else None,
        slots=slots,
        partition_weight=grouping.weight,
        partition_files=np.bincount(assignment["partition"].to_numpy(), minlength=grouping.n),
        partition_parts=np.bincount(placed, minlength=grouping.n),
        heaviest=tuple(
            HeavyPart(parts.address(i), int(parts.group[i]) if parts.parquet else None, float(weights[i]))
            for i in np.argsort(-weights, kind="stable")[:MOST_HEAVY].tolist()
        ),
        lower_bound=grouping.lower_bound,
        bound_reason=f"one {part}" if grouping.bound_reason == "one key" else "all slots busy",
        layouts=tuple(_layouts(parts, weights, grouping, slots, reading)),
        findings=(*_too_large(parts, weights, min(slots, partitions or slots), weight), *parts.findings),
        notes=(COSTS,) if parts.parquet and len(weights) else (),
        seconds=0.0,
        assignment=assignment,
    )


def _pieces(weights: Float64, parts: FileParts, slots: int) -> Items:
    """Join neighbouring row groups of a file, as long as they are small; the keys of an item are its parts."""
    most = float(weights.sum()) / slots / PIECES_PER_SLOT
    starts, held, file = [], 0.0, -1
    for i, (weight, of) in enumerate(zip(weights.tolist(), parts.file.tolist(), strict=True)):
        if of != file or held + weight > most:
            starts.append(i)
            held, file = 0.0, of
        held += weight
    counts = np.diff(np.array([*starts, len(weights)], dtype=np.int64)).astype(np.int64)
    return Items(
        weight=np.add.reduceat(weights, starts) if starts else weights,
        rows=np.add.reduceat(parts.rows, starts) if starts else parts.rows,
        keys=counts,
        single=counts == 1,
    )


def _assignment(parts: FileParts, placed: Int64) -> pa.Table:
    """Write down which partition reads which parts of which files."""
    order = np.lexsort((np.arange(len(placed)), placed))
    where, file, group = placed[order], parts.file[order], parts.group[order]
    begins = np.flatnonzero(np.append(True, (np.diff(where) != 0) | (np.diff(file) != 0))) if len(order) else order
    offsets = np.append(begins, len(order)).astype(np.int32)
    files = file[begins].tolist()
    groups = pa.ListArray.from_arrays(offsets, pa.array(group, pa.int32()))
    if not parts.parquet:
        groups = pa.array([[]] * len(files), pa.list_(pa.int32()))
    values = [list(parts.partition_values[i]) if parts.partition_values else [] for i in files]
    columns = [
        pa.array(where[begins]),
        pa.array([parts.paths[i] for i in files], pa.string()),
        groups,
        pa.array(values),
    ]
    return pa.table(
        [column.cast(field.type) for column, field in zip(columns, ASSIGNMENT_SCHEMA, strict=True)], ASSIGNMENT_SCHEMA
    )


def _layouts(parts: FileParts, weights: Float64, grouping: Grouping, slots: int, reading: SparkReading) -> list[Layout]:
    by_file = np.bincount(parts.file, weights, minlength=len(parts.paths)).astype(np.float64)
    own = spark_reading_weights(parts, weights, reading)
    equal = np.ones(slots)
    return [
        _layout("planned", grouping.weight, grouping.makespan),
        _layout("one task a file", by_file, in_order(by_file[by_file > 0], equal)),
        _layout("Spark's packing of files", own, in_order(own, equal)),
    ]


def _layout(name: str, weights: Float64, makespan: float) -> Layout:
    held = weights[weights > 0]
    return Layout(name, len(held), makespan, float(held.max() / held.mean()) if len(held) else 1.0)


def spark_reading_weights(parts: FileParts, weights: Float64, reading: SparkReading) -> Float64:
    """Weigh the partitions that Spark's own reader makes, in the order in which it starts them.

    Parameters
    ----------
    parts : FileParts
    weights : ndarray of float, shape (parts,)
    reading : SparkReading
    """
    sizes = parts.file_bytes
    per_slot = int((sizes + reading.open_cost_bytes).sum()) // reading.min_partitions
    most = max(1, min(reading.max_partition_bytes, max(reading.open_cost_bytes, per_slot)))
    pieces = np.where(parts.divisible, -(-sizes // most), (sizes > 0).astype(np.int64))
    file = np.repeat(np.arange(len(sizes)), pieces)
    number = np.arange(len(file)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    length = np.where(parts.divisible[file], np.minimum(most, sizes[file] - number * most), sizes[file])
    weight = _piece_weights(parts, weights, most, pieces, file, length)
    order = np.argsort(-length, kind="stable")
    loads, held, size = [], 0.0, 0
    for piece_bytes, piece_weight in zip(length[order].tolist(), weight[order].tolist(), strict=True):
        if size + piece_bytes > most and size:
            loads.append(held)
            held, size = 0.0, 0
        held, size = held + piece_weight, size + piece_bytes + reading.open_cost_bytes
    return np.array([*loads, held] if size else loads, dtype=np.float64)


def _piece_weights(parts: FileParts, weights: Float64, most: int, pieces: Int64, file: Int64, length: Int64) -> Float64:
    """Give what each of Spark's pieces of files weighs: row groups whose middle lies in it, or its share of a file."""
    if not parts.parquet:
        whole = np.bincount(parts.file, weights, minlength=len(pieces))
        return np.asarray(whole[file] * length / np.maximum(parts.file_bytes[file], 1), dtype=np.float64)
    middle = parts.start + parts.bytes // 2
    first = np.cumsum(pieces) - pieces
    piece = first[parts.file] + np.minimum(middle // most, pieces[parts.file] - 1)
    return np.bincount(piece, weights, minlength=len(file)).astype(np.float64)


def _too_large(parts: FileParts, weights: Float64, partitions: int, weight: str) -> list[Finding]:
    """Name the parts that are larger than a partition's fair share, and the bound that they set."""
    fair = float(weights.sum()) / partitions
    large = [i for i in np.argsort(-weights, kind="stable").tolist() if partitions > 1 and weights[i] > fair]
    findings = []
    for kind, chosen in _kinds(parts, large):
        named = "; ".join(_named(parts, weights, i, weight) for i in chosen[:MOST_NAMED])
        more = f" and {len(chosen) - MOST_NAMED:,} more" if len(chosen) > MOST_NAMED else ""
        bound = float(weights[chosen[0]]) / fair
        problem = (
            f"larger than the fair share of a partition, {_amount(fair, weight)}: {named}{more}. "
            f"Reading takes at least {bound:.3g} × as long as it would in equal parts"
        )
        findings.append(Finding(problem, SMALLER[kind]))
    return findings


def _kinds(parts: FileParts, large: Sequence[int]) -> list[tuple[str, list[int]]]:
    if parts.parquet:
        return [("row group", list(large))] if large else []
    packed = [i for i in large if not parts.divisible[parts.file[i]]]
    others = [i for i in large if parts.divisible[parts.file[i]]]
    return [(kind, chosen) for kind, chosen in (("compressed", packed), ("file", others)) if chosen]


def _named(parts: FileParts, weights: Float64, i: int, weight: str) -> str:
    group = f", row group {parts.group[i]}" if parts.parquet else ""
    return f"{parts.address(i)}{group} ({_amount(float(weights[i]), weight)})"


def _amount(value: float, weight: str) -> str:
    return format_bytes(value) if weight == "bytes" else f"{value:,.0f} rows"
