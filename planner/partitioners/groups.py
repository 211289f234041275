"""Keys into partitions: how many partitions, which keys share one, and which start first.

Spark starts partitions in the order of their ids, each on the slot that is free first. So partitions are laid out by
falling weight: heavy items alone, then light ones in rounds that shrink, each of them half of what is left
(S. F. Hummel, E. Schonberg, L. E. Flynn, Factoring: a method for scheduling parallel loops, Communications of the ACM
35(8), 1992, 90–101, doi:10.1145/135226.135232). Small partitions at the end even out what weights get wrong and what
slow executors lose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from planner.model.arrays import Bool, Float64, Int64
from planner.model.compiled import interpreted
from planner.packing import lpt
from planner.partitioners.contiguous import whole_weights
from planner.partitioners.spark_layouts import in_order

__all__ = ["Grouping", "Items", "group_items"]

OWN_PARTITIONS = 4
"""Up to so many items a slot, each has a partition of its own."""

MOST_OWN = 8
"""Up to so many, that is one of the layouts that are tried."""

ALONE = (0.25, 0.125)
"""An item of more than this part of a slot's share is alone in its partition: both are tried."""

ROUND = 0.5
"""What a round takes of what is left of the light items."""

LAST_ROUND = 0.1
"""Part of the light items below which no further round is made of them."""

PIECE = 0.25
"""Keys that may be split are, into pieces of at most this part of a slot's share."""

AS_WRITTEN = 1_000_000
"""Items times partitions up to which loops run as they are written: that takes less time than loading the compiler."""


@dataclass(frozen=True, eq=False)
class Items:
    """What is placed as a whole: a key, or the light keys of a bucket.

    Attributes
    ----------
    weight : ndarray of float, shape (n,)
        Finite and at least 0.
    rows, keys : ndarray of int64, shape (n,)
    single : ndarray of bool, shape (n,)
        Whether the item is one key, known exactly; only such keys set a bound, or may be split.
    """

    weight: Float64
    rows: Int64
    keys: Int64
    single: Bool

    @property
    def n(self) -> int:
        """Number of items."""
        return len(self.weight)


@dataclass(frozen=True, eq=False)
class Grouping:
    """The partitions of each item, and the weights of the partitions.

    Attributes
    ----------
    partitions : tuple of ndarray of int64
        For each item the partitions that its rows are spread over, evenly: one, unless it was split.
    weight : ndarray of float, shape (partitions,)
        Falling.
    rows, keys : ndarray of int64, shape (partitions,)
    makespan, lower_bound : float
        Predicted, in the weights' unit.
    bound_reason : str
        ``one key`` or ``all slots busy``.
    """

    partitions: tuple[Int64, ...]
    weight: Float64
    rows: Int64
    keys: Int64
    makespan: float
    lower_bound: float
    bound_reason: str

    @property
    def n(self) -> int:
        """Number of partitions."""
        return len(self.weight)


def group_items(items: Items, speeds: Float64, *, partitions: int | None = None, split: bool = False) -> Grouping:
    """Choose partitions for items.

    Parameters
    ----------
    items : Items
    speeds : ndarray of float, shape (slots,)
        Above 0, relative to 1.
    partitions : int, optional
        So many partitions, or as many as there are items; chosen, if left out: never fewer than slots, as long as there
        are items for them.
    split : bool
        Whether single keys may be spread over several partitions.

    Examples
    --------
    >>> ones = np.ones(5, dtype=np.int64)
    >>> items = Items(np.array([9.0, 2, 3, 1, 1]), ones, ones, ones > 0)
    >>> grouping = group_items(items, np.ones(2))
    >>> grouping.weight.tolist(), grouping.makespan, grouping.lower_bound, grouping.bound_reason
    ([9.0, 3.0, 2.0, 1.0, 1.0], 9.0, 9.0, 'one key')
    """
    pieces = _pieces(items, speeds) if split else np.ones(items.n, dtype=np.int64)
    owner = np.repeat(np.arange(items.n), pieces)
    weight = items.weight[owner] / pieces[owner]
    placed = _place(weight, speeds, partitions)
    load = np.bincount(placed, weights=weight, minlength=1).astype(np.float64)
    order = np.argsort(-load, kind="stable")
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    placed = number[placed]
    heaviest = float(items.weight[items.single].max(initial=0.0)) / float(speeds.max()) if not split else 0.0
    mean = float(items.weight.sum() / speeds.sum())
    starts = np.concatenate([[0], np.cumsum(pieces)])
    return Grouping(
        partitions=tuple(placed[a:b] for a, b in pairwise(starts.tolist())),
        weight=load[order],
        rows=_summed(items.rows[owner] // pieces[owner], placed, len(order)),
        keys=_summed(items.keys[owner], placed, len(order)),
        makespan=in_order(load[order], speeds),
        lower_bound=max(heaviest, mean),
        bound_reason="one key" if heaviest > mean else "all slots busy",
    )


def _pieces(items: Items, speeds: Float64) -> Int64:
    """Give the number of pieces of each item: more than one for the heavy ones among single keys."""
    share = float(items.weight.sum() / speeds.sum()) * PIECE
    if share <= 0:
        return np.ones(items.n, dtype=np.int64)
    wanted = np.ceil(items.weight / share).astype(np.int64)
    return np.where(items.single, np.minimum(np.maximum(wanted, 1), np.maximum(items.rows, 1)), 1)


def _place(weight: Float64, speeds: Float64, partitions: int | None) -> Int64:
    """Give each item its partition, numbered without holes."""
    slots, n = len(speeds), len(weight)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    if partitions is not None:
        return _numbered(_lpt(weight, np.ones(min(partitions, n))))
    own = np.arange(n)
    if n <= OWN_PARTITIONS * slots:
        return own
    options = [_in_rounds(weight, speeds, alone) for alone in ALONE] + ([own] if n <= MOST_OWN * slots else [])
    return _numbered(min(options, key=lambda option: _makespan(weight, option, speeds)))


def _in_rounds(weight: Float64, speeds: Float64, alone: float) -> Int64:
    """Give heavy items partitions of their own, and pack light ones into partitions that shrink from round to round.

    No partition of light items is larger than what the slowest slot does in its time.
    """
    heavy = weight > alone * weight.sum() / len(speeds)
    most, left, sizes = min(ROUND, 0.9 * float(speeds.min() / speeds.mean())), 1.0, []
    while left > LAST_ROUND:
        sizes.append(min(most, left * ROUND))
        left -= sizes[-1]
    sizes.append(left)
    light = weight[~heavy]
    slots = math.ceil(float(light.sum() / weight.sum()) * len(speeds)) if weight.any() else len(speeds)
    placed = np.cumsum(heavy) - 1
    placed[~heavy] = heavy.sum() + _lpt(light, np.repeat(sizes, max(1, slots)))
    return placed


def _lpt(weight: Float64, sizes: Float64) -> Int64:
    """Pack by LPT, into partitions of such sizes; no weight is nothing, so that no partition stays empty."""
    whole = np.maximum(whole_weights(weight), 1).astype(np.float64)
    if len(whole) * len(sizes) > AS_WRITTEN:
        return lpt(whole, sizes)[0]
    with interpreted():
        return lpt(whole, sizes)[0]


def _makespan(weight: Float64, placed: Int64, speeds: Float64) -> float:
    load = np.bincount(placed, weights=weight).astype(np.float64)
    return in_order(np.sort(load[load > 0])[::-1], speeds)


def _numbered(placed: Int64) -> Int64:
    """Give the partitions that hold anything new numbers, without holes."""
    return np.unique(placed, return_inverse=True)[1].astype(np.int64)


def _summed(values: Int64, placed: Int64, n: int) -> Int64:
    total = np.zeros(n, dtype=np.int64)
    np.add.at(total, placed, values)
    return total
