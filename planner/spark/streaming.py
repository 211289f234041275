"""``stream(spark, df, stages)``: rows of a DataFrame through resident stages, and back beside their rows.

Three jobs: the rows are written to the executors' disks, by the tasks that have them; slots with the stages loaded
take what they need of them, batch by batch, and the outputs come back to where the rows are; there, both are read into
a DataFrame that Spark holds. The driver sees numbers of rows and places of files, and none of the data.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_schema

from planner.errors import Fault, InputError, RunError
from planner.model.cluster import Cluster
from planner.runtime.certificates import Certificates
from planner.spark.executors import LiveExecutor, live_executors, wait_for_slots
from planner.spark.launch import SparkJob, SparkSlots, apart, jobs_end_with, pinned
from planner.spark.preflight import classic_session, driver_host, preflight
from planner.streaming.desk import Part
from planner.streaming.drive import Streamed, drive_stream, parts_of
from planner.streaming.load import StreamLoad
from planner.streaming.slot import StreamConfig
from planner.streaming.spool import Rows, Share
from planner.streaming.stages import Stage, spread

__all__ = ["StreamResult", "row_faults", "stream"]

_TRIES = 3
"""So often a stream is begun when rows are lost with the disk of an executor."""

_READS = 10
"""So often rows and outputs are read at last: what an executor is too busy for, Spark gives to one without them."""


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
    """Rows on the disks of executors, and which one wrote each share."""

    rows: Rows
    executors: tuple[str, ...]

    def written(self) -> Iterator[tuple[str, Share]]:
        return zip(self.executors, self.rows.shares, strict=True)


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
        If the DataFrame lacks a column, a stage cannot be sent, or an argument is not what it should be.
    PreflightError
        If the session is not what the stream needs.
    RunError
        If a stage raised, or what was lost could not be made again.
    """
    session = classic_session(spark)
    if faults := [*row_faults(df, columns, batch), *_home_faults(homes, len(stages))]:
        raise InputError(faults)
    parts = parts_of(stages)
    have = sum(executor.slots for executor in wait_for_slots(session, 1))
    homes = list(homes) if homes is not None else spread(stages, have)
    for _ in range(_TRIES):
        places, tls, warnings = preflight(session, Cluster.uniform(len(homes)), rendezvous)
        folder = f"planner-stream-{uuid.uuid4().hex}"
        try:
            with jobs_end_with(session.sparkContext):
                spooled = _spool(session, df, columns, int(batch), folder)
                slots = _Slots(session, parts, homes, places, spooled)
                streamed = slots.run(tls, rendezvous, silence)
                if streamed.outcome.status == "done":
                    return StreamResult(_frame(session, df, spooled, streamed), streamed.load, tuple(warnings))
        except _RowsLost:
            continue
        finally:
            _clear(session, folder)
        if streamed.outcome.status != "rows lost":
            failures = () if streamed.failure is None else (streamed.failure,)
            raise RunError(slots.reason(streamed), failures, (), streamed.lost)
    raise RunError(f"rows were lost with the disk of an executor, {_TRIES} times")


def row_faults(df: Any, columns: Any, batch: Any) -> list[Fault]:
    """Say what is wrong with the rows that a stream is to have.

    Parameters
    ----------
    df, columns, batch
        As for `stream`, of any type.
    """
    faults = []
    if not isinstance(df, DataFrame):
        faults.append(Fault("df", f"is a {type(df).__module__}.{type(df).__name__}; expected a DataFrame of Spark"))
    elif df.isStreaming:
        faults.append(Fault("df", "never ends, as it reads a streaming source; expected one of spark.read"))
    there = df.columns if isinstance(df, DataFrame) else None
    if isinstance(columns, str) or not isinstance(columns, Sequence) or not columns:
        faults.append(Fault("columns", f"is {columns!r}; expected a list of at least one column"))
    else:
        before: set[str] = set()
        for place, name in enumerate(columns):
            if not isinstance(name, str):
                faults.append(Fault(f"columns[{place}]", f"is {name!r}; expected the name of a column"))
                continue
            if name in before:
                faults.append(Fault(f"columns[{place}]", f"{name!r} is there before; expected each column once"))
            elif there is not None and name not in there:
                problem = f"{name!r} is no column of the DataFrame; it has {', '.join(there)}"
                faults.append(Fault(f"columns[{place}]", problem))
            before.add(name)
    if there is not None and (twice := sorted({name for name in there if there.count(name) > 1})):
        faults.append(Fault("df", f"has {', '.join(twice)} more than once; expected columns of different names"))
    if isinstance(batch, bool) or not isinstance(batch, Integral) or batch < 1:
        faults.append(Fault("batch", f"is {batch!r}; expected a whole number of rows, at least 1"))
    return faults


def _home_faults(homes: Sequence[tuple[int, ...]] | None, stages: int) -> list[Fault]:
    if homes is None or {stage for those in homes for stage in those} == {*range(stages)} != set():
        return []
    return [Fault("homes", f"are {list(homes)!r}; expected each of the {stages} stages on one slot at least")]


# rows to disk ---------------------------------------------------------------------------------------------------------

_SPOOLED = "share int, stage int, task long, path string, rows long"


def _spool(session: SparkSession, df: DataFrame, columns: Sequence[str], batch: int, name: str) -> _Spooled:
    numbered = df.toDF(*map(str, range(len(df.columns))))  # to mapInArrow, a dot in a name is a field of a struct
    written = apart(numbered.mapInArrow(_writer(name, batch, df.columns), _SPOOLED).collect)
    if not written:  # one empty share, so that the outputs get their types
        empty = _writer(name, batch, df.columns, df.limit(0).toArrow().schema)
        written = session.range(1, numPartitions=1).mapInArrow(empty, _SPOOLED).collect()
    written.sort(key=lambda row: row.share)
    store: Any = session.sparkContext._jsc.sc().statusStore()
    listed = store.taskList(written[0].stage, 0, 1_000_000)
    executors = {(task := listed.apply(i)).taskId(): str(task.executorId()) for i in range(listed.size())}
    shares = tuple(Share(row.path, row.rows) for row in written)
    rows = Rows(shares, tuple(columns), batch, tuple(df.columns))
    return _Spooled(rows, tuple(executors.get(row.task, "") for row in written))


def _writer(
    name: str, batch: int, names: Sequence[str], empty: pa.Schema | None = None
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Give what writes the rows of a partition to the disk of its executor, or with a schema a share without rows."""

    def write(records: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import itertools

        import pyarrow as pa
        from pyspark import TaskContext

        from planner.streaming.files import scratch
        from planner.streaming.spool import write_rows

        context = TaskContext.get()
        assert context is not None  # noqa: S101
        filled = (record for record in records if record.num_rows and empty is None)
        given = (pa.record_batch(record.columns, names=names) for record in filled)
        first = next(given, None)
        schema = empty if first is None else first.schema
        if schema is None:
            return
        folder = scratch() / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"rows-{context.taskAttemptId()}.arrow"
        rows = write_rows(path, schema, [] if first is None else itertools.chain([first], given), batch)
        told = [[context.partitionId()], [context.stageId()], [context.taskAttemptId()], [str(path)], [rows]]
        types = [pa.int32(), pa.int32(), pa.int64(), pa.string(), pa.int64()]
        columns = [pa.array(value, kind) for value, kind in zip(told, types, strict=True)]
        yield pa.record_batch(columns, names=["share", "stage", "task", "path", "rows"])

    return write


def _clear(session: SparkSession, name: str) -> None:
    """Take rows and outputs off the disks; nobody waits for that, and Spark does it in the end where it fails."""

    def clear(names: Iterable[str]) -> Iterator[str]:
        import shutil

        from planner.streaming.files import scratch

        for name in list(names):
            shutil.rmtree(scratch() / name, ignore_errors=True)
            yield name

    with suppress(Exception):  # the session may be what has failed
        context, places = session.sparkContext, [executor.location for executor in live_executors(session)]
        rdd = pinned(context, [name] * len(places), places)
        SparkJob(context, rdd.mapPartitions(clear), "planner: clear the rows of a stream")


# through the stages ---------------------------------------------------------------------------------------------------


class _Slots:
    """The slots of one try: those with stages, and one more on each executor that has rows and none of them."""

    def __init__(
        self,
        session: SparkSession,
        parts: Sequence[Part],
        homes: Sequence[tuple[int, ...]],
        places: Sequence[LiveExecutor],
        spooled: _Spooled,
    ) -> None:
        taken = {place.id for place in places}
        more = [executor for executor in live_executors(session) if executor.id in {*spooled.executors} - taken]
        self._session, self._parts, self._spooled = session, parts, spooled
        self._homes, self._places = [*homes, *(() for _ in more)], [*places, *more]
        self._launched: SparkSlots | None = None

    def run(self, tls: Certificates | None, rendezvous: float, silence: float) -> Streamed:
        executors = [place.id for place in self._places]
        near = [
            frozenset(share for share, executor in enumerate(self._spooled.executors) if executor == mine)
            for mine in executors
        ]
        return drive_stream(
            self._parts,
            self._homes,
            self._spooled.rows,
            self._launch,
            host=driver_host(self._session),
            executors=executors,
            near=near,
            tls=tls,
            rendezvous_s=rendezvous,
            silence_s=silence,
        )

    def reason(self, streamed: Streamed) -> str:
        """Say why it ended as it did, and what held the cores if that was the reason."""
        lost = streamed.outcome.status == "lost" and self._launched is not None
        held = self._launched.held_elsewhere() if lost and self._launched is not None else None
        return f"{streamed.outcome.reason}; {held}" if held else streamed.outcome.reason

    def _launch(self, configs: Sequence[StreamConfig]) -> SparkSlots:
        context, n_batches = self._session.sparkContext, self._spooled.rows.n_batches
        what = f"planner: {n_batches} batches through {len(self._parts)} stages on {len(configs)} slots"
        run = "planner.streaming.slot:run_stream_slot"
        self._launched = SparkSlots(context, configs, self._places, what, run)
        return self._launched


# and back -------------------------------------------------------------------------------------------------------------


class _RowsLost(Exception):
    """Files are not there any more where they are to be read."""


def _frame(session: SparkSession, df: DataFrame, spooled: _Spooled, streamed: Streamed) -> DataFrame:
    """Read rows and outputs into a DataFrame that Spark holds, each share where it is."""
    rows = spooled.rows
    outputs = _common([pa.ipc.read_schema(pa.py_buffer(schema)) for schema in streamed.schemas])
    places = {executor.id: executor.location for executor in live_executors(session)}
    elements: list[tuple[str]] = []
    locations: list[str | None] = []
    for number, (executor, share) in enumerate(spooled.written()):
        kept = [(place.path, place.offset, place.length) for place in streamed.places_of(rows.batches_of(number))]
        elements.append((json.dumps([share.path, kept]),))
        locations.append(places.get(executor))
    listed = session.createDataFrame(pinned(session.sparkContext, elements, locations), "share string")
    schema = T.StructType([*df.schema.fields, *from_arrow_schema(outputs, prefer_timestamp_ntz=True).fields])
    read = listed.mapInArrow(_reader(outputs.serialize().to_pybytes()), schema)
    for _ in range(_READS):
        try:
            return apart(lambda: read.localCheckpoint(eager=True))
        except Exception as error:  # of PySpark or of the JVM, by how it was raised
            if "FileNotFoundError" not in str(error):
                raise
            if not {*spooled.executors} <= {executor.id for executor in live_executors(session)}:
                raise _RowsLost from error
    held = "other jobs hold the cores of the executors that have them, or their files are gone"
    raise RunError(f"rows could not be read where they are, {_READS} times: {held}")


def _common(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Give the schema that takes in the outputs of all micro-batches, one of which may have had nothing but nulls."""
    try:
        common = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise RunError(f"the last stage gave columns of different types in different batches: {error}") from error
    if missing := sorted({name for schema in schemas for name in common.names if name not in schema.names}):
        raise RunError(f"the last stage gave {', '.join(map(repr, missing))} in some batches only")
    if nothing := [field.name for field in common if pa.types.is_null(field.type)]:
        raise RunError(f"the last stage gave nothing but nulls as {', '.join(map(repr, nothing))}, of no type")
    return common


def _reader(schema: bytes) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Give what reads shares and their outputs, for Spark in larger batches than for the stages."""

    def read(listed: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import json

        import pyarrow as pa

        from planner.streaming.messages import Place
        from planner.streaming.spool import RowsFile, read_outputs

        outputs = pa.ipc.read_schema(pa.py_buffer(schema))
        for record in listed:
            for text in record.column(0).to_pylist():
                path, places = json.loads(text)
                file, ready, many = RowsFile(path), [], 0
                for number, place in enumerate(places):
                    rows = file.read(number)
                    made = read_outputs(Place(*place)).select(outputs.names).cast(outputs).combine_chunks()
                    columns = [*rows.columns, *(column.chunk(0) for column in made.columns)] if rows.num_rows else []
                    if columns:
                        ready.append(pa.record_batch(columns, names=[*rows.schema.names, *outputs.names]))
                    many += rows.num_rows
                    if ready and (many >= 4096 or number + 1 == len(places)):
                        yield from pa.Table.from_batches(ready).combine_chunks().to_batches()
                        ready, many = [], 0

    return read
