"""What the newest runs say of something that was measured in many.

The median of the last five counts, which two bad ones cannot carry away. Where the last three are all above, or all
below, everything before them, there was a drift, and they alone count; one bad run cannot do that.
"""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Bool, Float64, Int64

__all__ = ["AFTER_DRIFT", "LOOKED_BACK", "NEWEST", "by_age", "drifted", "newest", "row_medians"]

NEWEST, AFTER_DRIFT, LOOKED_BACK = 5, 3, 10
"""Runs whose median counts; those that count after a drift; those that they are compared with, all in all."""


def by_age(values: Float64, group: Int64, groups: int) -> Float64:
    """Lay values out, a row a group.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
    group : ndarray of int64, shape (n,)
        Ascending; of each group the newest value first.
    groups : int

    Returns
    -------
    ndarray of float, shape (groups, LOOKED_BACK)
        The newest first; NaN where there is none.

    Examples
    --------
    >>> by_age(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1]), 2)[:, :2]
    array([[ 1.,  2.],
           [ 3., nan]])
    """
    age = np.arange(len(group)) - np.searchsorted(group, group)
    rows, seen = np.full((groups, LOOKED_BACK), np.nan), age < LOOKED_BACK
    rows[group[seen], age[seen]] = values[seen]
    return rows


def drifted(levels: Float64) -> Bool:
    """Tell which rows, as `by_age` gives them, have drifted.

    Examples
    --------
    >>> drifted(by_age(np.array([5.0, 6, 5, 4, 1]), np.zeros(5, dtype=np.int64), 1))
    array([ True])
    >>> drifted(by_age(np.array([5.0, 4, 5, 4, 1]), np.zeros(5, dtype=np.int64), 1))
    array([False])
    """
    last, older = levels[:, :AFTER_DRIFT], levels[:, AFTER_DRIFT:]
    above = last.min(axis=1) > np.fmax.reduce(older, axis=1)
    return np.asarray(above | (last.max(axis=1) < np.fmin.reduce(older, axis=1)))


def newest(levels: Float64) -> Bool:
    """Tell which values of each row, as `by_age` gives them, count."""
    return np.arange(LOOKED_BACK) < np.where(drifted(levels), AFTER_DRIFT, NEWEST)[:, None]


def row_medians(values: Float64) -> Float64:
    """Give the median of each row; missing values, of which every row has some other, do not count."""
    ordered = np.sort(values, axis=1)
    count = np.sum(~np.isnan(values), axis=1)
    row = np.arange(len(values))
    return np.asarray((ordered[row, (count - 1) // 2] + ordered[row, count // 2]) / 2)
