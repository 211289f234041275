"""Lower bounds: makespans that no plan can be below, and why."""

from planner.bounds.lower_bound import lower_bound
from planner.bounds.spans import least_behind

__all__ = ["least_behind", "lower_bound"]
