"""Independent tasks on slots, as plain arrays: who takes what, so that the last one is done as early as possible."""

from planner.packing.assign import assign
from planner.packing.bounds import least_makespan
from planner.packing.earliest_completion import earliest_completion
from planner.packing.iterated_greedy import iterated_greedy
from planner.packing.karmarkar_karp import karmarkar_karp
from planner.packing.lp_rounding import lp_rounding
from planner.packing.lpt import lpt
from planner.packing.multifit import multifit
from planner.packing.pack import Packed, pack
from planner.packing.repartition import repartition

__all__ = [
    "Packed",
    "assign",
    "earliest_completion",
    "iterated_greedy",
    "karmarkar_karp",
    "least_makespan",
    "lp_rounding",
    "lpt",
    "multifit",
    "pack",
    "repartition",
]
