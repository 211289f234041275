"""Lower bounds: makespans that no plan can be below, and why."""

from planner.bounds.lower_bound import lower_bound

__all__ = ["lower_bound"]
