"""Values on their way from task to task: Arrow as Arrow, everything else as pickle 5 with its buffers beside it.

A value that one task takes belongs to it. A value that several take is given to each as if it alone had it, but its
arrays are the same memory and read-only, on the slot where it was made as everywhere else: what a task may do to its
inputs does not depend on where it runs.

A packed value is a short head and a list of buffers that still belong to the value: nothing is copied until gRPC sends
it. Small values travel whole inside an announcement, large ones in chunks over ``DoGet``.
"""

from __future__ import annotations

import hmac
import io
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cloudpickle
import numpy as np
import pyarrow as pa
import pyarrow.flight as flight

__all__ = ["CHUNK_BYTES", "INLINE_BYTES", "Form", "Packed", "pack", "read_stream", "rows_of", "size_of", "stream"]

INLINE_BYTES = 256 * 1024
"""Values up to this size travel inside the announcement that they are ready."""

CHUNK_BYTES = 32 * 1024 * 1024
"""Larger values are cut into chunks of this size, far below gRPC's limit of 2 GiB a message."""

Form: TypeAlias = Literal["table", "batch", "pickle"]
_MARK = b"planner.mark"
_CHUNK_SCHEMA = pa.schema([("chunk", pa.large_binary())])


@dataclass(frozen=True)
class Packed:
    """A value ready to travel.

    Attributes
    ----------
    form : {"table", "batch", "pickle"}
    head : bytes
        The pickle stream without its buffers; empty for Arrow.
    buffers : sequence of buffer
        For ``pickle`` the out-of-band buffers, for Arrow nothing: `arrow` is the value itself.
    size : int
        Bytes in all.
    arrow : pyarrow.Table or None
    """

    form: Form
    head: bytes
    buffers: Sequence[Any]
    size: int
    arrow: pa.Table | None = None

    def inline(self) -> tuple[Form, bytes, list[bytes]]:
        """Give the whole value as bytes, for small ones; `from_inline` undoes it."""
        if self.arrow is not None:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, self.arrow.schema) as writer:
                writer.write_table(self.arrow)
            return self.form, sink.getvalue().to_pybytes(), []
        return self.form, self.head, [bytes(memoryview(buffer)) for buffer in self.buffers]

    @classmethod
    def from_inline(cls, form: Form, head: bytes, buffers: Sequence[bytes]) -> Packed:
        """Take a value that came whole."""
        size = len(head) + sum(map(len, buffers))
        if form == "pickle":
            return cls(form, head, buffers, size)
        return cls(form, b"", (), size, pa.ipc.open_stream(head).read_all())

    def open(self, *, own: bool) -> Any:
        """Make the value.

        Parameters
        ----------
        own : bool
            Whether it belongs to the one who takes it; else others take it too, and its arrays are read-only.
        """
        if self.arrow is not None:
            return self.arrow if self.form == "table" else _one_batch(self.arrow)
        buffers = [_writable(buffer) if own else memoryview(buffer).toreadonly() for buffer in self.buffers]
        if not self.head:
            return pickle.loads(buffers[0], buffers=buffers[1:])  # noqa: S301
        return pickle.loads(self.head, buffers=buffers)  # noqa: S301

    def lengths(self) -> list[int]:
        """Give the size of each out-of-band buffer, which a reader needs before the chunks."""
        return [memoryview(buffer).nbytes for buffer in self.buffers]


def pack(value: Any) -> Packed:
    """Make a value ready to travel.

    Raises
    ------
    Exception
        Whatever pickling raises for a value that cannot be pickled.

    Examples
    --------
    >>> Packed.from_inline(*pack({"a": 1}).inline()).open(own=True)
    {'a': 1}
    """
    if isinstance(value, pa.Table):
        return Packed("table", b"", (), value.nbytes, value)
    if isinstance(value, pa.RecordBatch):
        return Packed("batch", b"", (), value.nbytes, pa.Table.from_batches([value]))
    picked: list[pickle.PickleBuffer] = []
    try:
        head = pickle.dumps(value, protocol=5, buffer_callback=picked.append)
    except Exception:  # functions and classes of a notebook pickle by value only
        picked.clear()
        sink = io.BytesIO()
        cloudpickle.CloudPickler(sink, protocol=5, buffer_callback=picked.append).dump(value)
        head = sink.getvalue()
    buffers: list[Any] = [buffer.raw() for buffer in picked]
    size = len(head) + sum(b.nbytes for b in buffers)
    if len(head) > INLINE_BYTES:  # a large head travels as the first buffer
        head, buffers = b"", [head, *buffers]
    return Packed("pickle", head, buffers, size)


def stream(packed: Packed, mark: bytes) -> flight.FlightDataStream:
    """Give a large value as a Flight stream of chunks; Arrow values go as their own record batches.

    The schema bears `mark`, which tells the reader that the one who answers knows the token.
    """
    if packed.arrow is not None:
        table = packed.arrow
        rows = max(1, int(table.num_rows * CHUNK_BYTES / max(1, table.nbytes)))
        batches = table.to_batches(max_chunksize=rows)
        return flight.RecordBatchStream(pa.RecordBatchReader.from_batches(_marked(table.schema, mark), batches))
    return flight.GeneratorStream(_marked(_CHUNK_SCHEMA, mark), _chunks(packed.buffers))


def read_stream(
    form: Form, head: bytes, lengths: Sequence[int], reader: flight.FlightStreamReader, mark: bytes
) -> Packed:
    """Undo `stream`. Each out-of-band buffer is copied once, into memory of its own.

    Raises
    ------
    pyarrow.flight.FlightUnauthenticatedError
        If the stream does not bear the mark.
    """
    metadata = dict(reader.schema.metadata or {})
    if not hmac.compare_digest(metadata.pop(_MARK, b""), mark):
        raise flight.FlightUnauthenticatedError("what came does not bear the mark of the run")
    if form != "pickle":
        marked = reader.read_all()
        batches = [batch.replace_schema_metadata(metadata) for batch in marked.to_batches()]
        table = pa.Table.from_batches(batches, marked.schema.with_metadata(metadata or None))
        return Packed(form, b"", (), table.nbytes, table)
    buffers = [np.empty(length, dtype=np.uint8) for length in lengths]
    target, filled = 0, 0
    for chunk in reader:
        data = np.frombuffer(chunk.data.column(0).buffers()[2], dtype=np.uint8)
        while target < len(buffers) and filled == len(buffers[target]):
            target, filled = target + 1, 0
        buffers[target][filled : filled + len(data)] = data
        filled += len(data)
    return Packed(form, head, buffers, len(head) + sum(lengths))


def size_of(value: Any) -> int | None:
    """Give the bytes of a value whose size is known without packing it, else None."""
    size = _attribute(value, "nbytes")
    if isinstance(size, int):
        return size
    return len(value) if isinstance(value, bytes | bytearray) else None


def rows_of(value: Any) -> int | None:
    """Give the rows of a tabular value, else None."""
    rows = _attribute(value, "num_rows")
    if isinstance(rows, int):
        return rows
    return len(value) if type(value).__name__ == "DataFrame" and hasattr(value, "iloc") else None


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # a property of the user's class: a closed file, say
        return None


def _marked(schema: pa.Schema, mark: bytes) -> pa.Schema:
    return schema.with_metadata({**(schema.metadata or {}), _MARK: mark})


def _writable(buffer: Any) -> Any:
    return bytearray(buffer) if memoryview(buffer).readonly else buffer


def _chunks(buffers: Sequence[Any]) -> Iterator[pa.RecordBatch]:
    for buffer in buffers:
        whole = pa.py_buffer(buffer)
        for start in range(0, whole.size, CHUNK_BYTES):
            part = whole.slice(start, min(CHUNK_BYTES, whole.size - start))
            offsets = pa.py_buffer(np.array([0, part.size], dtype=np.int64))
            column = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, part])
            yield pa.record_batch([column], schema=_CHUNK_SCHEMA)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    whole = table.combine_chunks().to_batches()
    return whole[0] if whole else pa.RecordBatch.from_pylist([], schema=table.schema)
