"""``balance_files(spark, location)``: the reading of a folder of unequal files, planned by row group or by file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from planner.errors import Fault, Finding, InputError
from planner.io.file_parts import FileParts, read_parts
from planner.io.file_schemas import plain_type
from planner.model.file_plan import FilePlan
from planner.model.units import parse_bytes
from planner.partitioners.file_packing import SparkReading, plan_files
from planner.report.file_parts import files_html, files_text
from planner.spark.file_reading import parquet_reader, path_reader
from planner.spark.keys import column, resolve
from planner.spark.slots import session_slots

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BalancedFiles", "balance_files"]


class BalancedFiles:
    """Files, and the partitions that they are to be read in. Shows its plan, in a terminal and in a notebook.

    Attributes
    ----------
    plan : FilePlan
    """

    def __init__(self, spark: Any, plan: FilePlan, parts: FileParts) -> None:
        self.plan = plan
        self._spark = spark
        self._parts = parts

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What defeats the plan, or should be known, each with what mends it."""
        return self.plan.findings

    def read(
        self,
        func: Callable[[str], pd.DataFrame | Iterable[pd.DataFrame]] | None = None,
        schema: StructType | str | None = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> DataFrame:
        """Give the files as a DataFrame, lazily, in the planned partitions.

        Parameters
        ----------
        func : callable, optional
            For files that are not Parquet: gets the path of a file (a URI, where the files are not on this machine) and
            returns a ``pandas.DataFrame``, or an iterator of them. It travels to the executors.
        schema : StructType or str, optional
            With `func`: what it returns.
        columns : list of str, optional
            For Parquet: only these columns are read. ``select`` on the result reads all of them first.

        Returns
        -------
        DataFrame
            For Parquet the rows of ``spark.read.parquet(location)``, with its schema.

        Raises
        ------
        InputError
            For unknown columns; if a function is missing, or not needed.
        """
        if not self.plan.parquet:
            return self._by_function(func, schema, columns)
        if func is not None or schema is not None:
            raise InputError([Fault("func", "Parquet files are read without a function and a schema; leave both out")])
        whole = self._schema()
        if columns is not None:
            empty = self._spark.createDataFrame([], whole)
            whole = StructType([whole[name] for name in resolve(empty, columns, "columns")])
        return self._parquet(whole)

    def __repr__(self) -> str:
        return files_text(self.plan)

    def _repr_html_(self) -> str:
        return files_html(self.plan)

    def _planned(self, table: pa.Table) -> DataFrame:
        """Put rows of the assignment into the partitions that they name."""
        frame: DataFrame = self._spark.createDataFrame(table)
        return frame.repartitionById(self.plan.n_partitions, F.col("partition").cast("int"))

    def _schema(self) -> StructType:
        """Ask Spark for the schema; where it cannot reach the files, or read their types, go by that of most files."""
        try:
            # Without columns in the names of folders, the folders may have any names.
            flat = "false" if self._parts.partition_columns else "true"
            reader = self._spark.read.option("recursiveFileLookup", flat)
            found: StructType = reader.parquet(self._parts.location.hadoop()).schema
            return found
        except Exception as error:
            if not isinstance(error, PySparkException) and type(error).__name__ != "Py4JJavaError":
                raise
            assert self._parts.schema is not None  # noqa: S101
            names = self._parts.partition_columns
            own = [field.with_type(plain_type(field.type)) for field in self._parts.schema if field.name not in names]
            fields = [StructField(name, StringType()) for name in names]
            return StructType([*from_arrow_schema(pa.schema(own)).fields, *fields])

    def _parquet(self, schema: StructType) -> DataFrame:
        parts = self._parts
        sensitive = str(self._spark.conf.get("spark.sql.caseSensitive", "false")).lower() == "true"
        by_folder = [name for name in parts.partition_columns if name in schema.names]
        as_text = StructType([StructField(f.name, StringType()) if f.name in by_folder else f for f in schema])
        target = to_arrow_schema(as_text, timezone="UTC")
        reader = parquet_reader(parts.location.uri, target, parts.partition_columns, sensitive)
        read = self._planned(self.plan.assignment).mapInArrow(reader, as_text)
        if not by_folder:
            return read
        kinds = {field.name: field.dataType for field in schema}
        cast = [
            column(f.name).cast(kinds[f.name]).alias(f.name) if f.name in by_folder else column(f.name) for f in schema
        ]
        return read.select(*cast)

    def _by_function(
        self, func: Callable[[str], Any] | None, schema: StructType | str | None, columns: Sequence[str] | None
    ) -> DataFrame:
        faults = []
        if not callable(func):
            faults.append(Fault("func", "is needed, because the files are not Parquet: a function of a path"))
        if not isinstance(schema, StructType | str):
            faults.append(Fault("schema", "is needed: what the function returns, such as 'id long, name string'"))
        if columns is not None:
            faults.append(
                Fault("columns", "are those of the schema, because the files are not Parquet; leave them out")
            )
        if faults or func is None or schema is None:
            raise InputError(faults)
        table = self.plan.assignment
        paths = [self._parts.location.address(path) for path in table["path"].to_pylist()]
        named = table.select(["partition"]).append_column("path", pa.array(paths, pa.string()))
        reader = path_reader(func, getattr(func, "__name__", "the function"))
        return self._planned(named).mapInPandas(reader, schema)


def balance_files(
    spark: Any,
    location: str | os.PathLike[str],
    *,
    weight: Literal["bytes", "rows"] = "bytes",
    partitions: int | None = None,
    slots: int | None = None,
) -> BalancedFiles:
    """Plan the reading of a folder of unequal files, so that no slot waits for another.

    The driver lists the folder and reads the footers of Parquet files, many at a time; nothing runs on Spark before the
    result of ``read`` is used.

    Parameters
    ----------
    spark : SparkSession
        Classic, or of Spark Connect where this process and the executors see the same files.
    location : str or path
        A folder or a file: a path, or a URI that pyarrow reads (``s3://``, ``gs://``, ``hdfs://``, ``abfs://``).
        Parquet files are cut between row groups; other files are read as a whole.
    weight : {"bytes", "rows"}
        Bytes as they are stored, or rows, which only Parquet files tell.
    partitions : int, optional
        Chosen, if left out: a few for each slot, heaviest first. Never more than there are parts.
    slots : int, optional
        Those of the session when left out.

    Returns
    -------
    BalancedFiles

    Raises
    ------
    InputError
        If nothing is there; for every Parquet file that is broken, or holds another type in a column.
    """
    began = time.perf_counter()
    faults = [
        Fault(name, f"is {value!r}; expected a whole number of at least 1")
        for name, value in (("partitions", partitions), ("slots", slots))
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1)
    ]
    if weight not in ("bytes", "rows"):
        faults.append(Fault("weight", f"is {weight!r}; expected 'bytes' or 'rows'"))
    if faults:
        raise InputError(faults)
    parts = read_parts(location)
    wanted = slots or session_slots(spark)
    plan = plan_files(parts, weight=weight, slots=wanted, partitions=partitions, reading=_reading(spark, wanted))
    return BalancedFiles(spark, replace(plan, seconds=time.perf_counter() - began), parts)


def _reading(spark: Any, slots: int) -> SparkReading:
    """Look up how the session would read files by itself."""
    most = parse_bytes(_with_unit(spark.conf.get("spark.sql.files.maxPartitionBytes", "134217728")))
    opening = parse_bytes(_with_unit(spark.conf.get("spark.sql.files.openCostInBytes", "4194304")))
    least = spark.conf.get("spark.sql.files.minPartitionNum", None)
    return SparkReading(most, opening, int(least) if least else slots)


def _with_unit(text: str) -> str:
    """Write a size of Spark's as `parse_bytes` reads it: ``128m`` is 128 MiB."""
    bare = text.strip().lower().removesuffix("b")
    return bare if bare[-1:].isdigit() else f"{bare.removesuffix('i')}ib"
