"""Split blocks into stages: a good split first, then the best one where that is affordable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from planner.errors import Fault, InfeasibleError
from planner.model.arrays import Int32
from planner.staging.blocks import Blocks
from planner.staging.bounds import least_bottleneck
from planner.staging.cut_and_deal import cut_and_deal
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
_DEALT_IDEALS = 400
"""Ideals above which layers are joined before cuts and executors are chosen together."""
_DEALT_STEPS = 30_000_000
"""Stages that are put on an executor in thought: some seconds."""
_COARSE_IDEALS = 2_000
_COARSE_STEPS = 20_000_000


_PERHAPS = "there are too many ways to cut for weighing all of them: the best one found, perhaps not the best there is"
_SEVERAL = "in contiguous stages of one executor each the model does not fit: executors hold several stages"


_NARROWED = "ideals that may be cut at"
_ALL = "all contiguous splits were weighed"
_ALL_DEALT = "all ways to cut it and to deal the stages out were weighed"
_CUT_FIRST = "there are too many ways to cut and to deal out for weighing all of them: perhaps not the best plan"
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
        found = _folded(blocks, small, devices, stages, asked=True)
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
    k = devices.accelerators
    several: Found | None = None
    for count in range(k + 1, 4 * k + 1):
        if several is not None and (
            several.split.stage.max() + k < count or several.bottleneck_ns <= several.lower_bound_ns
        ):
            break
        found = _folded(blocks, small, devices, count, asked=False)
        if found is not None and (several is None or found.bottleneck_ns < several.bottleneck_ns):
            several = found
    if several is not None:
        return several._replace(notes=(_SEVERAL, *several.notes))
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
    if devices.hosts or not blocks.supported.all():
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


class _Dealt(NamedTuple):
    """Stages, the executor of each, and the method that found them."""

    split: Split
    executor: Int32
    method: str

    @property
    def bottleneck_ns(self) -> int:
        """What the executor that has most to do takes."""
        return int(np.bincount(self.executor, weights=self.split.load_ns).max(initial=0))


def _folded(blocks: Blocks, small: Blocks, devices: Devices, stages: int, *, asked: bool) -> Found | None:
    """Cut into more stages than there are executors, and put several on each."""
    few = devices._replace(hosts=0, replicas=1)
    bound, reason = least_bottleneck(blocks, few)
    best = _cut_first(small, few, stages)
    if asked and (best is None or best.bottleneck_ns > bound):
        whole, method, _ = _contiguous(small, few)
        if whole is not None and (best is None or whole.bottleneck_ns < best.bottleneck_ns):
            best = _Dealt(whole, np.arange(len(whole.load_ns), dtype=np.int32), method)
    if (best is None or best.bottleneck_ns > bound) and blocks.supported.all():
        coarse, ideals = listed_of_joined(small, _DEALT_IDEALS)
        steps = _DEALT_STEPS if asked else _DEALT_STEPS // 10
        known = int(small.time_ns.sum() + 2 * stages * small.net_ns.sum()) + 1 if best is None else best.bottleneck_ns
        better, proved = cut_and_deal(coarse, ideals, few, stages, bound, known, steps=steps)
        if better is not None:
            best = _Dealt(_of(better[0], small, coarse), better[1], "cut and dealt out")
        if best is not None and proved and coarse is small and (asked or stages >= small.n):  # else more may be better
            bound, reason = max(bound, best.bottleneck_ns), _ALL_DEALT
    if best is None:
        return None
    notes = () if best.bottleneck_ns <= bound else (_CUT_FIRST,)
    return Found(_of(best.split, blocks, small), best.executor, best.bottleneck_ns, bound, reason, best.method, notes)


def _cut_first(blocks: Blocks, devices: Devices, stages: int) -> _Dealt | None:
    """Cut as if each stage had an executor, and pack the stages then."""
    cut, method, _ = _contiguous(blocks, devices._replace(accelerators=stages))
    if cut is None:
        return None
    memory = stage_sums(cut.stage, blocks.memory_bytes)
    executor, _ = fold(cut.load_ns, memory, devices.accelerators, devices.memory_bytes)
    return None if executor is None else _Dealt(cut, executor, f"{method}, folded")


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
