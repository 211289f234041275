"""The partition plan as text and HTML (placeholder by the lead; the helper's version replaces it)."""

from __future__ import annotations

from planner.model.partition_plan import PartitionPlan

__all__ = ["partition_plan_html", "partition_plan_text"]


def partition_plan_text(plan: PartitionPlan, width: int | None = None, unicode: bool | None = None) -> str:
    heavy = "\n".join(f"{key.key} {key.weight:g} {key.partition}" for key in plan.heaviest)
    return f"{plan.n_keys} keys, {plan.n_partitions} partitions on {plan.slots} slots\n{heavy}"


def partition_plan_html(plan: PartitionPlan) -> str:
    return f"<table><tr><td>{plan.n_keys}</td></tr></table>"
