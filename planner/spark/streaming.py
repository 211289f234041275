"""``stream(spark, df, stages)``: rows of a DataFrame through resident stages, and back beside their rows.

Three jobs: the rows are written to the executors' disks, by the tasks that have them; slots with the stages loaded
take what they need of them, batch by batch, and the outputs come back to where the rows are; there, both are read into
a DataFrame that Spark holds. The driver sees numbers of rows and places of files, and none of the data.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from planner.errors import Fault, InputError, RunError
from planner.model.cluster import Cluster
from planner.runtime.certificates import Certificates
from planner.spark.executors import LiveExecutor, wait_for_slots
from planner.spark.launch import SparkJob, SparkSlots, pinned
from planner.spark.preflight import classic_session, driver_host, preflight
from planner.streaming.drive import Streamed, drive_stream
from planner.streaming.load import StreamLoad
from planner.streaming.messages import Place
from planner.streaming.spool import Rows, Share
from planner.streaming.stages import Stage, spread

__all__ = ["StreamResult", "stream"]

_TRIES = 3
"""So often a stream is begun when rows are lost with the disk of an executor."""

_FEW_ROWS = 4096
"""Outputs of so many rows are given to Spark at once."""


@dataclass(frozen=True)
class StreamResult:
    """What came of a stream.

    Attributes
    ----------
    frame : DataFrame
        The rows that went in, in their order, and the outputs beside them. Spark holds it on its executors.
    load : StreamLoad
        What each stage really did.
    warnings : tuple of str
    """

    frame: DataFrame
    load: StreamLoad
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return repr(self.load)


@dataclass(frozen=True)
class _Spooled:
    rows: Rows
    executors: tuple[str, ...]  # that wrote each share


def stream(
    spark: SparkSession,
    df: DataFrame,
    stages: Sequence[Stage],
    *,
    columns: Sequence[str],
    batch: int = 32,
    homes: Sequence[tuple[int, ...]] | None = None,
    rendezvous: float = 60.0,
    silence: float = 60.0,
) -> StreamResult:
    """Pass the rows of a DataFrame through stages that are resident on executors.

    Parameters
    ----------
    spark : SparkSession
        It is neither stopped nor reconfigured.
    df : DataFrame
    stages : sequence of Stage
    columns : sequence of str
        What the first stage takes.
    batch : int
        Rows of a micro-batch. None has rows of two partitions.
    homes : sequence of tuple of int, optional
        The stages that each slot runs, each slot on an executor of its own where there are enough. If left out, each
        replica of each stage has a slot, as far as the session has them.
    rendezvous, silence : float
        Seconds after which slots that never started, or that fell silent, are given up.

    Raises
    ------
    InputError
        If the DataFrame lacks a column, or an argument is not what it should be.
    PreflightError
        If the session is not what the stream needs.
    RunError
        If a stage raised, or what was lost could not be made again.
    """
    session = classic_session(spark)
    _refuse(df, columns, batch)
    have = sum(executor.slots for executor in wait_for_slots(session, 1))
    homes = list(homes) if homes is not None else spread(stages, have)
    places, tls, warnings = preflight(session, Cluster.uniform(len(homes)), rendezvous)
    for left in range(_TRIES - 1, -1, -1):
        spooled = _spool(session, df, columns, batch)
        try:
            streamed, placed = _streamed(session, stages, homes, places, spooled, tls, rendezvous, silence)
            if streamed.outcome.status == "done":
                frame = _frame(session, df, placed, streamed)
                return StreamResult(frame, streamed.load, tuple(warnings))
            if streamed.outcome.status != "rows lost" or not left:
                failures = () if streamed.failure is None else (streamed.failure,)
                raise RunError(streamed.outcome.reason, failures, (), streamed.lost)
        finally:
            _clear(session, spooled)
    raise AssertionError  # the last try has ended one way or the other
