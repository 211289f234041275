"""How many shards: enough for balance, none that costs more to start than to do; and what that is predicted to cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from planner.model.arrays import Float64, Int64
from planner.model.units import format_seconds
from planner.packing import lpt
from planner.partitioners.contiguous import contiguous_cuts

__all__ = ["TASK_OVERHEAD_US", "Sharding", "choose_sharding"]

TASK_OVERHEAD_US = 4_000
"""What a task costs a slot besides its work, where the cluster names no more: a guess until a history knows better."""

MOST_SHARDS_PER_SLOT = 4
"""More shards per slot even out wrong predictions and leave something to move; each costs an overhead."""

PRICE_OF_MORE_SHARDS = 1.05
"""More shards are taken as long as they do not make the predicted time this much longer than the best one."""


@dataclass(frozen=True, eq=False)
class Sharding:
    """Where the cuts lie, and the predicted times (us) of this and of the alternatives, on all slots.

    Attributes
    ----------
    cuts : ndarray of int64, shape (shards + 1,)
        Shard ``k`` has the items from ``cuts[k]`` up to, not including, ``cuts[k + 1]``.
    weights : ndarray of int64, shape (shards,)
        Weight of each shard.
    longest_us, time_us : float
        The longest shard (on a slot of speed 1), and all shards on all slots.
    equal_longest_us, equal_time_us : float
        The same for as many shards with equal numbers of items.
    per_slot_us : float
        One shard a slot with equal numbers of items, as `SparkContext.parallelize` cuts.
    one_us : float
        One task for everything, on the fastest slot.
    heaviest : int
        Position of the heaviest item.
    heaviest_us : float
        Its time alone: no cut makes the longest shard shorter.
    slots : int
        Slots that the shards may run on.
    most : int or None
        Shards that there may be at most, because no two of them may share an executor.
    """

    cuts: Int64
    weights: Int64
    longest_us: float
    time_us: float
    equal_longest_us: float
    equal_time_us: float
    per_slot_us: float
    one_us: float
    heaviest: int
    heaviest_us: float
    slots: int
    most: int | None = None

    @property
    def n(self) -> int:
        """Number of shards."""
        return len(self.weights)

    def explain(self, heaviest: str) -> list[str]:
        """Say in short lines how many shards there are, and what the alternatives were predicted to cost.

        Parameters
        ----------
        heaviest : str
            Name of the heaviest item.
        """
        items = int(self.cuts[-1])
        if self.n == 1:
            why = "one task is cheaper than many" if items > 1 else "there is no more to cut"
            why = why if self.most != 1 or items == 1 else "there is one executor for them"
            return [f"1 shard of {items} item{'s' if items > 1 else ''}: {why}; predicted {_us(self.one_us)}"]
        on = f"on {self.slots} slot{'s' if self.slots > 1 else ''}"
        lines = [
            f"{self.n} shards of {items} items by weight: longest {_us(self.longest_us)}, "
            f"all {_us(self.time_us)} {on} (predicted)",
            f"cut by count: longest {_us(self.equal_longest_us)}, all {_us(self.equal_time_us)}; "
            f"one a slot {_us(self.per_slot_us)}; uncut {_us(self.one_us)} (predicted)",
        ]
        if self.heaviest_us >= 0.9 * self.longest_us:
            lines.append(f"no cut goes below {_us(self.heaviest_us)}, the time of {heaviest} alone")
        if self.n == self.most:
            lines.append(f"executors are enough for no more than {self.most} shards, which share none")
        return lines


def choose_sharding(
    weights: Int64, work_us: int, speeds: Float64, overhead_us: int, tasks: int = 1, most: int | None = None
) -> Sharding:
    """Choose the number of shards and the cuts.

    Contiguous cuts are used, not LPT packing: with them the shards' values, taken in order, are in the items' order, so
    that a job whose reduction is associative gives the same result with any number of shards, whether or not it is
    commutative. LPT says what the shards will take on the slots. Of 1, 2, 4, … shards up to a few per slot, the most
    are taken that come within 5 % of the shortest predicted time and whose work does not fall below their overhead.

    Parameters
    ----------
    weights : ndarray of int64, shape (items,)
        As `planner.partitioners.contiguous.whole_weights` gives them.
    work_us : int
        Work of all items together, in all tasks of a shard.
    speeds : ndarray of float, shape (slots,)
    overhead_us : int
        Fixed cost of a task.
    tasks : int
        Tasks that every shard becomes.
    most : int, optional
        Shards that there may be at most.
    """
    items, overhead = len(weights), float(overhead_us * tasks)
    per_weight = work_us / max(int(weights.sum()), 1)
    options: list[tuple[float, Int64]] = []
    for shards in _candidates(items if most is None else min(items, most), len(speeds)):
        if shards > 1 and work_us / shards < overhead:
            break
        cuts = contiguous_cuts(weights, shards)
        options.append((_time(_sums(weights, cuts) * per_weight + overhead, speeds), cuts))
    best = min(time for time, _ in options)
    time, cuts = next(option for option in reversed(options) if option[0] <= best * PRICE_OF_MORE_SHARDS)
    shards = len(cuts) - 1
    sums = _sums(weights, cuts)
    equal = _sums(weights, _by_count(items, shards)) * per_weight + overhead
    per_slot = _sums(weights, _by_count(items, len(speeds))) * per_weight + overhead
    heaviest = int(np.argmax(weights)) if items else 0
    return Sharding(
        cuts=cuts,
        weights=sums,
        longest_us=float(sums.max() * per_weight + overhead),
        time_us=time,
        equal_longest_us=float(equal.max()),
        equal_time_us=_time(equal, speeds),
        per_slot_us=float((per_slot / speeds).max()),
        one_us=(work_us + overhead) / float(speeds.max()),
        heaviest=heaviest,
        heaviest_us=float(weights[heaviest] * per_weight + overhead) if items else overhead,
        slots=len(speeds),
        most=most,
    )


def _candidates(items: int, slots: int) -> list[int]:
    below = [2**power for power in range(slots.bit_length()) if 2**power < slots]
    several = [slots * count for count in range(1, MOST_SHARDS_PER_SLOT + 1)]
    return sorted({1, *(count for count in (*below, *several, min(items, several[-1])) if count <= items)} - {0})


def _by_count(items: int, shards: int) -> Int64:
    cuts: Int64 = np.arange(shards + 1, dtype=np.int64) * items // shards
    return cuts


def _sums(weights: Int64, cuts: Int64) -> Int64:
    prefix = np.zeros(len(weights) + 1, dtype=np.int64)
    np.cumsum(weights, out=prefix[1:])
    return np.diff(prefix[cuts])


def _time(shards_us: ArrayLike, speeds: Float64) -> float:
    return float(lpt(shards_us, speeds)[1].max())


def _us(us: float) -> str:
    return format_seconds(round(us))
