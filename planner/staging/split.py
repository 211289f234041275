"""Split blocks into stages: a good split first, then the best one where that is affordable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from planner.errors import Fault, InfeasibleError
from planner.model.arrays import Int32
from planner.staging.blocks import Blocks
from planner.staging.bounds import least_bottleneck
from planner.staging.devices import Devices
from planner.staging.fitting import check, left_over
from planner.staging.folding import fold
from planner.staging.ideal_dp import Split, affordable, ideal_dp
from planner.staging.ideals import ideals_of
from planner.staging.linear_dp import linear_dp
from planner.staging.listing import listed
from planner.staging.loads import stage_sums
from planner.staging.narrowing import narrowed
from planner.staging.reductions import coarsened, joined, listed_of_joined, settled

__all__ = ["Found", "split"]

_MOST_BLOCKS = 2_000
"""Blocks above which neighbours are joined before anything is searched."""
_MOST_IDEALS = 20_000
"""Ideals above which not all of them are looked at."""
_MOST_LISTED = 1_500_000
"""Ideals above which none of them is looked at."""
_COARSE_LISTED = 200_000
"""Ideals that are looked at where these are too many, of layers that are joined until there are no more."""
_STEPS = 100_000_000
"""Stages walked through when the best split is looked for: some seconds."""
_COARSE_IDEALS = 2_000
_COARSE_STEPS = 20_000_000


_PERHAPS = "there are too many ways to cut for weighing all of them: the best one found, perhaps not the best there is"
_SEVERAL = "in contiguous stages of one executor each the model does not fit: executors hold several stages"


_NARROWED = "ideals that may be cut at"
_ALL = "all contiguous splits were weighed"
_RELAXED = "the least work and traffic between any two cuts"


class _Proved(NamedTuple):
    """Nanoseconds that no contiguous split can be below, and why."""

    ns: int
    why: str


class Found(NamedTuple):
    """A split of blocks, the executors of each stage, and how good it is.

    ``executor`` is the executor of each stage where stages share executors, else None: then each stage has as many of
    its own as it has replicas.
    """

    split: Split
    executor: Int32 | None
    bottleneck_ns: int
    lower_bound_ns: int
    bound_reason: str
    method: str
    notes: tuple[str, ...]


def split(blocks: Blocks, devices: Devices, names: Sequence[str], *, stages: int | None = None) -> Found:
    """Split blocks into contiguous stages with the smallest bottleneck that is found.

    Parameters
    ----------
    blocks : Blocks
    devices : Devices
    names : sequence of str
        Of the layers, for what is said of them.
    stages : int, optional
        More than there are executors: so many stages are cut at most, and executors take several. Left out, that is
        done only where a model does not fit into memory otherwise.

    Raises
    ------
    InfeasibleError
        Where memory does not suffice, or nothing can run a layer; with the layers and bytes.
    """
    check(blocks, devices, names)
    fixed = settled(blocks)
    small = joined(fixed, _MOST_BLOCKS)
    if stages is not None:
        found = _folded(blocks, small, devices, stages)
        if found is None:
            problem = f"no way was found to fit {stages} stages into it; another number of stages may do"
            raise InfeasibleError([Fault("memory", problem)])
        return found
    best, method, proved = _contiguous(small, devices)
    if best is not None:
        bound, reason = least_bottleneck(blocks, devices)
        if proved is not None and proved.ns > bound and small is fixed:
            bound, reason = proved
        notes = () if best.bottleneck_ns <= bound else (_PERHAPS,)
        return Found(_of(best, blocks, small), None, best.bottleneck_ns, bound, reason, method, notes)
    for count in range(devices.accelerators + 1, 4 * devices.accelerators + 1):
        found = _folded(blocks, small, devices, count)
        if found is not None:
            return found._replace(notes=(_SEVERAL, *found.notes))
    raise InfeasibleError([Fault("memory", left_over(blocks, devices, names))])


def _contiguous(blocks: Blocks, devices: Devices) -> tuple[Split | None, str, _Proved | None]:
    """Give the best split found, the method that found it, and what was proved of all contiguous ones."""
    short = joined(blocks, affordable(devices, _COARSE_STEPS))
    best, method = linear_dp(short, devices, at_most_ns=_worst(blocks), steps=_COARSE_STEPS), "linear-dp"
    best = None if best is None else _of(best, blocks, short)
    ideals = ideals_of(blocks, _MOST_IDEALS)
    if ideals is None or ideals.n > 2 * _COARSE_IDEALS:
        coarse, few = coarsened(blocks, _COARSE_IDEALS)
        found, _ = ideal_dp(coarse, few, devices, at_most_ns=_reached(best, blocks), steps=_COARSE_STEPS)
        if found is not None and (best is None or found.bottleneck_ns < best.bottleneck_ns):
            best, method = _of(found, blocks, coarse), "ideal-dp of joined layers"
    if ideals is not None:
        found, complete = ideal_dp(blocks, ideals, devices, at_most_ns=_reached(best, blocks), steps=_STEPS)
        if found is not None:
            return found, "ideal-dp", _Proved(found.bottleneck_ns, _ALL)
        if complete:
            return best, method, None
    return _of_many(blocks, devices, best, method)


def _of_many(
    blocks: Blocks, devices: Devices, best: Split | None, method: str
) -> tuple[Split | None, str, _Proved | None]:
    """Look for a better split, and for a bound, where there are too many ideals for weighing all splits."""
    if devices.hosts:
        return best, method, None
    least, _ = least_bottleneck(blocks, devices)
    ideals = listed(blocks, _MOST_LISTED)
    if ideals is None:
        coarse, few = listed_of_joined(blocks, _COARSE_LISTED)
        found, _ = narrowed(coarse, few, devices, least, _reached(best, blocks))
        return (
            (best, method, None)
            if found is None
            else (_of(found, blocks, coarse), f"{_NARROWED} of joined layers", None)
        )
    found, bound = narrowed(blocks, ideals, devices, least, _reached(best, blocks))
    if found is not None:
        best, method = found, _NARROWED
    return best, method, _Proved(bound, _ALL if best is not None and bound >= best.bottleneck_ns else _RELAXED)


def _folded(blocks: Blocks, small: Blocks, devices: Devices, stages: int) -> Found | None:
    """Cut into more stages than there are executors, and put several on each."""
    many = devices._replace(accelerators=stages, hosts=0, replicas=1)
    best, method, _ = _contiguous(small, many)
    if best is None:
        return None
    best = _of(best, blocks, small)
    memory = stage_sums(best.stage, blocks.memory_bytes)
    executor = fold(best.load_ns, memory, devices.accelerators, devices.memory_bytes)
    if executor is None:
        return None
    bottleneck = int(np.bincount(executor, weights=best.load_ns).max())
    bound, reason = least_bottleneck(blocks, devices._replace(hosts=0, replicas=1))
    notes = (
        () if bottleneck <= bound else ("stages are cut first and put on executors then: perhaps not the best plan",)
    )
    return Found(best, executor, bottleneck, bound, reason, f"{method}, folded", notes)


def _worst(blocks: Blocks) -> int:
    """Give what no split can be above."""
    return int(blocks.time_ns.sum() + blocks.host_ns.sum() + blocks.sync_ns.sum() + 2 * blocks.net_ns.sum()) + 1


def _reached(best: Split | None, blocks: Blocks) -> int:
    return _worst(blocks) if best is None else best.bottleneck_ns


def _of(found: Split, blocks: Blocks, coarse: Blocks) -> Split:
    """Give a split of joined blocks as one of the blocks themselves."""
    joined_as = np.empty(blocks.n, np.int32)
    joined_as[blocks.block] = coarse.block
    return found._replace(stage=found.stage[joined_as])
