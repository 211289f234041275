"""What follows from the load of keyed work: busy executors, the slowest keys, planned beside measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from planner.model.arrays import Int64
from planner.model.key_load import KeyLoad

__all__ = ["executors", "heaviest_planned", "key_count", "slowest_keys", "walls"]


def key_count(load: KeyLoad) -> int:
    """Count the keys; the pieces of a split one count once."""
    keys = load.keys.to_pandas()
    single = keys["key_hash"].notna()
    return int(keys.loc[single, "key_hash"].nunique() + keys.loc[~single, "keys"].sum())


def executors(load: KeyLoad) -> pd.DataFrame:
    """Give a row an executor.

    Returns
    -------
    pandas.DataFrame
        ``executor``, ``host``, ``partitions``, ``keys``, ``rows``, ``wall_us``, ``cpu_us``, ``peak_memory_bytes``, and
        as shares of the time that its slots had: ``busy`` (in the function), ``rest`` (of the time of its partitions)
        and ``idle``. Where nothing is known of when partitions ran, these are missing.
    """
    names = ("wall_us", "cpu_us", "rows", "keys", "peak_memory_bytes")
    partitions = load.partitions.to_pandas().fillna({"executor": "?", "host": "?", **dict.fromkeys(names, 0)})
    partitions["span_us"] = partitions["finish_us"] - partitions["start_us"]
    grouped = partitions.groupby("executor", sort=True)
    rows = grouped.agg(
        host=("host", "first"),
        partitions=("partition", "count"),
        keys=("keys", "sum"),
        rows=("rows", "sum"),
        wall_us=("wall_us", "sum"),
        cpu_us=("cpu_us", "sum"),
        peak_memory_bytes=("peak_memory_bytes", "max"),
        span_us=("span_us", lambda spans: spans.sum(skipna=False)),
    )
    # How many slots an executor has is not reported; how many of its partitions ran at a time is.
    slots = {executor: _at_a_time(mine["start_us"], mine["finish_us"]) for executor, mine in grouped}
    room = pd.Series(slots, dtype=np.float64).reindex(rows.index) * load.makespan_us
    rows["busy"] = (rows["wall_us"] / room).where((room > 0) & rows["span_us"].notna())
    rows["rest"] = ((rows["span_us"] - rows["wall_us"]).clip(lower=0) / room).where(rows["busy"].notna())
    rows["idle"] = (1 - rows["busy"] - rows["rest"]).clip(lower=0)
    return pd.DataFrame(rows.drop(columns="span_us").reset_index())


def _at_a_time(start: pd.Series, finish: pd.Series) -> int:
    """Give the most intervals that lie over one another; one that begins where another ends does not lie over it."""
    times = np.concatenate([start.dropna(), finish.dropna()])
    steps = np.repeat([1, -1], [start.count(), finish.count()])
    return int(np.cumsum(steps[np.lexsort((steps, times))]).max(initial=0))


def slowest_keys(load: KeyLoad, most: int) -> pd.DataFrame:
    """Give the slowest keys, the pieces of one together: where its slowest piece was.

    Returns
    -------
    pandas.DataFrame
        ``key``, ``wall_us``, ``cpu_us``, ``rows``, ``peak_memory_bytes``, ``executor``, ``partition``, ``pieces``.
    """
    keys = load.keys.to_pandas()
    keys = keys[keys["key_hash"].notna()].sort_values("wall_us", ascending=False, kind="stable")
    whole = keys.groupby("key_hash", sort=False).agg(
        key=("key", "first"),
        wall_us=("wall_us", "sum"),
        cpu_us=("cpu_us", "sum"),
        rows=("rows", "sum"),
        peak_memory_bytes=("peak_memory_bytes", "max"),
        executor=("executor", "first"),
        partition=("partition", "first"),
        pieces=("partition", "size"),
    )
    return pd.DataFrame(whole.sort_values("wall_us", ascending=False, kind="stable", ignore_index=True)[:most])


def heaviest_planned(load: KeyLoad, most: int) -> pd.DataFrame:
    """Give the partitions that were planned to be the heaviest; none, where nothing was planned or measured.

    Returns
    -------
    pandas.DataFrame
        ``partition``, ``keys``, ``rows``, ``wall_us``, ``planned_weight``, and the shares ``planned`` and ``measured``
        of what was planned and measured of all partitions that were measured.
    """
    rows = load.partitions.to_pandas()
    rows = rows[rows["planned_weight"].notna() & rows["wall_us"].notna()]
    weight, wall = rows["planned_weight"].sum(), rows["wall_us"].sum()
    rows = rows.assign(planned=rows["planned_weight"] / max(weight, 1e-300), measured=rows["wall_us"] / max(wall, 1))
    order = ["planned_weight", "partition"]
    rows = rows.sort_values(order, ascending=[False, True], kind="stable", ignore_index=True)
    return pd.DataFrame(rows[: most if weight > 0 and wall > 0 else 0])


def walls(load: KeyLoad) -> Int64:
    """Give the microseconds inside the function, of each partition."""
    return np.asarray(load.partitions["wall_us"].fill_null(0).to_numpy(), dtype=np.int64)
