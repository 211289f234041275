"""The key of a DataFrame: its columns, its hash, its bucket, and how it is written.

Rows are placed by the 64-bit hash of their key, so that nulls, NaN, −0.0, decimals and structs need no care of their
own: Spark hashes equal keys equally. Two keys of one hash would share a partition, which costs nothing but balance.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, BinaryType, DataType, MapType, StringType, StructType

from planner.errors import Fault, InputError

__all__ = ["Key", "checked_frame", "column", "free_name", "resolve"]

LABEL = 80
"""Letters of a key that are shown."""

BUCKETS = 2**14
"""Buckets that light keys are summed in, unless there are many slots: fine for balance, and cheap."""

BUCKETS_PER_SLOT = 64
MOST_BUCKETS = 2**17


def column(name: str) -> Column:
    """Give the column of this very name, whatever letters are in it."""
    return F.col("`" + name.replace("`", "``") + "`")


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """Give a name that no column has."""
    lower = {name.lower() for name in taken}
    while wanted.lower() in lower:
        wanted += "_"
    return wanted


@dataclass(frozen=True)
class Key:
    """The key's columns, and the grid of buckets that its hashes fall into.

    A bucket lies in one partition of Spark's own hash partitioning, so that what that would give can be told.

    Attributes
    ----------
    by : tuple of str
    hash_partitions : int
        Partitions that Spark itself would shuffle into.
    per_partition : int
        Buckets in each of them.
    """

    by: tuple[str, ...]
    hash_partitions: int
    per_partition: int

    @classmethod
    def of(cls, by: tuple[str, ...], hash_partitions: int, slots: int) -> Key:
        """Make a grid that is fine enough for so many slots."""
        buckets = min(MOST_BUCKETS, max(BUCKETS, BUCKETS_PER_SLOT * slots))
        return cls(by, hash_partitions, max(1, buckets // hash_partitions))

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return self.hash_partitions * self.per_partition

    @property
    def columns(self) -> list[Column]:
        """The key's columns."""
        return [column(name) for name in self.by]

    def hash(self) -> Column:
        """Give the key's 64-bit hash."""
        return F.xxhash64(*self.columns)

    def bucket(self, key_hash: Column) -> Column:
        """Give the key's bucket, a whole number of 32 bits."""
        partition = F.pmod(F.hash(*self.columns), F.lit(self.hash_partitions))
        inside = F.pmod(key_hash, F.lit(self.per_partition)).cast("int")
        return (partition * F.lit(self.per_partition) + inside).cast("int")

    def identity(self, schema: StructType) -> tuple[Column, Column, Column]:
        """Give two hashes that no two keys have both of, and the key as text."""
        return self.hash(), F.xxhash64(F.lit(1), *self.columns), self.label(schema)

    def label(self, schema: StructType) -> Column:
        """Give the key as text."""
        parts = [_text(column(name), schema[name].dataType) for name in self.by]
        return F.substring(F.concat_ws(", ", *parts), 1, LABEL)


def _text(value: Column, kind: DataType) -> Column:
    shown = F.hex(value) if isinstance(kind, BinaryType) else value.cast("string")
    return F.coalesce(shown, F.lit("null"))


def resolve(df: Any, names: str | Sequence[str], path: str = "by") -> tuple[str, ...]:
    """Find key columns as Spark would, and check that they can be grouped by.

    Raises
    ------
    InputError
        With every column that is unknown (and the nearest names), given twice, or of a type that has no hash.
    """
    given = [names] if isinstance(names, str) else list(names) if isinstance(names, (list, tuple)) else None
    if not given or not all(isinstance(name, str) for name in given):
        raise InputError([Fault(path, f"{names!r}; expected the name of a column, or a list of names")])
    sensitive = str(df.sparkSession.conf.get("spark.sql.caseSensitive", "false")).lower() == "true"
    found, faults = [], []
    for name in given:
        match = [c for c in df.columns if c == name] or (
            [] if sensitive else [c for c in df.columns if c.lower() == name.lower()]
        )
        if not match:
            near = difflib.get_close_matches(name, df.columns, n=3, cutoff=0.5)
            there = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {_listed(df.columns)}"
            faults.append(Fault(path, f"{name!r} is no column; {there}"))
        elif match[0] in found:
            faults.append(Fault(path, f"{name!r} is given twice"))
        else:
            found.append(match[0])
            problem = _ungroupable(df.schema[match[0]].dataType)
            faults += [Fault(path, f"{name!r} {problem}")] if problem else []
    if faults:
        raise InputError(faults)
    return tuple(found)


def checked_frame(df: Any, path: str = "df") -> None:
    """Refuse what is no DataFrame at rest, or has two columns of one name.

    Raises
    ------
    InputError
    """
    if not isinstance(df, DataFrame):
        raise InputError([Fault(path, f"{type(df).__name__}; expected a Spark DataFrame")])
    if df.isStreaming:
        raise InputError([Fault(path, "is a stream; expected a DataFrame at rest, such as a micro-batch")])
    sensitive = str(df.sparkSession.conf.get("spark.sql.caseSensitive", "false")).lower() == "true"
    names = df.columns if sensitive else [name.lower() for name in df.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputError([Fault(path, f"has more than one column {name!r}; rename or drop one") for name in twice])


def _ungroupable(kind: DataType) -> str | None:
    """Say why a key of this type cannot be placed by its hash."""
    if isinstance(kind, StringType):
        collation = getattr(kind, "collation", "UTF8_BINARY")
        if collation != "UTF8_BINARY":
            return f"is text under the collation {collation}; expected UTF8_BINARY: cast it, or key by lower(…)"
        return None
    if isinstance(kind, StructType):
        return next((problem for field in kind if (problem := _ungroupable(field.dataType))), None)
    if isinstance(kind, ArrayType):
        return _ungroupable(kind.elementType)
    if isinstance(kind, MapType) or kind.typeName() == "variant":
        return f"is a {kind.typeName()}, which Spark cannot group by"
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
