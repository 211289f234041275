"""What no bottleneck can be below, whatever the split."""

from __future__ import annotations

import numpy as np

from planner.model.compiled import interpreted
from planner.staging.blocks import Blocks
from planner.staging.devices import Devices
from planner.staging.pipedream import replicated

__all__ = ["least_bottleneck"]

_SURE = 1e-9
"""By how much a solver of linear programmes may be off."""


def least_bottleneck(blocks: Blocks, devices: Devices) -> tuple[int, str]:
    """Give nanoseconds that no bottleneck can be below, and why.

    Examples
    --------
    >>> from planner.model import LayerGraph
    >>> from planner.staging import Devices, blocks_of
    >>> layers = LayerGraph.from_arrays(time_ns=[10, 20, 90, 30])
    >>> least_bottleneck(blocks_of(layers, bandwidth=1e9), Devices(2)), least_bottleneck(
    ...     blocks_of(layers, bandwidth=1e9), Devices(1)
    ... )
    ((90, 'one layer, or layers that stay together'), (150, 'all executors busy'))
    """
    if not blocks.n:
        return 0, "nothing to run"
    spread = _spread(blocks, devices)
    alone = max(_alone(blocks, devices, b) for b in range(blocks.n))
    if alone > spread:
        return alone, "one layer, or layers that stay together"
    return spread, "all executors busy" if devices.hosts == 0 else "all executors and hosts busy, none above its memory"


def _alone(blocks: Blocks, devices: Devices, b: int) -> int:
    ways = [int(blocks.host_ns[b])] if devices.hosts else []
    if blocks.supported[b]:
        most = min(devices.replicas, devices.accelerators)
        time, sync = int(blocks.time_ns[b]), int(blocks.sync_ns[b])
        with interpreted():  # for a few numbers no compiler is loaded
            ways += [replicated(time, sync, m) for m in range(1, most + 1)]
    return min(ways, default=0)


def _spread(blocks: Blocks, devices: Devices) -> int:
    """Give the shortest time in which work that could be parted at will is done, by a linear programme."""
    if not devices.hosts:
        return -int(-blocks.time_ns.sum() // devices.accelerators)
    from scipy.optimize import linprog  # takes a while to import

    n, total = blocks.n, float(blocks.host_ns.sum() + blocks.time_ns.sum()) or 1.0
    rows = [
        np.append(blocks.time_ns / total, -devices.accelerators),
        np.append(-blocks.host_ns / total, -devices.hosts),
    ]
    limits = [0.0, -float(blocks.host_ns.sum()) / total]
    if devices.memory_bytes is not None:
        room = max(devices.memory_bytes, 1)
        rows.append(np.append(blocks.memory_bytes / room, 0.0))
        limits.append(float(devices.accelerators))
    share = [(0.0, 1.0 if able and devices.accelerators else 0.0) for able in blocks.supported.tolist()]
    found = linprog(np.append(np.zeros(n), 1.0), A_ub=np.array(rows), b_ub=limits, bounds=[*share, (0.0, None)])
    return int(np.ceil(found.fun * total * (1 - _SURE) - 1)) if found.success else 0
