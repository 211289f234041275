"""Values that have no room in memory: written to this machine's disk, and mapped from there.

A file loses its name as soon as it is mapped, so nothing is left behind, however the process ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from planner.runtime.values import Packed

__all__ = ["spilled"]


def spilled(packed: Packed) -> Packed:
    """Give the same value, of which only the head is in memory.

    Raises
    ------
    OSError, pyarrow.ArrowException
        If the disk does not take it.
    """
    with _file() as path:
        if packed.arrow is not None:
            with pa.OSFile(path, "wb") as out, pa.ipc.new_file(out, packed.arrow.schema) as file:
                file.write_table(packed.arrow)
            table = pa.ipc.open_file(pa.memory_map(path)).read_all()
            return Packed(packed.form, packed.head, (), packed.size, table)
        lengths = packed.lengths()
        with pa.OSFile(path, "wb") as out:
            for buffer in packed.buffers:
                out.write(pa.py_buffer(buffer))
        mapped = pa.memory_map(path)
        return Packed(packed.form, packed.head, [mapped.read_buffer(length) for length in lengths], packed.size)


@contextmanager
def _file() -> Iterator[str]:
    """Give a file for its owner alone, where Spark has its own, which is gone when this is left."""
    place = (os.environ.get("SPARK_LOCAL_DIRS") or os.environ.get("LOCAL_DIRS") or "").split(",")[0]
    handle, path = tempfile.mkstemp(prefix="planner-", suffix=".spilled", dir=place or None)
    os.close(handle)
    try:
        yield path
    finally:
        Path(path).unlink()
