"""Partition plans of made-up keys, planned as `balance` plans them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from planner.model.partition_plan import HeavyKey, Layout, PartitionPlan
from planner.partitioners.groups import Items, group_items
from planner.partitioners.spark_layouts import adaptive_layout, hash_layout

__all__ = ["partition_plan", "zipf"]


def zipf(n: int, s: float, whole: float = 1000.0) -> np.ndarray:
    """Give weights that fall as 1 / rankˢ and sum to `whole`."""
    weight = 1 / np.arange(1, n + 1) ** s
    return whole * weight / weight.sum()


def partition_plan(
    weights: Sequence[float] | np.ndarray,
    slots: int = 8,
    *,
    names: Sequence[str] = (),
    unit: str = "",
    rows: int = 1000,
    partitions: int | None = None,
    split: bool = False,
    row_bytes: float = 20.0,
    shuffle_partitions: int = 200,
    **changes: Any,
) -> PartitionPlan:
    """Plan keys of such weights; `changes` are made to the plan afterwards."""
    weight = np.asarray(weights, dtype=np.float64)
    ones, speeds = np.ones(len(weight), dtype=np.int64), np.ones(slots)
    n_rows = np.rint(weight).astype(np.int64) if unit == "rows" else ones * rows
    grouping = group_items(Items(weight, n_rows, ones, ones > 0), speeds, partitions=partitions, split=split)
    hashed = np.random.default_rng(0).integers(0, shuffle_partitions, len(weight))
    load = np.bincount(hashed, weights=weight, minlength=shuffle_partitions)
    size = np.bincount(hashed, weights=n_rows * row_bytes, minlength=shuffle_partitions)
    limits: dict[str, Any] = {"advisory_bytes": 2**26, "min_partition_bytes": 2**20, "parallelism_first": True}
    adaptive, _ = adaptive_layout(load, size, speeds, default_parallelism=slots, **limits)
    held = grouping.weight[grouping.weight > 0]
    skew = float(held.max() / held.mean()) if len(held) else 1.0
    plan = PartitionPlan(
        by=("store",),
        weight={"rows": "rows", "s": "measured seconds"}.get(unit, "n_rows**2"),
        unit=unit,
        n_keys=len(weight),
        keys_exact=True,
        n_rows=int(n_rows.sum()),
        sampled=None,
        slots=slots,
        speeds=speeds,
        partition_weight=grouping.weight,
        partition_keys=grouping.keys,
        partition_rows=grouping.rows,
        heaviest=tuple(
            HeavyKey(
                names[i] if i < len(names) else f"s{i}",
                float(weight[i]),
                int(n_rows[i]),
                int(grouping.partitions[i][0]),
                len(set(grouping.partitions[i].tolist())),
            )
            for i in np.argsort(-weight, kind="stable")[:20].tolist()
        ),
        lower_bound=grouping.lower_bound,
        bound_reason=grouping.bound_reason,
        layouts=(Layout("planned", grouping.n, grouping.makespan, skew), adaptive, hash_layout(load, speeds)),
        notes=(),
        seconds=0.4321,
    )
    return replace(plan, **changes)
