"""Schemas of many Parquet files: which columns are missing in some of them, and which hold another type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from planner.errors import Fault, Finding

__all__ = ["compare_schemas", "distinct", "plain_type", "stored_schema"]

_SIGNED = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20, 0),
    pa.float16(): pa.float32(),
}
"""As Spark reads what it has no type for."""

MOST_TOLD = 20
MOST_NAMED = 5


def stored_schema(metadata: pq.FileMetaData) -> pa.Schema:
    """Give the columns of a file, times as Spark takes them: an INT96 is a moment, though Parquet does not say so."""
    schema = metadata.schema.to_arrow_schema().remove_metadata()
    if not any(kinds.is_timestamp(field.type) and field.type.tz is None for field in schema):
        return schema
    leaves = (metadata.schema.column(i) for i in range(len(metadata.schema)))
    moments = {leaf.path for leaf in leaves if leaf.physical_type == "INT96"}
    moment = pa.timestamp("us", "UTC")
    return pa.schema([field.with_type(moment) if field.name in moments else field for field in schema])


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Give the type that Spark holds the same values in, without what only says how they lie in memory.

    Examples
    --------
    >>> str(plain_type(pa.dictionary(pa.int8(), pa.large_string()))), str(plain_type(pa.timestamp("ns", "Asia/Tokyo")))
    ('string', 'timestamp[us, tz=UTC]')
    """
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if kinds.is_dictionary(kind):
        return plain_type(kind.value_type)
    if kinds.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if kinds.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    if kinds.is_struct(kind):
        return pa.struct([(field.name, plain_type(field.type)) for field in kind])
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if kinds.is_large_string(kind) or str(kind) == "string_view":
        return pa.string()
    if kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind) or str(kind) == "binary_view":
        return pa.binary()
    return _SIGNED.get(kind, kind)


def distinct(schemas: Sequence[pa.Schema]) -> tuple[list[pa.Schema], list[int]]:
    """Give each schema once, and which of them each file has."""
    once: list[pa.Schema] = []
    which = []
    for schema in schemas:
        at = next((i for i, known in enumerate(once) if known.equals(schema)), len(once))
        if at == len(once):
            once.append(schema)
        which.append(at)
    return once, which


def compare_schemas(
    once: Sequence[pa.Schema], which: Sequence[int], names: Sequence[str]
) -> tuple[pa.Schema, list[Fault], list[Finding]]:
    """Compare the schemas of files with that of most of them.

    Parameters
    ----------
    once : sequence of pyarrow.Schema
        Each schema once.
    which : sequence of int
        Of each file.
    names : sequence of str
        Of the files.

    Returns
    -------
    usual : pyarrow.Schema
        That of most files.
    faults : list of Fault
        Columns that hold another type, for each file.
    findings : list of Finding
        Columns that only some files have.
    """
    most = Counter(which).most_common(1)[0][0]
    usual = _by_name(once[most])
    faults: list[Fault] = []
    missing: dict[str, list[str]] = {}
    more: dict[str, list[str]] = {}
    others = [_by_name(schema) for schema in once]
    for name, at in zip(names, which, strict=True):
        if at == most:
            continue
        for column in usual.keys() - others[at].keys():
            missing.setdefault(usual[column].name, []).append(name)
        for column in others[at].keys() - usual.keys():
            more.setdefault(others[at][column].name, []).append(name)
        for column in usual.keys() & others[at].keys():
            here, there = plain_type(others[at][column].type), plain_type(usual[column].type)
            if here != there and not kinds.is_null(here) and not kinds.is_null(there):
                faults.append(
                    Fault(name, f"column {usual[column].name!r} is {here}; expected {there}, as in most files")
                )
    findings = [_finding(column, files, "is missing in", "null") for column, files in sorted(missing.items())]
    findings += [
        _finding(column, files, "is only in", "null elsewhere, or left out") for column, files in sorted(more.items())
    ]
    faults.sort(key=lambda fault: (fault.path, fault.problem))
    if len(faults) > MOST_TOLD:
        faults = [*faults[:MOST_TOLD], Fault("", f"and {len(faults) - MOST_TOLD:,} more like these")]
    return once[most], faults, findings


def _by_name(schema: pa.Schema) -> dict[str, pa.Field]:
    return {field.name.lower(): field for field in schema}


def _finding(column: str, files: Sequence[str], where: str, read_as: str) -> Finding:
    more = f" and {len(files) - MOST_NAMED:,} more" if len(files) > MOST_NAMED else ""
    problem = f"column {column!r} {where} {len(files):,} of the files: {', '.join(files[:MOST_NAMED])}{more}"
    return Finding(problem, f"nothing, if it may be {read_as}; else write these files anew")
