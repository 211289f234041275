"""The load of keyed work: what every key, partition and executor really took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KEY_SCHEMA", "PARTITION_SCHEMA", "KeyLoad"]

KEY_SCHEMA = pa.schema(
    [
        ("key_hash", pa.int64()),  # Spark's xxhash64 of the key's columns; null for `keys` light ones taken together
        ("key", pa.string()),  # as text, shortened
        ("keys", pa.int64()),  # 1, or how many light keys of a partition this row stands for
        ("partition", pa.int32()),
        ("executor", pa.string()),
        ("host", pa.string()),
        ("rows", pa.int64()),
        ("wall_us", pa.int64()),  # inside the user's function
        ("cpu_us", pa.int64()),
        ("peak_memory_bytes", pa.int64()),  # of its process while the function ran
    ]
)
"""A row a key; a key that was split has a row for each of its pieces."""

PARTITION_SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("executor", pa.string()),
        ("host", pa.string()),
        ("attempt", pa.int32()),  # 0, unless it was tried before
        ("start_us", pa.int64()),  # 0 = start of the first partition of the stage
        ("finish_us", pa.int64()),
        ("wall_us", pa.int64()),  # inside the user's function
        ("cpu_us", pa.int64()),
        ("rows", pa.int64()),
        ("keys", pa.int64()),
        ("peak_memory_bytes", pa.int64()),
        ("planned_weight", pa.float64()),
    ]
)
"""A row a partition that was measured."""


@dataclass(frozen=True, eq=False)
class KeyLoad:
    """What one action on a planned DataFrame really took.

    Attributes
    ----------
    keys : pyarrow.Table
        As `KEY_SCHEMA`: the slowest keys of each partition one by one, the others of a partition in one row.
    partitions : pyarrow.Table
        As `PARTITION_SCHEMA`.
    n_partitions : int
        Partitions of the plan; an action that needs only some of them (``limit``) measures only those.
    slots : int
    makespan_us : int
        Start of the first to end of the last partition.
    predicted_s : float or None
        The plan's, where its weights were seconds.
    by : tuple of str
        The key's columns.
    run : str
        Names this action: application, stage and attempt.
    settings : dict
        What else it depended on: what was weighed, the Spark version, the master.
    """

    keys: pa.Table
    partitions: pa.Table
    n_partitions: int
    slots: int
    makespan_us: int
    predicted_s: float | None
    by: tuple[str, ...]
    run: str
    settings: dict[str, Any] = field(default_factory=dict)

    def to_pandas(self) -> pd.DataFrame:
        """Give the keys as a table with the columns of `KEY_SCHEMA`, the slowest first."""
        import pandas as pd

        return pd.DataFrame(self.keys.to_pandas().sort_values("wall_us", ascending=False, ignore_index=True))

    def executors(self) -> pd.DataFrame:
        """Add the partitions of each executor up.

        Returns
        -------
        pandas.DataFrame
            A row an executor: ``executor``, ``host``, ``partitions``, ``keys``, ``rows``, ``wall``, ``cpu`` (seconds),
            ``peak_memory`` (bytes, largest of its processes).
        """
        import pandas as pd

        grouped = self.partitions.to_pandas().groupby("executor", sort=True)
        table = grouped.agg(
            host=("host", "first"),
            partitions=("partition", "count"),
            keys=("keys", "sum"),
            rows=("rows", "sum"),
            wall=("wall_us", "sum"),
            cpu=("cpu_us", "sum"),
            peak_memory=("peak_memory_bytes", "max"),
        ).reset_index()
        for column in ("wall", "cpu"):
            table[column] = table[column] / 1e6
        return pd.DataFrame(table)
