"""Files of stages on their way from the driver to the slots that load them."""

from __future__ import annotations

import hmac
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.flight as flight

from planner.runtime.wire import Line

__all__ = ["FileThere", "Files", "scratch", "served"]

_CHUNK_BYTES = 8 * 1024 * 1024
_MARK = b"planner.mark"
_SCHEMA = pa.schema([("chunk", pa.large_binary())])


@dataclass(frozen=True)
class FileThere:
    """A file of the driver: where it is there, and by what it is recognised where it can be read as well."""

    path: str
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: str | Path) -> FileThere:
        """Describe a file.

        Raises
        ------
        OSError
            If it is not there.
        """
        found = Path(path).stat()
        return cls(str(Path(path).absolute()), found.st_size, found.st_mtime_ns)

    def is_here(self) -> bool:
        """Tell whether this process can read that very file, on a disk that machines share or on the driver's own."""
        try:
            return os.access(self.path, os.R_OK) and FileThere.of(self.path) == self
        except OSError:
            return False


def scratch() -> Path:
    """Give the folder of this process's executor for what it needs for a while, which Spark clears at last."""
    return Path(os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")[0])


def served(file: FileThere, mark: bytes) -> flight.FlightDataStream:
    """Give a file as a stream of chunks; the schema bears the mark that shows who answers."""
    return flight.GeneratorStream(_SCHEMA.with_metadata({_MARK: mark}), _chunks(file.path))


class Files:
    """Brings files of stages here, and takes them away at last.

    Parameters
    ----------
    client : pyarrow.flight.FlightClient
        Of the coordinator.
    line : Line
    """

    def __init__(self, client: flight.FlightClient, line: Line) -> None:
        self._client, self._line = client, line
        self._folders: list[Path] = []

    def bring(self, stage: int, files: Sequence[FileThere]) -> Path:
        """Give the folder in which the files of a stage are: their own, if all can be read there.

        Raises
        ------
        pyarrow.ArrowException, OSError
            If a file cannot be had.
        """
        if all(file.is_here() for file in files):
            return Path(files[0].path).parent if files else scratch()
        base = scratch()
        folder = Path(tempfile.mkdtemp(prefix="planner-stage-", dir=base if base.is_dir() else None))
        self._folders.append(folder)
        for number, file in enumerate(files):
            self._fetch(stage, number, folder / Path(file.path).name)
        return folder

    def close(self) -> None:
        """Take what was brought away."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self, stage: int, number: int, path: Path) -> None:
        ticket = f"{stage} {number} {secrets.token_hex(16)}".encode()
        reader = self._client.do_get(flight.Ticket(ticket), self._line.options())
        if not hmac.compare_digest((reader.schema.metadata or {}).get(_MARK, b""), self._line.mark(ticket)):
            raise flight.FlightUnauthenticatedError("what came does not bear the mark of the run")
        with path.open("xb") as file:
            for chunk in reader:
                file.write(chunk.data.column(0).buffers()[2])


def _chunks(path: str) -> Iterator[pa.RecordBatch]:
    with Path(path).open("rb") as file:
        while data := file.read(_CHUNK_BYTES):
            offsets = pa.py_buffer(np.array([0, len(data)], dtype=np.int64))
            column = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(data)])
            yield pa.record_batch([column], schema=_SCHEMA)
