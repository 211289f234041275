"""Rows on the disks of executors while a stream runs, and the outputs that come home to them.

What the stages need of a row travels to them, and what they make of it comes back; its other columns never move.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from planner.streaming.messages import Place

__all__ = ["Outputs", "Rows", "RowsFile", "Share", "read_outputs", "rechunked", "write_rows"]


@dataclass(frozen=True)
class Share:
    """Rows of one partition of a DataFrame, in one file.

    Attributes
    ----------
    path : str
        An Arrow file with a record batch for each micro-batch, readable where it was written.
    rows : int
    """

    path: str
    rows: int


@dataclass(frozen=True)
class Rows:
    """The rows that a stream runs over.

    Attributes
    ----------
    shares : tuple of Share
        In the order of the rows. There is at least one; only the first may be empty.
    columns : tuple of str
        What the first stage takes.
    batch : int
        Rows of a micro-batch. The last one of a share has what is left.
    names : tuple of str
        Of all columns, those that stay where they are among them.
    """

    shares: tuple[Share, ...]
    columns: tuple[str, ...]
    batch: int
    names: tuple[str, ...] = ()
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        counts = (max(1, -(-share.rows // self.batch)) for share in self.shares)
        object.__setattr__(self, "_starts", tuple(accumulate(counts, initial=0)))

    @property
    def n_batches(self) -> int:
        """How many micro-batches there are; an empty DataFrame is one, so that its outputs get their types."""
        return self._starts[-1]

    def share_of(self, batch: int) -> int:
        """Give the share that a micro-batch belongs to."""
        return bisect_right(self._starts, batch) - 1

    def place_of(self, batch: int) -> tuple[int, int]:
        """Give the share of a micro-batch, and which one of it it is."""
        share = self.share_of(batch)
        return share, batch - self._starts[share]

    def batches_of(self, share: int) -> range:
        """Give the micro-batches of a share.

        Examples
        --------
        >>> Rows((Share("a", 7), Share("b", 3)), ("x",), 3).batches_of(1)
        range(3, 4)
        """
        return range(self._starts[share], self._starts[share + 1])


class RowsFile:
    """Reads the micro-batches of a share. Safe from threads."""

    def __init__(self, path: str) -> None:
        self._reader = pa.ipc.open_file(pa.memory_map(path))

    def read(self, place: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """Give the rows of the micro-batch at a place, all columns or some of them."""
        if place >= self._reader.num_record_batches:  # nothing was written of a share without rows
            record = pa.RecordBatch.from_pylist([], schema=self._reader.schema)
        else:
            record = self._reader.get_batch(place)
        return record if columns is None else record.select(list(columns))


def rechunked(records: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Cut record batches anew, so that each has so many rows and the last one what is left.

    Examples
    --------
    >>> [record.num_rows for record in rechunked([pa.record_batch({"x": [1] * 5}), pa.record_batch({"x": [1] * 2})], 3)]
    [3, 3, 1]
    """
    pending: list[pa.RecordBatch] = []
    have = 0
    for record in records:
        start = 0
        while have + record.num_rows - start >= rows:
            stop = start + rows - have
            yield _whole([*pending, record.slice(start, stop - start)])
            pending, have, start = [], 0, stop
        if start < record.num_rows:
            pending.append(record.slice(start))
            have += record.num_rows - start
    if pending:
        yield _whole(pending)


def write_rows(path: Path, schema: pa.Schema, records: Iterable[pa.RecordBatch], rows: int) -> int:
    """Write a share; give how many rows it has."""
    written = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
        for record in rechunked(records, rows):
            file.write_batch(record)
            written += record.num_rows
    return written


class Outputs:
    """Takes outputs of micro-batches to where their rows are: into one file in each folder. Safe from threads.

    Parameters
    ----------
    name : str
        Of the files; no other process may use it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._files: dict[Path, tuple[BinaryIO, int]] = {}
        self._told: set[bytes] = set()

    def append(self, share: Share, record: pa.RecordBatch) -> tuple[Place, bytes]:
        """Keep the outputs of a micro-batch; they outlast this process when this returns.

        Returns
        -------
        place : Place
        schema : bytes
            Theirs, if it was not given before; else empty.
        """
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, record.schema) as writer:
            writer.write_batch(record)
        data, path = sink.getvalue(), Path(share.path).with_name(self._name)
        schema = record.schema.serialize().to_pybytes()
        with self._lock:
            if path not in self._files:
                self._files[path] = path.open("xb"), 0
            file, offset = self._files[path]
            file.write(data)
            file.flush()
            self._files[path] = file, offset + data.size
            new = schema not in self._told
            self._told.add(schema)
        return Place(str(path), offset, data.size), schema if new else b""

    def close(self) -> None:
        """Close the files; what is in them stays."""
        for file, _ in self._files.values():
            file.close()


def read_outputs(place: Place) -> Any:
    """Read what `Outputs.append` has kept, as a table."""
    with Path(place.path).open("rb") as file:
        file.seek(place.offset)
        return pa.ipc.open_stream(file.read(place.length)).read_all()


def _whole(records: list[pa.RecordBatch]) -> pa.RecordBatch:
    return records[0] if len(records) == 1 else pa.Table.from_batches(records).combine_chunks().to_batches()[0]
