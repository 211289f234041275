"""What `groups` measures: frames of keyed rows, and what every key costs. Numpy and Arrow only; Spark comes later."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

CLUSTER, LOCAL = "local-cluster[4,2,1024]", "local[2]"
SLOTS = {CLUSTER: 8, LOCAL: 2}
SPREADS = ("uniform", "zipf 0.8", "zipf 1.2", "zipf 2.0", "one hot key")
HOT = 0.3
"""The part of the whole cost that the one hot key has; the other keys share the rest equally."""
WIDE = 200
"""Bytes that cannot be compressed in each row of a wide frame, so that adaptive execution sees something to pack."""


@dataclass(frozen=True)
class Case:
    """Frames of one kind: a new one for every round, the same for all contenders.

    Attributes
    ----------
    master : str
        One of `SLOTS`.
    kind : str
        What a group does: ``sleep`` or ``compute``.
    keys : int
    spread : str
        How the whole cost is spread over the keys: one of `SPREADS`.
    bound : float
        Wanted lower bound in seconds.
    mean : float
        Mean seconds of a group, at least, which may push the bound up.
    rows : int
        About so many in all, and at least one a key.
    rounds : int
    form : str
        ``whole``: groups cannot be split; rows follow the costs. ``unknown``: rows say nothing about the costs.
        ``split``: the function may be called on pieces of a group.
    """

    master: str
    kind: str
    keys: int
    spread: str
    bound: float
    mean: float
    rows: int
    rounds: int
    form: str = "whole"

    @property
    def slots(self) -> int:
        """Slots of the master."""
        return SLOTS[self.master]

    @property
    def part(self) -> str:
        """What the cases of one section of the page have in common."""
        does = {"sleep": "sleeping", "compute": "computing"}[self.kind]
        more = {"whole": "", "unknown": ", costs unrelated to rows", "split": ", which may be split"}[self.form]
        return f"{does} groups{more}, {self.keys:,} keys, {self.master}"

    @property
    def name(self) -> str:
        """Name of the case."""
        return f"{self.part}: {self.spread}"

    @property
    def long(self) -> bool:
        """Whether groups last 100 ms on average."""
        return float(self.costs().mean()) > 0.0999

    def costs(self) -> np.ndarray:
        """Seconds of each key, the heaviest first."""
        share = shares(self.spread, self.keys)
        heaviest = 0.0 if self.form == "split" else float(share[0])
        return share * max(self.mean * self.keys, self.bound / max(heaviest, 1 / self.slots))

    def lower_bound(self) -> float:
        """Seconds below which nobody can be: the heaviest key, or all slots busy."""
        costs = self.costs()
        return max(0.0 if self.form == "split" else float(costs.max()), float(costs.sum()) / self.slots)


def shares(spread: str, keys: int) -> np.ndarray:
    """Give the part of the whole that each key has, falling, with sum 1."""
    if spread == "one hot key":
        return np.concatenate([[HOT], np.full(keys - 1, (1 - HOT) / (keys - 1))])
    exponent = 0.0 if spread == "uniform" else float(spread.removeprefix("zipf "))
    weights = np.arange(1, keys + 1) ** -exponent
    return weights / weights.sum()


@dataclass(frozen=True)
class Frame:
    """The rows of one round, and the answer that every contender has to bring.

    Attributes
    ----------
    table : pyarrow.Table
        ``key``, ``cost`` (of the row; a key's rows add up to its seconds), ``value`` and, if wide, ``payload``.
    seconds : dict of str to float
        Cost of each key.
    answer : dict of str to tuple of int
        Number of rows and sum of values of each key.
    """

    table: pa.Table
    seconds: dict[str, float]
    answer: dict[str, tuple[int, int]]


def frame(case: Case, seed: int) -> Frame:
    """Make the rows of a round."""
    draw = np.random.default_rng(seed)
    labels = np.array([f"store-{number:05d}" for number in draw.permutation(case.keys)])
    costs = case.costs()
    counts = _unrelated(draw, case) if case.form == "unknown" else _following(costs, case.rows)
    index = draw.permutation(np.repeat(np.arange(case.keys), counts))
    value = draw.integers(0, 1000, len(index))
    columns = {"key": labels[index], "cost": (costs / counts)[index], "value": value}
    table = pa.table(columns)
    if case.form == "unknown":
        bytes_ = draw.integers(0, 256, (len(index), WIDE), dtype=np.uint8)
        table = table.append_column("payload", pa.array([row.tobytes() for row in bytes_], pa.binary()))
    sums = np.bincount(index, weights=value, minlength=case.keys).astype(np.int64)
    answer = {str(k): (int(n), int(v)) for k, n, v in zip(labels, counts, sums, strict=True)}
    return Frame(table, {str(k): float(c) for k, c in zip(labels, costs, strict=True)}, answer)


def _following(costs: np.ndarray, rows: int) -> np.ndarray:
    return np.maximum(1, np.rint(rows * costs / costs.sum())).astype(np.int64)


def _unrelated(draw: np.random.Generator, case: Case) -> np.ndarray:
    """Log-normal numbers of rows, which say nothing about costs."""
    return _following(draw.lognormal(0, 1.5, case.keys), case.rows)


def by_hand(seconds: Mapping[str, float], partitions: int) -> dict[str, int]:
    """Deal keys, the heaviest first, each to the partition with least in it; number partitions by falling weight."""
    load = [(0.0, number) for number in range(partitions)]
    taken: dict[str, int] = {}
    for key in sorted(seconds, key=lambda key: (-seconds[key], key)):
        weight, number = load[0]
        heapq.heapreplace(load, (weight + seconds[key], number))
        taken[key] = number
    rank = {number: place for place, (_, number) in enumerate(sorted(load, key=lambda each: (-each[0], each[1])))}
    return {key: rank[number] for key, number in taken.items()}


def _cases(*parts: tuple[Case, tuple[str, ...]]) -> tuple[Case, ...]:
    return tuple(replace(part, spread=spread) for part, spreads in parts for spread in spreads)


CASES = _cases(
    (Case(CLUSTER, "sleep", 200, "", 10.0, 0.1, 20_000, 2), SPREADS),
    (Case(CLUSTER, "sleep", 20_000, "", 5.0, 0.0, 200_000, 1), SPREADS),
    (Case(CLUSTER, "sleep", 200, "", 10.0, 0.1, 60_000, 2, "unknown"), ("zipf 0.8", "zipf 1.2")),
    (Case(CLUSTER, "sleep", 200, "", 5.0, 0.1, 20_000, 1, "split"), ("zipf 1.2", "one hot key")),
    (Case(LOCAL, "sleep", 200, "", 10.0, 0.1, 20_000, 1), ("zipf 1.2",)),
    (Case(LOCAL, "compute", 200, "", 10.0, 0.1, 20_000, 1), ("uniform", "zipf 1.2", "one hot key")),
    (Case(LOCAL, "compute", 20_000, "", 5.0, 0.0, 200_000, 1), ("uniform", "zipf 1.2")),
)
"""What a whole run measures. Groups that compute need a core each, so they get the slots of a small machine."""
QUICK = _cases(
    (Case(CLUSTER, "sleep", 200, "", 1.0, 0.0, 20_000, 1), ("uniform", "zipf 1.2")),
    (Case(CLUSTER, "sleep", 2000, "", 1.0, 0.0, 20_000, 1), ("zipf 1.2",)),
    (Case(CLUSTER, "sleep", 200, "", 1.0, 0.0, 20_000, 1, "unknown"), ("zipf 0.8",)),
    (Case(CLUSTER, "sleep", 200, "", 1.0, 0.0, 20_000, 1, "split"), ("zipf 1.2",)),
    (Case(LOCAL, "compute", 200, "", 1.0, 0.0, 20_000, 1), ("uniform", "zipf 1.2")),
)
"""Smaller and fewer: to see that everything works."""
