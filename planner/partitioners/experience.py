"""What earlier runs teach: seconds of every key on an executor of speed 1, a guess for new keys, speeds of executors.

Of each key the newest runs decide (`planner.partitioners.newest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from planner.model.arrays import Bool, Float64, Int64
from planner.model.units import MICROSECONDS
from planner.partitioners.executor_speeds import Measured, speeds_of
from planner.partitioners.measured_rows import MeasuredRows, measured_rows
from planner.partitioners.newest import by_age, newest, row_medians
from planner.partitioners.power_law import power_law

__all__ = ["Experience", "learn"]


@dataclass(frozen=True, eq=False)
class Experience:
    """What earlier runs teach.

    Attributes
    ----------
    key_hash : ndarray of int64, shape (keys,)
        Ascending, each once.
    seconds : ndarray of float, shape (keys,)
        On an executor of speed 1.
    rows : ndarray of float, shape (keys,)
        The typical number of rows behind `seconds`, at least 1.
    slope, intercept : float
        Of keys in general: ``seconds = exp(intercept) * rows ** slope``; the slope is 0, where rows tell nothing.
    speeds : mapping of (str, str) to float
        Of each application and executor that was measured, relative to 1. Where an executor's own evidence is weak, it
        is that of its host.
    host_speeds : mapping of str to float
    """

    key_hash: Int64
    seconds: Float64
    rows: Float64
    slope: float
    intercept: float
    speeds: Mapping[tuple[str, str], float]
    host_speeds: Mapping[str, float]

    def guess(self, rows: ArrayLike) -> Float64:
        """Give the seconds that keys which were never measured take, by their number of rows."""
        most = np.fmax(np.asarray(rows, dtype=np.float64), 1.0)
        return np.asarray(np.exp(self.intercept) * most**self.slope, dtype=np.float64)

    def expected(self, key_hash: ArrayLike, rows: ArrayLike) -> Float64:
        """Give the seconds of keys: measured ones for as many rows as they have now, a guess for others.

        Parameters
        ----------
        key_hash : array_like of int64, shape (n,)
        rows : array_like of float, shape (n,)
        """
        wanted = np.asarray(key_hash, dtype=np.int64)
        seconds = self.guess(rows)
        if len(self.key_hash):
            at = np.minimum(np.searchsorted(self.key_hash, wanted), len(self.key_hash) - 1)
            now = np.fmax(np.asarray(rows, dtype=np.float64), 1.0)
            scaled = self.seconds[at] * (now / self.rows[at]) ** self.slope
            seconds = np.where(self.key_hash[at] == wanted, scaled, seconds)
        return np.asarray(seconds, dtype=np.float64)


def learn(history: pa.Table) -> Experience:
    """Learn from measured runs.

    Parameters
    ----------
    history : pyarrow.Table
        As `planner.io.read_history` gives it.
    """
    rows = measured_rows(history)
    keys, light = _Keys.of(rows), rows.take(rows.light)
    del rows  # of the largest histories, a few hundred megabytes
    unknown = np.ones(len(light.executors)), np.ones(len(light.hosts))
    slope, _ = _law(keys.settled(0.0, *unknown), light, *unknown)
    speeds = _speeds(keys, light, slope)
    slope, intercept = _law(keys.settled(slope, *speeds), light, *speeds)
    log_rows, log_seconds = keys.settled(slope, *speeds)
    return Experience(
        key_hash=keys.key_hash,
        seconds=np.exp(log_seconds),
        rows=np.exp(log_rows),
        slope=slope,
        intercept=intercept,
        speeds=dict(zip(light.executors, speeds[0].tolist(), strict=True)),
        host_speeds=dict(zip(light.hosts, speeds[1].tolist(), strict=True)),
    )


@dataclass(frozen=True, eq=False)
class _Keys:
    """Keys with their pieces: by key, and of each key the newest run first."""

    key_hash: Int64
    pieces: MeasuredRows
    key: Int64  # of each piece, its position in key_hash
    first: Int64  # the first piece of each key in each run

    @classmethod
    def of(cls, rows: MeasuredRows) -> _Keys:
        single = np.flatnonzero(~rows.light)
        key_hash, key = np.unique(rows.key_hash[single], return_inverse=True)
        order = np.lexsort((rows.run[single], key))
        pieces, key = rows.take(single[order]), key[order].astype(np.int64)
        new = np.ones(len(key), dtype=bool)
        new[1:] = (np.diff(key) != 0) | (np.diff(pieces.run) != 0)
        return cls(key_hash, pieces, key, np.flatnonzero(new))

    @property
    def whole(self) -> Bool:
        """Tell which pieces are all of their key in their run."""
        alone = np.zeros(len(self.key), dtype=bool)
        alone[self.first] = np.diff(np.append(self.first, len(self.key))) == 1
        return alone

    def settled(self, slope: float, speeds: Float64, host_speeds: Float64) -> tuple[Float64, Float64]:
        """Give logarithms of the typical rows and seconds of each key, over its runs."""
        if not len(self.first):
            return np.zeros(0), np.zeros(0)
        log_rows = np.log(np.add.reduceat(self.pieces.rows, self.first))
        seconds = self.pieces.us * _speed(self.pieces, speeds, host_speeds) / MICROSECONDS
        level = np.log(np.add.reduceat(seconds, self.first)) - slope * log_rows
        key, keys = self.key[self.first], len(self.key_hash)
        levels, sizes = by_age(level, key, keys), by_age(log_rows, key, keys)
        counts = newest(levels)
        typical = row_medians(np.where(counts, sizes, np.nan))
        return typical, row_medians(np.where(counts, levels, np.nan)) + slope * typical


def _law(
    settled: tuple[Float64, Float64], light: MeasuredRows, speeds: Float64, host_speeds: Float64
) -> tuple[float, float]:
    """Fit the power law to keys and to the averages of light ones, which count once and not in every run."""
    seconds = light.us * _speed(light, speeds, host_speeds) / MICROSECONDS
    runs = max(1, len(np.unique(light.run)))
    return power_law(
        np.concatenate([settled[0], np.log(np.maximum(light.rows / light.keys, 1.0))]),
        np.concatenate([settled[1], np.log(np.maximum(seconds / light.keys, 1 / MICROSECONDS))]),
        np.concatenate([np.ones(len(settled[0])), np.maximum(light.keys / runs, 1.0)]),
    )


def _speeds(keys: _Keys, light: MeasuredRows, slope: float) -> tuple[Float64, Float64]:
    """Give the speeds of executors and of hosts."""
    pieces, key = keys.pieces.take(keys.whole), keys.key[keys.whole]
    log_rows = np.log(pieces.rows)
    level = np.log(pieces.us / MICROSECONDS) - slope * log_rows
    most = 2 + int(max(pieces.partition.max(initial=0), light.partition.max(initial=0)))
    reported, cut = (each.run.astype(np.int64) * most + each.partition + 1 for each in (pieces, light))
    measured = Measured(key, pieces.run, log_rows, level, ~np.isin(reported, np.unique(cut)))
    applications = np.unique([name for name, _ in pieces.executors], return_inverse=True)[1]
    speeds = speeds_of(measured, pieces.executor, applications.astype(np.int64))
    host_speeds = speeds_of(measured, pieces.host, np.zeros(len(pieces.hosts), dtype=np.int64))
    on = np.append(host_speeds, 1.0)[pieces.executor_host]
    return np.where(speeds == 1.0, on, speeds), host_speeds


def _speed(rows: MeasuredRows, speeds: Float64, host_speeds: Float64) -> Float64:
    """Give the speed of where each row was measured."""
    hosts = np.append(host_speeds, 1.0)[rows.host]
    return np.where(rows.executor >= 0, np.append(speeds, 1.0)[rows.executor], hosts)
