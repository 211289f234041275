"""The schema of Parquet files as Spark reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from planner.errors import Fault, InputError
from planner.io.file_parts import FileParts
from planner.io.file_schemas import plain_type
from planner.io.locations import first_line
from planner.spark.keys import resolve

__all__ = ["chosen", "parquet_schema"]


def parquet_schema(spark: Any, parts: FileParts) -> StructType:
    """Ask Spark for the schema; where it cannot reach the files, or read their types, go by that of most files.

    Raises
    ------
    InputError
        If neither gives one.
    """
    # Without columns in the names of folders, the folders may have any names.
    reader = spark.read.option("recursiveFileLookup", "false" if parts.partition_columns else "true")
    try:
        found: StructType = reader.parquet(parts.location.hadoop()).schema
        return found
    except Exception as error:
        if parts.schema is None or not (isinstance(error, PySparkException) or type(error).__name__ == "Py4JJavaError"):
            raise
        own = [field for field in parts.schema if field.name not in parts.partition_columns]
        plain = pa.schema([field.with_type(plain_type(field.type)) for field in own])
        by_folder = [StructField(name, StringType()) for name in parts.partition_columns]
        try:
            return StructType([*from_arrow_schema(plain).fields, *by_folder])
        except PySparkException:
            where = parts.location.address(parts.location.path)
            raise InputError([Fault(where, f"Spark can read no schema: {first_line(error)}")]) from error


def chosen(spark: Any, schema: StructType, columns: Sequence[str] | None) -> StructType:
    """Give the columns of a schema that were asked for, in that order.

    Raises
    ------
    InputError
        For unknown ones, with the nearest names.
    """
    if columns is None:
        return schema
    return StructType([schema[name] for name in resolve(spark.createDataFrame([], schema), columns, "columns")])
