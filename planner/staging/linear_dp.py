"""The best split along one topological order, for several orders: an upper bound that is often the optimum.

The linearised dynamic programme of Tarnawski et al. (NeurIPS 2020, section 5.1.2): with each block waiting for the one
before, ideals are prefixes.
"""

from __future__ import annotations

from planner.staging.blocks import Blocks, as_chain
from planner.staging.devices import Devices
from planner.staging.ideal_dp import Split, ideal_dp
from planner.staging.ideals import prefixes_of

__all__ = ["linear_dp", "topological_orders"]


def linear_dp(blocks: Blocks, devices: Devices, *, at_most_ns: int, steps: int) -> Split | None:
    """Find the best of the splits along several topological orders.

    Parameters
    ----------
    blocks : Blocks
    devices : Devices
    at_most_ns : int
        Worse ones are not looked at.
    steps : int
        As in `ideal_dp`, for each order.

    Returns
    -------
    Split or None
        None, if there is none of at most `at_most_ns`, or the steps did not suffice.
    """
    best: Split | None = None
    for order in topological_orders(blocks):
        chain = as_chain(blocks, order)
        found, _ = ideal_dp(chain, prefixes_of(chain), devices, at_most_ns=at_most_ns, steps=steps)
        if found is not None and (best is None or found.bottleneck_ns < best.bottleneck_ns):
            at_most_ns = found.bottleneck_ns
            best = found._replace(stage=found.stage[_places(order)])
    return best


def topological_orders(blocks: Blocks) -> list[list[int]]:
    """Give the blocks' own order, and two that go deep first: by the first of what is ready, and by the last.

    Going deep keeps a branch together, which a cut then does not go through.
    """
    orders = [list(range(blocks.n)), _deep(blocks, first=False), _deep(blocks, first=True)]
    return [order for i, order in enumerate(orders) if order not in orders[:i]]


def _deep(blocks: Blocks, *, first: bool) -> list[int]:
    after: list[list[int]] = [[] for _ in range(blocks.n)]
    for b, before in enumerate(blocks.before):
        for a in before:
            after[a].append(b)
    waiting = [len(before) for before in blocks.before]
    ready = [b for b in range(blocks.n) if not waiting[b]]
    ready.sort(reverse=first)
    order: list[int] = []
    while ready:
        block = ready.pop()
        order.append(block)
        freed = []
        for b in after[block]:
            waiting[b] -= 1
            if not waiting[b]:
                freed.append(b)
        ready += sorted(freed, reverse=first)
    return order


def _places(order: list[int]) -> list[int]:
    place = [0] * len(order)
    for at, block in enumerate(order):
        place[block] = at
    return place
