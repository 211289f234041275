"""The façade over everything below: plan, compare, simulate."""

from planner.pipeline.comparing import Comparison, compare, known_methods
from planner.pipeline.curves import Curve, curve
from planner.pipeline.efficiency import Efficiency, read_efficiency
from planner.pipeline.learning import experience_of
from planner.pipeline.planning import plan
from planner.pipeline.plans import Plan, read_plan
from planner.pipeline.replanning import replan
from planner.pipeline.simulating import Simulation, simulate

__all__ = [
    "Comparison",
    "Curve",
    "Efficiency",
    "Plan",
    "Simulation",
    "compare",
    "curve",
    "experience_of",
    "known_methods",
    "plan",
    "read_efficiency",
    "read_plan",
    "replan",
    "simulate",
]
