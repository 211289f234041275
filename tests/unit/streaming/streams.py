"""Streams on plain processes: the whole engine without Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from planner.streaming.drive import Streamed, drive_stream, parts_of
from planner.streaming.slot import run_stream_slot
from planner.streaming.spool import Rows, Share, read_outputs, write_rows
from planner.streaming.stages import Stage, spread
from tests.unit.runtime.processes import ProcessSlots


class StreamProcesses(ProcessSlots):
    run = staticmethod(run_stream_slot)


class Restarted(StreamProcesses):
    retries = 1


def spooled(folder: Path, tables: Sequence[pa.Table], columns: Sequence[str], batch: int) -> Rows:
    """Write each table as a share."""
    shares = []
    for place, table in enumerate(tables):
        path = folder / f"rows-{place}.arrow"
        shares.append(Share(str(path), write_rows(path, table.schema, table.to_batches(), batch)))
    return Rows(tuple(shares), tuple(columns), batch, tuple(tables[0].column_names))


def streamed(
    stages: Sequence[Stage],
    rows: Rows,
    launch: Callable[[Sequence[Any]], ProcessSlots] = StreamProcesses,
    homes: Sequence[tuple[int, ...]] | None = None,
    **more: Any,
) -> Streamed:
    """Run a stream on processes; whatever they do, none is left."""
    launched: list[ProcessSlots] = []
    homes = homes or spread(stages, 16)

    def launching(configs: Sequence[Any]) -> ProcessSlots:
        launched.append(launch(configs))
        return launched[0]

    try:
        return drive_stream(parts_of(stages), homes, rows, launching, host="127.0.0.1", **more)
    finally:
        for slots in launched:
            slots.cancel()


def outputs(stream: Streamed) -> pa.Table:
    """Read what a stream has made, in the order of the rows."""
    assert stream.outcome.status == "done", (stream.outcome, stream.failure)
    return pa.concat_tables([read_outputs(place) for place in stream.places if place is not None])
