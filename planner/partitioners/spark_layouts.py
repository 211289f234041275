"""What Spark would do by itself (placeholder by the lead; the helper's version replaces it)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from planner.model.arrays import Float64
from planner.model.partition_plan import Layout

__all__ = ["adaptive_layout", "estimated_row_bytes", "hash_layout", "in_order"]


def in_order(weights: Float64, speeds: Float64) -> float:
    heap = [(0.0, i) for i in range(len(speeds))]
    for weight in weights.tolist():
        free, slot = heap[0]
        heapq.heapreplace(heap, (free + weight / float(speeds[slot]), slot))
    return float(max(heap)[0])


def hash_layout(weights: Float64, speeds: Float64) -> Layout:
    held = weights[weights > 0]
    return Layout(
        "hash partitioning", len(held), in_order(weights, speeds), float(held.max() / held.mean()) if len(held) else 1.0
    )


def adaptive_layout(
    weights: Float64,
    size: Float64,
    speeds: Float64,
    *,
    advisory_bytes: int,
    min_partition_bytes: int,
    parallelism_first: bool,
    default_parallelism: int,
) -> Layout:
    target = (
        max(min_partition_bytes, min(advisory_bytes, -(-int(size.sum()) // default_parallelism)))
        if parallelism_first
        else advisory_bytes
    )
    groups, current, load = [], 0.0, 0.0
    for weight, part in zip(weights.tolist(), size.tolist(), strict=True):
        if current + part > target and current:
            groups.append(load)
            current, load = 0.0, 0.0
        current, load = current + part, load + weight
    held = np.array([*groups, load])
    held = held[held > 0]
    return Layout(
        "adaptive execution", len(held), in_order(held, speeds), float(held.max() / held.mean()) if len(held) else 1.0
    )


def estimated_row_bytes(types: Sequence[str]) -> float:
    return 16.0 * len(types)
