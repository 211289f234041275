"""The best split where there are very many ideals: without those that a good split cannot cut at, all can be weighed.

For a bottleneck that a relaxation cannot reach there is no split, which is a bound. Else the relaxation leaves some
ideals; where these are few, all splits at them are weighed, and the first bottleneck for which there is one is found by
bisection. The relaxation is that of `planner.staging.reach`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from planner.model.arrays import Int64
from planner.staging.blocks import Blocks
from planner.staging.devices import Devices
from planner.staging.ideal_dp import NONE, Split, affordable
from planner.staging.listing import Listed
from planner.staging.many_ideals import least_crossed, promising_split, relaxed_bound
from planner.staging.reach import Cuts, cuts_of, usable

__all__ = ["Narrowed", "narrowed"]

_FEW = 20_000
"""Ideals that all splits at which are weighed, at most."""
_PROMISING = 6_000
"""Ideals that are looked at where there are more."""
_STEPS = 400_000_000
"""Pairs of ideals, times what is weighed for each, that are weighed at once: a second."""
_ALL_STEPS = 800_000_000
"""The same, over all: some seconds."""
_LOOKED_AT = 1_000_000_000
"""Ideals, times executors and replicas, that the relaxation looks at, over all: some seconds."""
_GRADES = 8
"""Bottlenecks, from the bound to what is known, for which the relaxation tells good ideals from others."""
_EXACT = 10_000
"""The bisection ends when what is left is this part of the bottleneck."""


class Narrowed(NamedTuple):
    """The best split, None if none is at most as asked for, and what none can be below."""

    split: Split | None
    bound_ns: int


class _Work:
    """What is left to be done, as steps."""

    def __init__(self, ideals: Listed, devices: Devices, known_ns: int) -> None:
        replicas = min(devices.replicas, devices.accelerators)
        each = ideals.n * devices.accelerators * (replicas + 1) // 2
        self.looks = _LOOKED_AT // each if known_ns * replicas**2 < NONE else 0  # numbers that 64 bits hold
        self.steps = _ALL_STEPS
        self.each = 1 + devices.accelerators * replicas // 10
        self.most = min(_FEW, affordable(devices, _STEPS))

    def weigh(self, count: int) -> bool:
        """Tell whether all splits at so many ideals can be weighed, and count them as weighed if so."""
        steps = count * count // 2 * self.each
        if count > self.most or steps > self.steps:
            return False
        self.steps -= steps
        return True


def narrowed(blocks: Blocks, ideals: Listed, devices: Devices, least_ns: int, known_ns: int) -> Narrowed:
    """Find a split that is better than what is known, and a bound.

    Parameters
    ----------
    blocks : Blocks
    ideals : Listed
        All of them.
    devices : Devices
        Without hosts.
    least_ns : int
        What no bottleneck is below.
    known_ns : int
        A split is looked for that is below this.

    Returns
    -------
    Narrowed
        Its bound is `known_ns` where no split is below that.
    """
    work, cuts = _Work(ideals, devices, known_ns), cuts_of(ideals)
    best: Split | None = None
    bound = least_ns
    while True:
        found, low, left = _bisected(blocks, ideals, cuts, devices, work, bound, known_ns)
        bound = max(bound, low)
        if found is not None:
            return Narrowed(found, found.bottleneck_ns)
        if bound < known_ns and best is None:
            bound = max(bound, relaxed_bound(ideals, devices, known_ns))
        if bound >= known_ns:
            return Narrowed(best, known_ns)
        better = _promising(blocks, ideals, cuts, devices, work, left, bound, known_ns)
        if better is None:
            return Narrowed(best, bound)
        best, known_ns = better, better.bottleneck_ns


def _bisected(
    blocks: Blocks, ideals: Listed, cuts: Cuts, devices: Devices, work: _Work, low: int, known_ns: int
) -> tuple[Split | None, int, Int64]:
    """Give the best split there is, if it is found, what none can be below, and ideals among which it may cut."""
    top, left = known_ns - 1, np.arange(ideals.n)
    asked = top
    while low <= top and work.looks > 0:
        work.looks -= 2
        may = usable(cuts, devices, asked)
        if may is None:
            low = asked + 1
        elif work.weigh(int(may.sum())):
            found = promising_split(blocks, ideals, np.flatnonzero(may), devices, asked)
            if found is not None:
                return found, found.bottleneck_ns, left
            low = asked + 1
        else:
            top, left = asked, np.flatnonzero(may)
        if (top - low) * _EXACT <= top:
            break
        asked = (low + top) // 2
    return None, low, left


def _promising(
    blocks: Blocks, ideals: Listed, cuts: Cuts, devices: Devices, work: _Work, left: Int64, bound_ns: int, known_ns: int
) -> Split | None:
    """Look for a split at ideals that may be in a very good one, then at any that little crosses."""
    good = np.zeros(ideals.n, np.int64)
    for part in range(1, _GRADES + 1 if work.looks > 0 else 1):
        work.looks -= 2
        may = usable(cuts, devices, bound_ns + (known_ns - 1 - bound_ns) * part // _GRADES)
        good += 0 if may is None else may
    most = min(_PROMISING, work.most)
    for among in (left, np.flatnonzero(good), np.arange(ideals.n)):
        chosen = least_crossed(ideals, among, good, most)
        found = promising_split(blocks, ideals, chosen, devices, known_ns - 1) if work.weigh(len(chosen)) else None
        if found is not None:
            return found
    return None
