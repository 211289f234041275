"""Streams on plain processes: the whole engine without Spark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from planner.streaming.drive import Streamed, drive_stream
from planner.streaming.slot import run_stream_slot
from planner.streaming.spool import Rows, Share, read_outputs, write_rows
from planner.streaming.stages import Stage, chain, spread
from processes import ProcessSlots


class StreamProcesses(ProcessSlots):
    run = staticmethod(run_stream_slot)


def spooled(folder: Path, tables: Sequence[pa.Table], columns: Sequence[str], batch: int) -> Rows:
    """Write each table as a share."""
    shares = []
    for place, table in enumerate(tables):
        path = folder / f"rows-{place}.arrow"
        rows = write_rows(path, table.schema, table.to_batches(), batch)
        shares.append(Share(str(path), rows))
    return Rows(tuple(shares), tuple(columns), batch)


def outputs(streamed: Streamed) -> pa.Table:
    """Read what a stream has made, in the order of the rows."""
    assert streamed.outcome.status == "done", streamed.outcome
    return pa.concat_tables([read_outputs(place) for place in streamed.places if place is not None])
