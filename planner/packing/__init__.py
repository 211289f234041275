"""Independent tasks on slots, as plain arrays: who takes what, so that the last one is done as early as possible."""

from planner.packing.bounds import least_makespan
from planner.packing.lpt import lpt
from planner.packing.multifit import multifit
from planner.packing.pack import Packed, pack
from planner.packing.repartition import repartition

__all__ = ["Packed", "least_makespan", "lpt", "multifit", "pack", "repartition"]
