"""What a folder of files consists of: row groups of Parquet files, by their footers, or whole files of other kinds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from pyarrow import fs

from planner.errors import Fault, Finding, InputError
from planner.io.file_schemas import compare_schemas, distinct
from planner.io.locations import Listed, Location, list_files
from planner.io.parquet_footers import PARQUET, read_footers
from planner.model.arrays import Bool, Int32, Int64

__all__ = ["FileParts", "read_parts"]

UNDIVIDED = (".gz", ".gzip", ".zst", ".zstd", ".xz", ".lz4", ".snappy", ".zip")
"""Ends of names of compressed files in which nobody can start to read in the middle."""
MOST_NAMED = 5
MOST_TOLD = 20
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""The name of a folder whose rows have no value."""


@dataclass(frozen=True, eq=False)
class FileParts:
    """Parts that are read as a whole: a row group, or a file.

    Attributes
    ----------
    location : Location
    parquet : bool
    paths : tuple of str
        Of the files, inside the filesystem.
    file_bytes : ndarray of int64, shape (files,)
    divisible : ndarray of bool, shape (files,)
        Whether Spark can start to read in the middle of a file.
    file : ndarray of int32, shape (parts,)
        The file of each part. Parts are in the order of the files, and in their order in each file.
    group : ndarray of int32, shape (parts,)
        Which row group of its file; −1 for a whole file.
    bytes : ndarray of int64, shape (parts,)
        As they are stored.
    start : ndarray of int64, shape (parts,)
        Where in its file.
    rows : ndarray of int64, shape (parts,)
        −1 where that is not known.
    partition_columns : tuple of str
        From the names of folders such as ``day=2024-01-01``.
    partition_values : tuple of tuple
        Of each file: text, or None.
    schema : pyarrow.Schema or None
        That of most files.
    findings : tuple of Finding
    """

    location: Location
    parquet: bool
    paths: tuple[str, ...]
    file_bytes: Int64
    divisible: Bool
    file: Int32
    group: Int32
    bytes: Int64
    start: Int64
    rows: Int64
    partition_columns: tuple[str, ...] = ()
    partition_values: tuple[tuple[str | None, ...], ...] = ()
    schema: pa.Schema | None = None
    findings: tuple[Finding, ...] = ()

    def address(self, part: int) -> str:
        """Name the file of a part."""
        return self.location.address(self.paths[int(self.file[part])])


def read_parts(given: str | os.PathLike[str]) -> FileParts:
    """List a folder, or a single file, and find the parts that can be read one by one.

    Parameters
    ----------
    given : str or path
        A path, or a URI that pyarrow's filesystems read. Where any file is named as Parquet, all have to be.

    Raises
    ------
    InputError
        If nothing is there; for every Parquet file whose footer cannot be read, or that holds another type in a column;
        for every file among Parquet files that is none.
    """
    location = Location.of(given)
    system = location.filesystem()
    listed = list_files(location, system)
    if any(file.path.lower().endswith(PARQUET) for file in listed):
        return _parquet(location, system, listed)
    sizes = np.array([file.bytes for file in listed], dtype=np.int64)
    whole = np.flatnonzero(sizes > 0)
    empty = [location.address(listed[i].path) for i in np.flatnonzero(sizes == 0).tolist()]
    return FileParts(
        location=location,
        parquet=False,
        paths=tuple(file.path for file in listed),
        file_bytes=sizes,
        divisible=np.array([not file.path.lower().endswith(UNDIVIDED) for file in listed], dtype=np.bool_),
        file=whole.astype(np.int32),
        group=np.full(len(whole), -1, dtype=np.int32),
        bytes=sizes[whole],
        start=np.zeros(len(whole), dtype=np.int64),
        rows=np.full(len(whole), -1, dtype=np.int64),
        findings=tuple(_empty(empty, "bytes")),
    )


def _parquet(location: Location, system: fs.FileSystem, listed: list[Listed]) -> FileParts:
    """Read the footers of all files, and say at once what is wrong with any of them."""
    names = [location.address(file.path) for file in listed]
    columns, values, faults = _partition_values(listed, names)
    footers, broken = read_footers(system, listed, names)
    if faults or broken:
        raise InputError([*faults, *broken])
    usual, faults, findings = compare_schemas(*distinct([footer.schema for footer in footers]), names)
    if faults:
        raise InputError(faults)
    old = [name for name, footer in zip(names, footers, strict=True) if footer.old_calendar]
    empty = [name for name, footer in zip(names, footers, strict=True) if not sum(footer.rows)]
    parts = [
        (i, k, *part)
        for i, footer in enumerate(footers)
        for k, part in enumerate(zip(footer.bytes, footer.start, footer.rows, strict=True))
        if part[2] > 0
    ]
    file, group, size, start, rows = np.array(parts, dtype=np.int64).reshape(-1, 5).T
    return FileParts(
        location=location,
        parquet=True,
        paths=tuple(f.path for f in listed),
        file_bytes=np.array([f.bytes for f in listed], dtype=np.int64),
        divisible=np.ones(len(listed), dtype=np.bool_),
        file=file.astype(np.int32),
        group=group.astype(np.int32),
        bytes=size,
        start=start,
        rows=rows,
        partition_columns=columns,
        partition_values=values,
        schema=usual,
        findings=(*findings, *_empty(empty, "rows"), *_old(old)),
    )


def _partition_values(
    listed: Sequence[Listed], names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[tuple[str | None, ...], ...], list[Fault]]:
    """Read columns from the names of folders, ``day=2024-01-01``, as Hive and Spark write them."""
    found = []
    for file in listed:
        pairs = [name.split("=", 1) for name in file.inside if "=" in name]
        found.append([(unquote(key), None if value == NO_VALUE else unquote(value)) for key, value in pairs])
    columns = tuple(key for key, _ in found[0])
    faults = [
        Fault(name, f"lies in folders of {_listed(keys)}; expected {_listed(columns)}, as for {names[0]}")
        for name, pairs in zip(names, found, strict=True)
        if (keys := tuple(key for key, _ in pairs)) != columns
    ]
    return columns, tuple(tuple(value for _, value in pairs) for pairs in found), faults[:MOST_TOLD]


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f"{column}=…" for column in columns) or "no column"


def _empty(names: Sequence[str], of: str) -> list[Finding]:
    if not names:
        return []
    problem = f"files with 0 {of}: {_named(names)}"
    return [Finding(problem, "nothing; they are left out. Delete them to list fewer files")]


def _old(names: Sequence[str]) -> list[Finding]:
    if not names:
        return []
    problem = f"files in the old calendar of Spark before 3.0: {_named(names)}"
    return [Finding(problem, "nothing, if no date is before 1582-10-15; else read them with spark.read.parquet")]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
