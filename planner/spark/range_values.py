"""Values of ordered columns: brought to the driver and back as literals, exactly, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    FractionalType,
    IntegralType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from planner.errors import Fault, InputError
from planner.spark.keys import column

__all__ = ["checked_order", "range_number", "text_of", "values_at"]

_ORDERED = (
    BinaryType,
    BooleanType,
    DateType,
    FractionalType,
    IntegralType,
    StringType,
    TimestampNTZType,
    TimestampType,
)
_LABEL = 40
"""Letters of a value that are shown."""


def checked_order(schema: StructType, by: Sequence[str]) -> tuple[DataType, ...]:
    """Give the types of the columns to order by.

    Raises
    ------
    InputError
        For every column whose values cannot be written as literals.
    """
    kinds = tuple(schema[name].dataType for name in by)
    faults = [
        Fault(
            "by", f"{name!r} is of type {kind.simpleString()}; expected numbers, text, bytes, dates, times or booleans"
        )
        for name, kind in zip(by, kinds, strict=True)
        if not isinstance(kind, _ORDERED)
    ]
    if faults:
        raise InputError(faults)
    return kinds


def values_at(table: pa.Table, places: Sequence[int], columns: int) -> list[tuple[Any, ...]]:
    """Give the values in some rows of a table's first columns, none of them rounded.

    Times are whole numbers of microseconds since 1970 (UTC, or without a zone), dates whole numbers of days, text is
    its bytes: so neither a time zone nor an invalid letter comes between.
    """
    few = table.take(pa.array(places, pa.int64()))
    return list(zip(*(_plain(few.column(i)).to_pylist() for i in range(columns)), strict=True)) if len(places) else []


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())
    if pa.types.is_date(kind):
        return values.cast(pa.int32())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values.cast(pa.large_binary())
    return values


def range_number(by: Sequence[str], kinds: Sequence[DataType], cuts: Sequence[tuple[Any, ...]]) -> Column:
    """Give a row's range, a number from 0: how many of the cuts are not above its values, as Spark orders them.

    A binary search over an array of literals: unlike a tree of conditions it stays small however many cuts there are,
    so it is neither too large to be compiled nor slow to be planned.

    Parameters
    ----------
    by : sequence of str
    kinds : sequence of DataType
    cuts : sequence of tuple
        As from `values_at`, rising, no two of them equal.
    """
    if not cuts:
        return F.lit(0)
    of: DataType = kinds[0]
    if len(by) == 1:  # a null is below every cut, and comparing with it is null: no cut is passed
        value, literals = column(by[0]), [_literal(cut[0], kinds[0]) for cut in cuts]
    else:
        names = [f"c{i}" for i in range(len(by))]
        value = F.struct(*(column(name).alias(short) for name, short in zip(by, names, strict=True)))
        literals = [F.struct(*(_literal(part, kinds[i]).alias(names[i]) for i, part in enumerate(cut))) for cut in cuts]
        of = StructType([StructField(short, kind) for short, kind in zip(names, kinds, strict=True)])
    array = F.array(*literals).cast(ArrayType(of))  # one cast for all: every call to the JVM costs
    steps = [1 << bit for bit in reversed(range(len(cuts).bit_length()))]

    def passed(found: Column, step: Column) -> Column:
        return F.when(F.get(array, found + step - F.lit(1)) <= value, found + step).otherwise(found)

    return F.aggregate(F.array(*map(F.lit, steps)), F.lit(0), passed)


def _literal(value: Any, kind: DataType) -> Column:
    """Write a value as a literal that is equal to it, to the bit, once it is cast to its type."""
    if value is None:
        return F.lit(None).cast(kind)
    if isinstance(kind, TimestampType):
        return F.timestamp_micros(F.lit(value))
    if isinstance(kind, DateType):
        return F.date_from_unix_date(F.lit(value))
    if isinstance(kind, TimestampNTZType):
        return F.lit(_moment(value))
    if isinstance(kind, DecimalType):
        return F.lit(format(value, "f"))
    if isinstance(kind, StringType):
        try:
            return F.lit(value.decode())
        except UnicodeDecodeError:
            return F.lit(bytearray(value)).cast(kind)
    return F.lit(bytearray(value) if isinstance(kind, BinaryType) else value)


def _moment(us: int) -> str:
    """Write microseconds since 1970 as Spark reads a time without a zone, whatever the year."""
    text = str(np.datetime64(us, "us"))
    return text if text[0] == "-" or text.index("-") == 4 else f"+{text}"


def text_of(values: Sequence[Any], kinds: Sequence[DataType]) -> str:
    """Write a value of one or several columns, times in UTC."""
    return ", ".join(_text(value, kind) for value, kind in zip(values, kinds, strict=True))


def _text(value: Any, kind: DataType) -> str:
    if value is None:
        return "null"
    if isinstance(kind, TimestampType | TimestampNTZType):
        text = str(np.datetime64(value, "us")).removesuffix(".000000").replace("T", " ")
        return text + ("Z" if isinstance(kind, TimestampType) else "")
    if isinstance(kind, DateType):
        return str(np.datetime64(value, "D"))
    if isinstance(kind, StringType):
        text = value.decode(errors="backslashreplace")
    elif isinstance(kind, BinaryType):
        text = value.hex()
    else:
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return text if len(text) <= _LABEL else f"{text[: _LABEL - 1]}…"
