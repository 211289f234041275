"""Footers of Parquet files: what row groups there are, how large they are, and which columns."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from planner.errors import Fault
from planner.io.file_schemas import stored_schema
from planner.io.locations import Listed, first_line

__all__ = ["PARQUET", "Footer", "read_footers"]

PARQUET = (".parquet", ".parq", ".pq")
READERS = 32
"""Footers that are read at a time: where files are far away, reading one is waiting."""
FOOTER_END = 8
"""Bytes behind the footer: its length, and ``PAR1``."""
OLD_CALENDAR = (b"org.apache.spark.legacyDateTime", b"org.apache.spark.legacyINT96")


@dataclass(frozen=True, eq=False)
class Footer:
    """What is kept of a footer: of each row group its rows, its bytes and where it starts."""

    rows: list[int]
    bytes: list[int]
    start: list[int]
    schema: pa.Schema
    old_calendar: bool


def read_footers(
    system: fs.FileSystem, listed: Sequence[Listed], names: Sequence[str]
) -> tuple[list[Footer], list[Fault]]:
    """Read footers, many at a time.

    Parameters
    ----------
    system : pyarrow.fs.FileSystem
    listed : sequence of Listed
    names : sequence of str
        Of the files, for faults.

    Returns
    -------
    footers : list of Footer
        Of the files that have one.
    faults : list of Fault
        A fault for each file that has none.
    """

    def read(file: Listed) -> Footer | str:
        if not file.path.lower().endswith(PARQUET):
            return "is not named as a Parquet file, among others that are; expected files of one kind"
        if file.bytes == 0:
            return "is empty (0 bytes); expected a Parquet file"
        try:
            with system.open_input_file(file.path) as opened:
                return _footer(pq.ParquetFile(opened).metadata, file.bytes)
        except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
            return f"has a footer that cannot be read ({first_line(error)}); expected a whole Parquet file"

    with ThreadPoolExecutor(min(READERS, len(listed))) as pool:
        found = list(pool.map(read, listed))
    faults = [Fault(name, result) for name, result in zip(names, found, strict=True) if isinstance(result, str)]
    return [result for result in found if isinstance(result, Footer)], faults


def _footer(metadata: pq.FileMetaData, file_bytes: int) -> Footer:
    groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
    start = [_start(group) for group in groups]
    ends = [*start[1:], file_bytes - metadata.serialized_size - FOOTER_END]
    size = [end - begin for begin, end in zip(start, ends, strict=False)]
    if any(each <= 0 for each in size):  # row groups in another order than that of the file
        total = sum(group.total_byte_size for group in groups) or 1
        size = [file_bytes * group.total_byte_size // total for group in groups]
    about = metadata.metadata or {}
    old = any(key in about for key in OLD_CALENDAR)
    return Footer([group.num_rows for group in groups], size, start, stored_schema(metadata), old)


def _start(group: pq.RowGroupMetaData) -> int:
    if not group.num_columns:
        return 0
    first = group.column(0)
    pages = (first.dictionary_page_offset, first.data_page_offset)
    return int(min((page for page in pages if page), default=0))
