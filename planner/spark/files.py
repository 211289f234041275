"""``balance_files(spark, location)``: the reading of a folder of unequal files, planned by row group or by file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from planner.errors import Fault, Finding, InputError
from planner.io.file_parts import FileParts, read_parts
from planner.model.file_plan import FilePlan
from planner.partitioners.file_packing import SparkReading, plan_files
from planner.report.file_parts import files_html, files_text
from planner.spark.file_reading import mapped_reader, parquet_reader, path_reader
from planner.spark.keys import column
from planner.spark.parquet_schema import chosen, parquet_schema
from planner.spark.settings import spark_bytes
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

        Notes
        -----
        Parquet files are read by pyarrow in Python processes, which hand their rows to Spark: that takes about 1.8
        times the CPU of Spark's own reader. It pays where Spark's layout is more uneven than that; for work in Python,
        `map_in_arrow` spares it.

        Raises
        ------
        InputError
            For unknown columns; if a function is missing, or not needed.
        """
        if not self.plan.parquet:
            return self._by_function(func, schema, columns)
        if func is not None or schema is not None:
            raise InputError([Fault("func", "Parquet files are read without a function and a schema; leave both out")])
        whole = chosen(self._spark, parquet_schema(self._spark, self._parts), columns)
        reader, as_text, by_folder = self._reader(whole)
        read = self._planned(self.plan.assignment).mapInArrow(reader, as_text)
        if not by_folder:
            return read
        cast = {name: column(name).cast(whole[name].dataType).alias(name) for name in by_folder}
        return read.select(*(cast.get(name, column(name)) for name in whole.names))

    def map_in_arrow(
        self,
        func: Callable[[Iterator[pa.RecordBatch]], Iterable[pa.RecordBatch]],
        schema: StructType | str,
        *,
        columns: Sequence[str] | None = None,
    ) -> DataFrame:
        """Map each planned partition of Parquet files by a function of an iterator of record batches.

        The function runs in the process that reads, so that rows do not pass through Spark before: where the work is in
        Python, this costs less than reading first, by this class or by Spark.

        Parameters
        ----------
        func : callable
            As for ``DataFrame.mapInArrow``. Columns that come from the names of folders are text.
        schema : StructType or str
            What it returns.
        columns : list of str, optional
            Only these columns are read.

        Raises
        ------
        InputError
            If the files are not Parquet; for unknown columns.
        """
        if not self.plan.parquet:
            raise InputError([Fault("func", "gets record batches of Parquet files, and these are others: use read")])
        whole = chosen(self._spark, parquet_schema(self._spark, self._parts), columns)
        call = mapped_reader(self._reader(whole)[0], func)
        return self._planned(self.plan.assignment).mapInArrow(call, schema)

    def __repr__(self) -> str:
        return files_text(self.plan)

    def _repr_html_(self) -> str:
        return files_html(self.plan)

    def _planned(self, table: pa.Table) -> DataFrame:
        """Put rows of the assignment into the partitions that they name."""
        frame: DataFrame = self._spark.createDataFrame(table)
        return frame.repartitionById(self.plan.n_partitions, F.col("partition").cast("int"))

    def _reader(self, schema: StructType) -> tuple[Callable[..., Iterator[pa.RecordBatch]], StructType, list[str]]:
        """Give what reads a planned partition, the schema of that, and the columns that it gives as text."""
        parts = self._parts
        sensitive = str(self._spark.conf.get("spark.sql.caseSensitive", "false")).lower() == "true"
        by_folder = [name for name in parts.partition_columns if name in schema.names]
        as_text = StructType([StructField(f.name, StringType()) if f.name in by_folder else f for f in schema])
        target = to_arrow_schema(as_text, timezone="UTC")
        return parquet_reader(parts.location.uri, target, parts.partition_columns, sensitive), as_text, by_folder

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
    most = spark_bytes(spark.conf.get("spark.sql.files.maxPartitionBytes", "134217728"))
    opening = spark_bytes(spark.conf.get("spark.sql.files.openCostInBytes", "4194304"))
    least = spark.conf.get("spark.sql.files.minPartitionNum", None)
    return SparkReading(most, opening, int(least) if least else slots)
